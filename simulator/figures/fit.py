"""Figure of a fit: distribution and autocorrelation, of the measurement and of what its generator draws."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.figures import style
from simulator.figures.trace import draw_cdf
from simulator.links.fit import autocorrelation
from simulator.links.fit_losses import burst_lengths
from simulator.links.generator import MarkovGenerator
from simulator.studies.fit import Fit

_LAGS = 60
_LABELS = ("measured", "generated")


def draw_fit(fit: Fit) -> Figure:
    """The figure of a fit."""
    with style.drawing():
        figure = style.new_figure(style.PAGE_IN, 2.7)
        left, right = figure.subplots(1, 2)
        if isinstance(fit.generator, MarkovGenerator):
            factor, unit = style.scale_of(float(np.percentile(np.concatenate(fit.measured), 95)) or 1.0, "bit rate")
            for number, runs in enumerate((fit.measured, fit.generated)):
                draw_cdf(left, np.concatenate(runs) * factor, _LABELS[number], number)
            left.set_xlabel(f"Rate ({unit})")
            left.set_ylabel("Share of samples")
            step, time_unit = fit.generator.step, "s"
        else:
            for number, runs in enumerate((fit.measured, fit.generated)):
                bursts = burst_lengths([run.astype(np.bool_) for run in runs])
                draw_cdf(left, bursts.astype(float), _LABELS[number], number)
            left.set_xlabel("Frames lost in a row")
            left.set_ylabel("Share of bursts")
            left.set_xscale("log")
            style.plain_log_axis(left.xaxis)
            step, time_unit = 1.0, "frames"
        _draw_autocorrelation(right, fit, step)
        right.set_xlabel(f"Lag ({time_unit})")
        right.set_ylabel("Autocorrelation")
        for axes in (left, right):
            style.light_grid(axes, "both")
        handles, labels = left.get_legend_handles_labels()
        style.legend_below(figure, handles, labels, 2)
        figure.suptitle(fit.generator.title, x=0.01, ha="left")
    return figure


def _draw_autocorrelation(axes: Axes, fit: Fit, step: float) -> None:
    longest = max(run.size for run in fit.measured)
    lags = range(1, max(2, min(_LAGS, longest // 4)))
    for number, runs in enumerate((fit.measured, fit.generated)):
        values = np.concatenate(([1.0], autocorrelation(runs, lags)))
        axes.plot(np.array([0, *lags]) * step, values, **style.line_looks(number))
    axes.axhline(0.0, color=style.LIGHT_GREY, linewidth=0.7, zorder=0)
    axes.margins(x=0)
