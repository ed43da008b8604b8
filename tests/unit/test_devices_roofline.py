"""Roofline cards: which layers cost what, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers_by_hand import layer, profile

from simulator.devices.card import Card

pytestmark = pytest.mark.engine_free


def sourced(value: Any) -> dict[str, Any]:
    """A number with an origin."""
    return {"value": value, "estimated": "by hand"}


def card(scale: float = 1.0, precision: str = "float32", **compute: Any) -> Card:
    """2 GMAC/s for conv, 1 for pointwise_conv, 0.5 for the rest, 1 GB/s, 10 us; all faster by ``scale``."""
    spec = {
        "kind": "roofline",
        "rates": {
            "conv": sourced(f"{2 * scale!r} GMAC/s"),
            "pointwise_conv": sourced(f"{scale!r} GMAC/s"),
            "default": sourced(f"{0.5 * scale!r} GMAC/s"),
        },
        "bandwidth": sourced(f"{scale!r} GB/s"),
        "overhead": sourced(f"{10 / scale!r} us"),
    }
    return Card.model_validate(
        {
            "name": "by-hand",
            "title": "by hand",
            "role": "device",
            "precision": precision,
            "compute": spec | compute,
            "memory": sourced("1 GB"),
            "idle_power": sourced("1 W"),
            "active_power": sourced("2 W"),
        }
    )


NET = profile(
    layer("conv", "conv", 20_000_000, param_bytes=147_456),
    layer("bn", "norm", inputs=(0,), fused_into=0),
    layer("point", "pointwise_conv", 262_144, inputs=(1,), param_bytes=16_384),
    layer("view", "reshape", inputs=(2,)),
    layer("pool", "pool", inputs=(3,), output_bytes=256),
    layer("fc", "linear", 64_000, inputs=(4,), input_bytes=256, param_bytes=256_000, output_bytes=4_000),
)


def test_every_kind_of_bound_by_hand() -> None:
    """In seconds and before 10 us each: conv 20e6/2e9, point 262144/1e9, pool 16640/1e9, fc 260256/1e9."""
    expected = [0.010 + 1e-5, 0, 262.144e-6 + 1e-5, 0, 16.640e-6 + 1e-5, 260.256e-6 + 1e-5]
    np.testing.assert_allclose(card().layer_times_s(NET), expected, rtol=1e-12)


def test_fused_layers_and_reshapes_take_no_time() -> None:
    """What does not run on its own does not even pay the overhead."""
    assert card().layer_times_s(NET)[[1, 3]].tolist() == [0.0, 0.0]


def test_kind_without_a_rate_is_served_at_the_default() -> None:
    """A linear layer without memory traffic to hide behind runs at 0.5 GMAC/s."""
    net = profile(layer("fc", "linear", 10_000_000, input_bytes=0, output_bytes=0))
    assert card().layer_times_s(net)[0] == pytest.approx(0.020 + 1e-5, rel=1e-12)


def test_smaller_elements_move_faster() -> None:
    """int8 moves a quarter of the bytes of float32: pool takes 16640/4 ns and the overhead."""
    assert card(precision="int8").layer_times_s(NET)[4] == pytest.approx(4.160e-6 + 1e-5, rel=1e-12)


def test_integers_move_as_slowly_at_every_precision() -> None:
    """4096 token ids of 8 bytes are read and 16384 numbers written: 32 768 bytes and 16 384 x 4, 2 or 1 bytes."""
    net = replace(profile(layer("embed", "embedding", input_bytes=32_768, output_bytes=65_536)), input_dtype="int64")
    for precision, element_bytes in (("float32", 4), ("float16", 2), ("int8", 1)):
        moved = 32_768 + 2 * 16_384 * element_bytes  # rows looked up, and written
        assert card(precision=precision).layer_times_s(net)[0] == pytest.approx(moved / 1e9 + 1e-5, rel=1e-12)


def test_narrow_convolution_is_slower_and_wide_kinds_are_not() -> None:
    """64 channels at 64 half-rate channels: conv takes twice 10 ms, the linear layer no longer than before."""
    times = card(half_rate_channels=sourced(64)).layer_times_s(NET)
    assert times[0] == pytest.approx(0.020 + 1e-5, rel=1e-12)
    assert times[5] == card().layer_times_s(NET)[5]


def test_first_convolution_is_as_narrow_as_the_image() -> None:
    """A layer with few output channels counts those, whichever side is narrower."""
    net = profile(layer("stem", "conv", 20_000_000, output_shape=(1, 16, 8, 8)))
    times = card(half_rate_channels=sourced(48)).layer_times_s(net)
    assert times[0] == pytest.approx(0.040 + 1e-5, rel=1e-12)


def test_embedding_reads_its_rows_not_its_table() -> None:
    """A table of 90 MB costs what is looked up: 16384 bytes in, the rows read and written."""
    net = profile(layer("words", "embedding", param_bytes=90_000_000))
    assert card().layer_times_s(net)[0] == pytest.approx(3 * 16384 / 1e9 + 1e-5, rel=1e-12)


@given(st.floats(1e-3, 1e3))
def test_scaling_every_rate_scales_every_time_by_the_inverse(scale: float) -> None:
    """Rates, bandwidth and overhead k times better: every layer takes 1/k of the time."""
    np.testing.assert_allclose(card(scale).layer_times_s(NET) * scale, card().layer_times_s(NET), rtol=1e-9)
