"""Loops over time are written once with their count, and reading a file gives back the same layers."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles_by_hand import layer, profile

from simulator import paths
from simulator.errors import ProfileError
from simulator.profiling.fileformat import COLUMNS
from simulator.profiling.folding import LEAST, fold, unfold
from simulator.profiling.model import INPUT, Layer, ModelProfile, load_profile

pytestmark = pytest.mark.engine_free

KINDS = ("linear", "elementwise", "activation")


@st.composite
def graphs(draw: st.DrawFn) -> list[list[Any]]:
    """Rows of stretches that repeat, of stretches that do not, and of almost repeating ones, in any wiring."""
    rows: list[list[Any]] = []
    for stretch in range(draw(st.integers(1, 4))):
        start, length = len(rows), draw(st.integers(1, 4))
        reference = st.tuples(st.sampled_from(("back", "stay", "step")), st.integers(1, 9), st.integers(-1, 3))
        rows_of_body = st.tuples(st.sampled_from(KINDS), st.lists(reference, max_size=2))
        body = draw(st.lists(rows_of_body, min_size=length, max_size=length))
        for turn in range(draw(st.integers(1, 12))):
            for place, (kind, wiring) in enumerate(body):
                here = len(rows)
                reads = {"back": lambda n, _, at: at - n, "stay": lambda n, s, _: s - n}
                inputs = [
                    start - n + turn * step if how == "step" else reads[how](n, start, here) for how, n, step in wiring
                ]
                inputs = [min(max(INPUT, one), here - 1) for one in inputs]
                one = layer(f"m{stretch}.{3 * turn + place}.x07_{turn}", inputs, kind=kind)
                fused = here - 1 if here and kind == "activation" and draw(st.booleans()) else None
                shared = ((inputs[0], 8),) if inputs and inputs[0] >= 0 and kind == "linear" else ()
                own = 5 if turn == 0 and kind == "linear" else 0
                one = replace(one, fused_into=fused, shared=shared, params=own, param_bytes=4 * own)
                rows.append([getattr(one, column) for column in COLUMNS])
    return rows


def as_read(items: Any) -> Any:
    return json.loads(json.dumps(items))


@given(graphs())
@settings(max_examples=300)
def test_unfolding_a_folded_graph_gives_the_graph(rows: list[list[Any]]) -> None:
    """For every graph, through the text of a file."""
    problems: list[Any] = []
    assert unfold(as_read(fold(rows, COLUMNS)), COLUMNS, problems) == as_read(rows)
    assert problems == []


def unrolled(steps: int) -> ModelProfile:
    """One step after another over parts of the input: each reads its part, the state before and the weights again."""
    graph: list[Layer] = [layer(f"part_{step}", [INPUT], 4, kind="reshape", macs=0) for step in range(steps)]
    for step in range(steps):
        state = [len(graph) - 1] if step else []
        graph.append(layer(f"cell_{step}", [step, *state], 8, kind="recurrent", macs=40))
        owner = {"shared": ((steps, 64),)} if step else {"params": 16, "param_bytes": 64}
        graph[-1] = replace(graph[-1], **owner)
        graph.append(layer(f"act_{step}", [len(graph) - 1], 8, kind="activation", macs=0, fused_into=len(graph) - 1))
    return replace(profile([*graph, layer("fc", [len(graph) - 1, steps], 4)]), params=16)


def test_a_loop_of_a_hundred_steps_is_stored_with_one_body(tmp_path: Path) -> None:
    """A hundred parts, the first step with the parameters, ninety-nine steps that share them, and the rest."""
    original = unrolled(100)
    file = original.save(tmp_path / "loop.json")
    graph = json.loads(file.read_text())["graph"]
    assert [(item["repeat"], len(item["body"])) for item in graph if isinstance(item, dict)] == [(100, 1), (99, 2)]
    assert len(graph) == 1 + 2 + 1 + 1
    loaded = load_profile(file)
    assert loaded == original
    assert loaded.sha256 == original.sha256
    assert loaded.cut_points == original.cut_points


def test_inside_a_loop_the_network_is_cut_as_before(tmp_path: Path) -> None:
    """Behind step 50: its state of 8 bytes, the first one that the end reads, and 400 bytes of parts yet to come."""
    loaded = load_profile(unrolled(100).save(tmp_path / "loop.json"))
    cut = next(cut for cut in loaded.cut_points if cut.name == "cell_50")
    assert (cut.bytes, cut.macs_before) == (8 + 8 + 49 * 4, 51 * 40)


def test_a_few_repetitions_and_parameters_of_their_own_are_not_folded() -> None:
    """A file stays as it is read best where there is no loop."""
    rows = [[getattr(one, column) for column in COLUMNS] for one in unrolled(LEAST - 1).graph]
    assert fold(rows, COLUMNS) == rows
    apart = [replace(one, params=4, param_bytes=16, shared=()) for one in unrolled(50).graph]
    rows = [[getattr(one, column) for column in COLUMNS] for one in apart]
    assert fold(rows, COLUMNS) == rows


def test_the_shipped_profiles_have_no_loops() -> None:
    """Each is one layer per line; written again, it has the same bytes."""
    for file in sorted(paths.folder("model").glob("*.json"))[::7]:
        assert load_profile(file).text == file.read_text(encoding="utf-8")


def test_graphs_that_almost_repeat_fold_in_time() -> None:
    """Twenty thousand rows of the same look, wired without any order, in a few seconds."""
    rows = [[getattr(layer(f"x_{k}", [(k * k) % (k + 1) - 1]), column) for column in COLUMNS] for k in range(20_000)]
    started = time.process_time()
    fold(rows, COLUMNS)
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda item: item.update(repeat=0), "not repeated a whole number of times"),
        (lambda item: item.update(repeat=True), "not repeated a whole number of times"),
        (lambda item: item.update(repeat=10**9), "unfold to more than 1e\\+06 layers"),
        (lambda item: item.update(body=[]), "is not a list of rows"),
        (lambda item: item.update(more=1), "with the keys repeat, body"),
        (lambda item: item["body"][0].pop(), "is not a row of"),
        (lambda item: item["body"][0].__setitem__(6, 5), "is not a list"),
        (lambda item: item["body"][0].__setitem__(6, [[1, 2, 3]]), "neither \\[layers before\\] nor"),
        (lambda item: item["body"][0].__setitem__(6, [[10**6]]), "is not a whole number of at least -1"),
        (lambda item: item["body"][0].__setitem__(0, [["x"]]), "neither a text nor"),
        (lambda item: item["body"][0].__setitem__(0, "x"), 'are both called "x"'),
        (lambda item: item["body"][0].__setitem__(3, -1), "-1 is not a whole number"),
    ],
)
def test_a_damaged_body_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    """With its place, and once where it is wrong in every repetition."""
    document = json.loads(unrolled(20).text)
    change(next(item for item in document["graph"] if isinstance(item, dict) and len(item["body"]) == 2))
    file = tmp_path / "damaged.json"
    file.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=message) as caught:
        load_profile(file)
    assert len(caught.value.problems) < 25
