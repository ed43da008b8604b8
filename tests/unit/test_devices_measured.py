"""Measured cards: times of one model's modules, cut where they were measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layers_by_hand import layer, profile

from simulator.devices.measured import MeasuredCompute
from simulator.errors import CardError

pytestmark = pytest.mark.engine_free

NET = profile(
    layer("stem.conv", "conv", 300),
    layer("stem.bn", "norm", inputs=(0,), fused_into=0),
    layer("body.0", "conv", 100, inputs=(1,)),
    layer("body.1", "conv", 300, inputs=(2,)),
    layer("body.2.pool", "pool", inputs=(3,)),
    layer("head", "linear", 50, inputs=(4,)),
)


def measured(**times_ms: float) -> MeasuredCompute:
    """A table of times; an underscore in a name stands for a dot."""
    times: dict[str, Any] = {
        name.replace("_", "."): {"value": f"{time} ms", "source": "a stopwatch"} for name, time in times_ms.items()
    }
    return MeasuredCompute.model_validate({"kind": "measured", "model": "by_hand", "times": times})


def test_module_time_is_shared_by_macs_and_a_longer_name_goes_first() -> None:
    """Module body takes 8 ms for its two convolutions (1:3), body.2 its own 2 ms; fused layers take none."""
    times = measured(stem=5, body=8, body_2=2, head=1).layer_times_s(NET, 4)
    np.testing.assert_allclose(times, [0.005, 0, 0.002, 0.006, 0.002, 0.001], rtol=1e-12)


def test_other_model_is_refused() -> None:
    """Times of one model say nothing about another."""
    with pytest.raises(CardError, match='measured times of "by_hand" say nothing about "other"'):
        measured(stem=5, body=8, head=1).layer_times_s(profile(layer("a", "conv"), name="other"), 4)


def test_gaps_and_strangers_are_listed_together() -> None:
    """A layer without a time and a row without a layer: two problems, each named."""
    with pytest.raises(CardError) as caught:
        measured(stem=5, body=8, haed=1).layer_times_s(NET, 4)
    text = str(caught.value)
    assert 'layer "head" has no measured time' in text
    assert 'no layer of "by_hand" is called "haed"' in text
    assert len(caught.value.problems) == 2
