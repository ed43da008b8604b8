"""Figure of a measurement: its values over time, and their distribution beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.arrays import Floats
from simulator.figures import style
from simulator.links.importers.model import Frames, ImportedTrace, RateSeries
from simulator.printable import one_line

#: steps beyond which the curve over time is drawn as the range in each of so many columns
_COLUMNS = 1500


def draw_trace(trace: ImportedTrace) -> Figure:
    """The figure of a trace: rates or round-trip times over time with their distribution, or frames by signal."""
    with style.drawing():
        figure = style.new_figure(style.PAGE_IN, 2.4)
        left, right = figure.subplots(1, 2, width_ratios=(2.4, 1))
        content = trace.content
        if isinstance(content, RateSeries):
            channel = content.channel()
            factor, unit = style.scale_of(float(np.percentile(content.rates_bps, 95)) or 1.0, "bit rate")
            time_factor, time_unit = style.scale_of(float(channel.edges_s[-1]), "time")
            label = f"Rate ({unit})"
            _over_time(left, channel.edges_s * time_factor, channel.rates_bps * factor)
            left.set_xlabel(f"Time ({time_unit})")
            draw_cdf(right, content.rates_bps * factor, "measured", 0)
        elif isinstance(content, Frames):
            label = "RSSI (dBm)"
            time_factor, time_unit = style.scale_of(float(content.times_s[-1]) or 1.0, "time")
            left.plot(content.times_s * time_factor, content.rssi_dbm, ".", markersize=1.5, color=style.BLUE)
            left.set_xlabel(f"Time ({time_unit})")
            draw_cdf(right, content.rssi_dbm[~np.isnan(content.rssi_dbm)], "measured", 0)
        else:
            factor, unit = style.scale_of(float(np.percentile(content.rtt_s, 95)), "time")
            label = f"Round-trip time ({unit})"
            _over_time(left, np.arange(content.rtt_s.size + 1.0), content.rtt_s * factor)
            left.set_xlabel("Number of the answer")
            draw_cdf(right, content.rtt_s * factor, "measured", 0)
        left.set_ylabel(label)
        right.set_xlabel(label)
        right.set_ylabel("Share of samples")
        for axes in (left, right):
            style.light_grid(axes, "both")
        left.set_title(one_line(f"{Path(trace.file).name}: {trace.direction}"), loc="left")
    return figure


def _over_time(axes: Axes, edges: Floats, values: Floats) -> None:
    """A step curve; a long one as its mean and its range in each of so many columns."""
    if values.size <= _COLUMNS:
        axes.stairs(values, edges, baseline=None, color=style.BLUE, linewidth=0.9)
    else:
        starts = np.linspace(0, values.size, _COLUMNS + 1).astype(int)[:-1]
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        middle = np.add.reduceat(values, starts) / np.diff(np.append(starts, values.size))
        axes.fill_between(edges[starts], low, high, step="post", color=style.SKY, linewidth=0)
        axes.plot(edges[starts], middle, color=style.BLUE, linewidth=0.8)
    axes.margins(x=0)
    axes.set_ylim(bottom=0)


def draw_cdf(axes: Axes, values: Floats, label: str, number: int) -> None:
    """The distribution function of some values as a step curve."""
    ordered, counts = np.unique(values, return_counts=True)
    shares = np.cumsum(counts) / values.size
    axes.step(
        np.append(ordered[0], ordered), np.append(0.0, shares), where="post", label=label, **style.line_looks(number)
    )
    axes.set_ylim(0, 1)
