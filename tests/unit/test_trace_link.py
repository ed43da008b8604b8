"""Traces as channels: time counts from the first row, and the last row holds as long as the one before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import trace

from simulator.links.trace import read_trace


@pytest.mark.parametrize("start", [0.0, 5.0])
def test_segments_begin_with_their_rows_and_the_last_is_as_long_as_the_one_before(tmp_path: Path, start: float) -> None:
    rows = [(start, 1e6), (start + 1, 0.0), (start + 3, 2e6)]
    channel = read_trace(Path(trace(tmp_path, rows)))
    assert channel.edges_s.tolist() == [0, 1, 3, 5]
    assert channel.rates_bps.tolist() == [1e6, 0, 2e6]


def test_one_row_is_a_constant_rate(tmp_path: Path) -> None:
    channel = read_trace(Path(trace(tmp_path, [(7.0, 1e6)])))
    assert (channel.rates_bps.tolist(), channel.mean_rate_bps) == ([1e6], 1e6)
