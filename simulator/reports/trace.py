"""What ``offload-sim trace info`` prints: where a measurement comes from, its statistics, and a sketch of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats
from simulator.links.fit import OUTAGE_BPS
from simulator.links.fit_losses import burst_lengths
from simulator.links.importers.model import Frames, ImportedTrace, RateSeries, RoundTrips
from simulator.printable import one_line
from simulator.units import human

PERCENTILES = (5, 10, 25, 50, 75, 90, 95, 99)
_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"
_WIDTH = 60
_LABEL = 12
_HOUR_S, _DAY_S = 3600.0, 86400.0
#: percentiles of RSSI and SNR
_FEW = (10, 50, 90)


def info_text(trace: ImportedTrace) -> str:
    """All that is known of a trace, one line each."""
    lines = [
        ("file", trace.file),
        ("format", trace.format),
        ("direction", trace.direction),
        ("technology", trace.technology or "not in the file"),
    ]
    content = trace.content
    if isinstance(content, RateSeries):
        lines += _rates(content)
    elif isinstance(content, RoundTrips):
        lines += _round_trips(content)
    else:
        lines += _frames(content)
    return "\n".join([one_line(f"{label:<{_LABEL}}{text}".rstrip()) for label, text in lines] + report_lines(trace))


def report_lines(trace: ImportedTrace) -> list[str]:
    """What the importer did, one finding a line."""
    if not trace.findings:
        return [f"{'report':<{_LABEL}}nothing dropped or changed"]
    return [one_line(f"{'report' if not k else '':<{_LABEL}}{finding}") for k, finding in enumerate(trace.findings)]


def outage_shares(series: RateSeries) -> tuple[float, float]:
    """Share of the samples, and share of the time (stalls included), below 10 kbit/s."""
    channel = series.channel()
    widths = np.diff(channel.edges_s)
    of_time = float(widths[channel.rates_bps < OUTAGE_BPS].sum() / widths.sum())
    return float(np.mean(series.rates_bps < OUTAGE_BPS)), of_time


def _rates(series: RateSeries) -> Iterator[tuple[str, str]]:
    channel = series.channel()
    widths = series.ends_s - series.times_s
    of_samples, of_time = outage_shares(series)
    yield "duration", _long(series.duration_s)
    same = np.allclose(widths, series.step_s, rtol=0.01)
    longest = "" if same else f" (median; longest {human(float(widths.max()), 'time')})"
    yield "step", human(series.step_s, "time") + longest
    runs = f" in {len(series.run_starts)} runs" if len(series.run_starts) > 1 else ""
    yield "samples", f"{series.rates_bps.size}{runs}"
    mean, over_time = float(series.rates_bps.mean()), channel.mean_rate_bps
    yield "mean", f"{human(mean, 'bit rate', 5)} of the samples, {human(over_time, 'bit rate', 5)} over time"
    yield from _percentiles(series.rates_bps, "bit rate")
    yield "outage", f"{of_samples:.1%} of the samples, {of_time:.1%} of the time below {human(OUTAGE_BPS, 'bit rate')}"
    edges = np.linspace(0.0, channel.edges_s[-1], _WIDTH + 1)
    means = np.diff(np.interp(edges, channel.edges_s, channel.cumulative_bits)) / np.diff(edges)
    yield "over time", sparkline(means, OUTAGE_BPS) + f"  to {human(float(means.max()), 'bit rate')}"


def _round_trips(trips: RoundTrips) -> Iterator[tuple[str, str]]:
    answered = trips.answered
    if trips.step_s is not None and answered is not None:
        yield "duration", human(trips.step_s * (answered.size - 1), "time", 4)
    yield "step", "not in the file" if trips.step_s is None else human(trips.step_s, "time")
    yield "samples", f"{trips.rtt_s.size} round-trip times"
    if answered is not None:
        lost = int((~answered).sum())
        yield "loss", f"{lost} of {answered.size} pings, {lost / answered.size:.1%}"
    mean, worst = human(float(trips.rtt_s.mean()), "time", 4), human(float(trips.rtt_s.max()), "time", 4)
    yield "mean", f"{mean}, highest {worst}"
    yield from _percentiles(trips.rtt_s, "time")
    means = np.array([part.mean() for part in np.array_split(trips.rtt_s, min(_WIDTH, trips.rtt_s.size))])
    yield "in order", sparkline(means) + f"  to {human(float(means.max()), 'time')}"


def _frames(frames: Frames) -> Iterator[tuple[str, str]]:
    span = float(frames.times_s[-1])
    yield "duration", _long(span)
    if frames.times_s.size > 1:
        yield "step", f"{human(float(np.median(np.diff(frames.times_s))), 'time')} between frames (median)"
    yield "samples", f"{frames.times_s.size} frames"
    stretches = frames.delivered()
    sent, arrived = sum(each.size for each in stretches), sum(int(each.sum()) for each in stretches)
    bursts = burst_lengths([~each for each in stretches])
    in_a_row = f"; losses in a row: mean {bursts.mean():.3g}, most {bursts.max()}" if bursts.size else ""
    yield "delivery", f"{arrived} of {sent} by the frame counter, {arrived / sent:.1%}{in_a_row}"
    shares = sorted(Counter(frames.spreading_factor.tolist()).items())
    total = frames.times_s.size
    yield (
        "spreading",
        ", ".join(f"{f'SF{factor}' if factor else 'FSK'} {count / total:.1%}" for factor, count in shares),
    )
    for label, values, unit in (("RSSI", frames.rssi_dbm, "dBm"), ("SNR", frames.snr_db, "dB")):
        known = values[~np.isnan(values)]
        if known.size:
            shown = ", ".join(f"p{p} {value:.4g}" for p, value in zip(_FEW, np.percentile(known, _FEW), strict=True))
            yield label, f"{shown} {unit}"
    yield (
        "mean",
        f"{human(float(frames.nominal_bps.mean()), 'bit rate', 4)} nominal bit rate, not what an application can send",
    )
    yield from _percentiles(frames.nominal_bps, "bit rate")
    if span > 0:
        counts, _ = np.histogram(frames.times_s, bins=_WIDTH)
        yield "over time", sparkline(counts) + f"  to {counts.max()} frames in {_long(span / _WIDTH)}"


def _long(duration_s: float) -> str:
    """A duration that may be days."""
    if duration_s >= 2 * _DAY_S:
        return f"{duration_s / _DAY_S:.1f} days"
    return f"{duration_s / _HOUR_S:.2f} h" if duration_s >= 2 * _HOUR_S else human(duration_s, "time", 5)


def _percentiles(values: Floats, dimension: str) -> Iterator[tuple[str, str]]:
    found = np.percentile(values, PERCENTILES)
    pairs = [f"p{p} {human(float(value), dimension)}" for p, value in zip(PERCENTILES, found, strict=True)]
    half = len(pairs) // 2
    yield "percentiles", ", ".join(pairs[:half])
    yield "", ", ".join(pairs[half:])


def sparkline(values: Floats | NDArray[np.int64], nothing_below: float = 0.0) -> str:
    """Bars from 0 to the highest value in one line; a dot where there is nothing (at most ``nothing_below``)."""
    highest = float(np.max(values))
    if highest <= 0:
        return _NOTHING * len(values)
    steps = np.minimum((np.asarray(values) / highest * len(_BARS)).astype(int), len(_BARS) - 1)
    return "".join(_NOTHING if value <= nothing_below else _BARS[k] for value, k in zip(values, steps, strict=True))
