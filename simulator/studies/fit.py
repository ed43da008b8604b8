"""Fitting a generator to a measurement, and comparing what it draws with what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.arrays import Floats
from simulator.errors import Problem, TraceError
from simulator.links.fit import OUTAGE_BPS, Origin, fit_markov, on_regular_grid, rate_statistics, sampled
from simulator.links.fit_blockage import fit_blockage
from simulator.links.fit_losses import fit_gilbert_elliott, loss_statistics
from simulator.links.fit_stalls import outage_lengths
from simulator.links.generator import GilbertElliottGenerator, LossStatistics, MarkovGenerator, RateStatistics
from simulator.links.gilbert_elliott import draw_losses
from simulator.links.importers.model import Frames, ImportedTrace, RateSeries
from simulator.links.lone_transfers import TOLERANCES, transfer_statistics
from simulator.links.markov import generate
from simulator.physics.link import Channel
from simulator.printable import one_line
from simulator.units import human

#: steps drawn for the comparison: ten times the measurement, within these bounds
_TIMES, _LEAST, _MOST = 10, 20_000, 400_000
#: the same for the rows of outages and transfers, of which a measurement may hold a single long one
_RARE_TIMES, _RARE_LEAST, _RARE_MOST = 1000, 1_000_000, 3_000_000
#: size of the lone transfer whose times are compared, about a JPEG image, and start instants
_TRANSFER_BITS, _STARTS = 45e3 * 8, 300_000
#: percentiles of the lengths of outages
_OUTAGE_PERCENTILES = (50, 90, 99)
_SEED = 1


class Beside(NamedTuple):
    """A statistic of the measurement beside that of what the generator draws, as texts."""

    name: str
    measured: str
    generated: str


@dataclass(frozen=True, eq=False)
class Fit:
    """A generator beside its measurement.

    Attributes
    ----------
    file : str
        Path of the measurement.
    generator : MarkovGenerator or GilbertElliottGenerator
    measured, generated : list of array of float
        Rates in bit/s on the step of the generator, or 1 for each lost frame; one array for each separate run.
    rare : list of Beside
        Rows of the comparison that need more than ``generated``: lengths of outages, times of transfers.
    """

    file: str
    generator: MarkovGenerator | GilbertElliottGenerator
    measured: Sequence[Floats]
    generated: Sequence[Floats]
    rare: Sequence[Beside] = ()


def fit_trace(trace: ImportedTrace, origin: Origin | None = None) -> Fit:
    """Fit the generator that suits a trace: Markov to rates, Gilbert-Elliott to the losses of frames or pings.

    Parameters
    ----------
    trace : ImportedTrace
    origin : Origin, optional
        What the generator says about its measurement; the name of the file without it.

    Raises
    ------
    TraceError
        If the trace is too short, or has no losses to fit.
    """
    content = trace.content
    origin = origin or _origin(trace)
    try:
        if isinstance(content, RateSeries):
            return _fit_rates(trace.file, content, origin)
        if isinstance(content, Frames):
            return _fit_losses(trace.file, [~stretch for stretch in content.delivered()], origin)
        if content.answered is None:
            raise TraceError(
                Problem("does not number its pings", "losses cannot be told from it, and it holds no rates")
            )
        return _fit_losses(trace.file, [~content.answered], origin)
    except TraceError as error:
        raise TraceError(Problem(each.message, each.hint, file=trace.file) for each in error.problems) from error


def _origin(trace: ImportedTrace) -> Origin:
    file = one_line(Path(trace.file).name)
    known = ", ".join(part for part in (trace.technology, trace.direction) if part)
    return Origin(
        name=file,
        title=f"{file}: {known}",
        source=f"measurement {file}, read as {trace.format}",
        licence="that of the measurement, which is not part of this file",
    )


def _fit_rates(file: str, series: RateSeries, origin: Origin) -> Fit:
    generator = fit_markov(series, origin)
    runs, step = sampled(series)
    count = sum(run.size for run in runs)
    longer = int(np.clip(_RARE_TIMES * count, _RARE_LEAST, _RARE_MOST))
    drawn = generate(generator, np.random.SeedSequence(_SEED), longer * step)
    rows = _outage_rows(np.concatenate(runs), drawn.rates_bps, step) + _transfer_rows(series.channel(), drawn)
    return Fit(file, generator, runs, [drawn.rates_bps[: _steps(count)]], rows)


def _fit_losses(file: str, runs: list[np.ndarray], origin: Origin) -> Fit:
    generator = fit_gilbert_elliott(runs, origin)
    drawn = draw_losses(generator.chain, np.random.SeedSequence(_SEED), _steps(sum(run.size for run in runs)))
    return Fit(file, generator, [run.astype(float) for run in runs], [drawn.astype(float)])


def _steps(measured: int) -> int:
    return int(np.clip(_TIMES * measured, _LEAST, _MOST))


def fit_text(fit: Fit) -> str:
    """The statistics of both, side by side."""
    if isinstance(fit.generator, MarkovGenerator):
        drawn = rate_statistics(fit.generated, fit.generator.step)
        rows = [*_rate_rows(fit.generator.fitted_to, drawn), *fit.rare]
        stalls = len(fit.generator.stalls)
        head = (
            f"markov: {len(fit.generator.states)} states, {stalls} kind{'' if stalls == 1 else 's'} of stalls, "
            f"step {human(fit.generator.step, 'time')}"
        )
    else:
        rows = _loss_rows(fit.generator.fitted_to, loss_statistics([run.astype(np.bool_) for run in fit.generated]))
        good, bad = fit.generator.good_to_bad, fit.generator.bad_to_good
        loss = f"loses {fit.generator.loss_good:.2%} when good, {fit.generator.loss_bad:.2%} when bad"
        head = f"gilbert-elliott: good to bad {good:.4g}, bad to good {bad:.4g} per frame; {loss}"
    return "\n".join(_side_by_side(head, rows))


def blockage_text(trace: ImportedTrace, below_bps: float) -> str:
    """A blockage link fitted to a trace, as a scenario writes it, and what it draws beside what was measured.

    Raises
    ------
    TraceError
        If the trace holds no rates, or its rate does not fall and rise through the threshold.
    """
    content = trace.content
    if not isinstance(content, RateSeries):
        raise TraceError(Problem("holds no rates", "blockages are fitted to rates over time", file=trace.file))
    try:
        link = fit_blockage(content, below_bps)
    except TraceError as error:
        raise TraceError(Problem(each.message, each.hint, file=trace.file) for each in error.problems) from error
    runs, step = on_regular_grid(content)
    count = _steps(sum(run.size for run in runs))
    drawn = link.model_copy(update={"length": count * step}).draw(None, np.random.SeedSequence(_SEED))
    carried = np.interp(np.arange(count + 1) * step, drawn.edges_s, drawn.cumulative_bits)
    rows = _rate_rows(rate_statistics(runs, step), rate_statistics([np.diff(carried) / step], step))
    fields = link.model_dump(mode="json", include={"clear", "blocked", "mean_clear", "mean_blocked"})
    written = ", ".join(f"{name}: {value}" for name, value in fields.items())
    head = f"blockage: {link.blocked_share:.2%} of the time blocked, which is below {human(below_bps, 'bit rate')}"
    return "\n".join([*_side_by_side(head, rows), f"{{{written}}}"])


def _side_by_side(head: str, rows: list[Beside]) -> list[str]:
    lines = [head, f"{'':<20}{'measured':>16}{'generated':>16}"]
    return lines + [f"{row.name:<20}{row.measured:>16}{row.generated:>16}" for row in rows]


def _rate_rows(measured: RateStatistics, drawn: RateStatistics) -> list[Beside]:
    rows = [
        Beside(name, human(getattr(measured, name), "bit rate", 4), human(getattr(drawn, name), "bit rate", 4))
        for name in ("mean", "deviation", "p10", "p50", "p90")
    ]
    rows.append(Beside("outage", f"{measured.outage:.2%}", f"{drawn.outage:.2%}"))
    return rows + _lag_rows(measured, drawn)


def _outage_rows(measured: Floats, drawn: Floats, step_s: float) -> list[Beside]:
    """Percentiles of the lengths of outages; none where neither has one."""
    both = [outage_lengths(rates, OUTAGE_BPS) * step_s for rates in (measured, drawn)]
    if not any(lengths.size for lengths in both):
        return []
    # a length that was there, not one between two
    shown = [(f"p{percent}", percent) for percent in _OUTAGE_PERCENTILES] + [("longest", 100)]
    rows = []
    for name, percent in shown:
        left, right = (
            _time(float(np.percentile(each, percent, method="inverted_cdf"))) if each.size else "none" for each in both
        )
        rows.append(Beside(f"outages, {name}", left, right))
    return rows


def _transfer_rows(recording: Channel, drawn: Channel) -> list[Beside]:
    """How long lone transfers take that start at any instant."""
    both = [transfer_statistics(channel, _TRANSFER_BITS, _STARTS) for channel in (recording, drawn)]
    size = f"{_TRANSFER_BITS / 8e3:g} kB"
    return [
        Beside(f"{size}, {name}", _time(float(left)), _time(float(right)))
        for name, left, right in zip(TOLERANCES, *both, strict=True)
    ]


def _time(seconds: float) -> str:
    return human(seconds, "time", 4)


def _loss_rows(measured: LossStatistics, drawn: LossStatistics) -> list[Beside]:
    rows = [
        Beside("frames", str(measured.frames), str(drawn.frames)),
        Beside("lost", f"{measured.lost:.2%}", f"{drawn.lost:.2%}"),
        Beside("lost in a row, mean", f"{measured.burst_mean:.4g}", f"{drawn.burst_mean:.4g}"),
        Beside("lost in a row, most", str(measured.burst_longest), str(drawn.burst_longest)),
    ]
    return rows + _lag_rows(measured, drawn)


def _lag_rows(measured: RateStatistics | LossStatistics, drawn: RateStatistics | LossStatistics) -> list[Beside]:
    later = dict(zip(drawn.lags, drawn.autocorrelation, strict=True))
    pairs = zip(measured.lags, measured.autocorrelation, strict=True)
    return [Beside(f"autocorrelation {lag}", f"{value:.3f}", f"{later[lag]:.3f}") for lag, value in pairs]
