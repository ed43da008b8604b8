"""Quantised weights keep their size on a processor of any precision: in memory, and where they are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layers_by_hand import layer, profile

from simulator.devices.roofline import layer_work
from simulator.errors import ProfileError
from simulator.profiling.graph import size_at
from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.model import ModelProfile, load_profile


def mixed() -> ModelProfile:
    """100 weights of one byte and 10 of four; a second layer reads both again, a third has 50 of four bytes."""
    first = layer("a", "linear", params=110, param_bytes=140, integer_param_bytes=100)
    again = layer("b", "linear", inputs=(0,), shared=((0, 140),), shared_integers=((0, 100),))
    return profile(first, again, layer("c", "linear", inputs=(1,), params=50, param_bytes=200))


@pytest.mark.parametrize(("element_bytes", "first", "last"), [(4, 140, 200), (2, 120, 100), (1, 110, 50)])
def test_memory_holds_integers_at_their_size(element_bytes: int, first: int, last: int) -> None:
    """100 + 10 x 4, 2 or 1 bytes in front, the same for the layer that shares them, and 50 x 4, 2 or 1 at the end."""
    needs = MemoryNeeds(mixed(), (0, 1, 2), element_bytes)
    assert [needs.before(place)[0] for place in range(4)] == [0, first, first, first + last]
    assert [needs.after(place)[0] for place in range(4)] == [first + last, first + last, last, 0]


def test_reads_of_integers_keep_their_size() -> None:
    """Moved bytes at half precision: half of the tensors of 16 384 bytes in and out, and 120 of the weights each."""
    _, moved, integers = layer_work(mixed())
    assert size_at(2, moved, integers).tolist() == [16384 + 120, 16384 + 120, 16384 + 100]


def test_a_lookup_in_a_table_of_integers_reads_rows_of_integers() -> None:
    """Eight tokens of eight bytes in, eight rows of 16 bytes read and written: none of it shrinks."""
    table = layer(
        "table",
        "embedding",
        params=1600,
        param_bytes=1600,
        integer_param_bytes=1600,
        input_bytes=64,
        output_bytes=128,
        integer_bytes=128,
    )
    _, moved, integers = layer_work(replace(profile(table), input_shape=(1, 8), input_dtype="int64"))
    assert size_at(2, moved, integers).tolist() == [64 + 128 + 128]


def test_integers_are_stored_where_there_are_any(tmp_path: Path) -> None:
    """A profile without them has no column for them."""
    loaded = load_profile(mixed().save(tmp_path / "mixed.json"))
    assert loaded == mixed()
    plain = profile(layer("a", "linear", params=10, param_bytes=40))
    assert "integer_param_bytes" not in plain.text


@pytest.mark.parametrize("wrong", [{"integer_param_bytes": 141}, {"shared_integers": ((0, 1),)}])
def test_more_integers_than_parameters_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    first, *others = mixed().graph
    file = replace(mixed(), graph=(replace(first, **wrong), *others)).save(tmp_path / "mixed.json")  # type: ignore[arg-type]
    with pytest.raises(ProfileError, match='layer 0 "a" reads more integer parameters than parameters'):
        load_profile(file)


@pytest.mark.torch
@pytest.mark.parametrize("as_buffer", [False, True])
def test_quantised_weights_of_a_module_count_as_they_are_stored(as_buffer: bool) -> None:
    """A table of 100 x 8 bytes looked up, and 8 x 5 weights of one byte with five scales, used twice."""
    torch = pytest.importorskip("torch")
    from simulator.profiling.extract.assemble import assemble
    from simulator.profiling.extract.sources import Blueprint

    class Quantised(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            for name, shape in (("table", (100, 8)), ("weight", (8, 8))):
                values = torch.ones(shape, dtype=torch.int8)
                if as_buffer:
                    self.register_buffer(name, values)
                else:
                    self.register_parameter(name, torch.nn.Parameter(values, requires_grad=False))
            self.scale = torch.nn.Parameter(torch.ones(8, 1))
            self.register_buffer("mask", torch.ones(4, 1, dtype=torch.uint8))

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            rows = torch.nn.functional.embedding(tokens, self.table).float()
            weight = self.weight.float() * self.scale
            once = torch.nn.functional.linear(rows * self.mask, weight)
            return torch.nn.functional.linear(once, weight)

    found = assemble(Blueprint("q", "tests:q", Quantised, (1, 4), input_dtype="int64"))
    table, first, second = (one for one in found.graph if one.kind in ("embedding", "linear"))
    assert (table.params, table.param_bytes, table.integer_param_bytes) == (800, 800, 800)
    assert (first.params, first.param_bytes, first.integer_param_bytes) == (72, 64 + 32, 64)
    place = found.graph.index(first)
    assert (second.shared, second.shared_integers) == (((place, 96),), ((place, 64),))
    assert found.params == 872
    weights = [MemoryNeeds(found, range(len(found.graph)), size).before(len(found.graph))[0] for size in (4, 2, 1)]
    assert np.array_equal(weights, [800 + 64 + 32, 800 + 64 + 16, 800 + 64 + 8])
