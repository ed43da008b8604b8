"""Fits the numbers of a roofline card to published latencies, with priors so weak that rows overrule them.

Unknown are the logarithms of: rates of `conv`, `pointwise_conv` and `depthwise_conv` and the bandwidth, each as a
fraction of its peak; the overhead of a layer; the channels of half rate. Logarithms keep them positive. No rate and no
bandwidth passes its peak, but for dense convolutions that a fast algorithm computes with fewer products. The fit
minimises ``sum((log(predicted / published) / ROW_SPREAD)^2) + sum(((unknown - prior) / spread)^2)``: relative least
squares with log-normal priors. A first fit of each card starts from the same wide prior; the second takes its prior
from the first fits of the *other* cards of the family, so that a kind of layer which few rows show is not left to
chance. Cards without any row get that prior itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats
from simulator.devices.card import Card
from simulator.devices.latencies import Latency
from simulator.devices.roofline import (
    RooflineCompute,
    layer_channels,
    layer_runs,
    layer_work,
)
from simulator.errors import CardError, Problem
from simulator.physics.compute import layer_times_s, narrowed_rate
from simulator.profiling.graph import size_at
from simulator.profiling.model import ModelProfile

#: kinds of layer with a rate of their own in the fit
FITTED_KINDS = ("conv", "pointwise_conv", "depthwise_conv")

#: fractions of peak rate (one for each fitted kind) and of peak bandwidth, overhead in seconds, channels of half rate
WIDE_PRIOR = np.log(np.array([0.4, 0.3, 0.1, 0.5, 20e-6, 48.0]))
#: standard deviation of the wide prior's logarithms: a factor of 4.5
WIDE_SPREAD = 1.5
#: the same for the prior from the family: a factor of 1.65
FAMILY_SPREAD = 0.5
#: relative deviation that a row is expected to show
ROW_SPREAD = 0.1
#: cards with fewer rows tell the family nothing
ROWS_FOR_FAMILY = 4


@dataclass(frozen=True, eq=False)
class Work:
    """The layers of a model that run on their own: what they compute and move; arrays of shape (n,)."""

    macs: Floats
    moved_bytes: Floats
    integer_bytes: Floats
    channels: Floats
    kind: NDArray[np.int64]


@dataclass(frozen=True)
class Hardware:
    """What is known of a card before the fit."""

    family: str
    macs_per_s: float
    bytes_per_s: float
    element_bytes: int
    conv_saving: float = 1.0

    @property
    def highest(self) -> Floats:
        """Upper bounds of the unknowns: peaks as a card writes them, with few digits and never rounded up."""
        rates = [self.macs_per_s * (self.conv_saving if kind == "conv" else 1.0) for kind in FITTED_KINDS]
        limits = [_written(rate) / self.macs_per_s for rate in rates] + [_written(self.bytes_per_s) / self.bytes_per_s]
        bounds: Floats = np.log(np.array([*limits, np.inf, np.inf]))
        return bounds


@dataclass(frozen=True)
class Numbers:
    """The fitted numbers of a card, SI units."""

    rates: Mapping[str, float]
    bytes_per_s: float
    overhead_s: float
    half_rate_channels: float


def work_of(profile: ModelProfile) -> Work:
    """Work of a profile; kinds without a rate of their own count as `pointwise_conv`, a matrix product."""
    runs = layer_runs(profile)
    macs, moved, integers = layer_work(profile)
    names = [layer.kind if layer.kind in FITTED_KINDS else "pointwise_conv" for layer in profile.graph]
    kind = np.array([FITTED_KINDS.index(name) for name in names])
    return Work(macs[runs], moved[runs], integers[runs], layer_channels(profile)[runs], kind[runs])


def hardware_of(card: Card) -> Hardware:
    """Peaks of a card.

    Raises
    ------
    CardError
        If the card is no roofline card that says its peaks.
    """
    compute = card.compute
    if not isinstance(compute, RooflineCompute) or compute.calibration is None:
        message = f'card "{card.name}" has no peaks to start a calibration from'
        raise CardError(Problem(message, "give it compute.calibration with family, peak_rate and peak_bandwidth"))
    known = compute.calibration
    return Hardware(
        known.family,
        known.peak_rate.value,
        known.peak_bandwidth.value,
        card.element_bytes,
        1.0 if known.conv_saving is None else known.conv_saving.value,
    )


def _written(value: float) -> float:
    """The largest number of three digits that is not above a value."""
    scale = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.floor(value / scale * (1 + 1e-12)) * scale


def predict_s(unknown: Floats, hardware: Hardware, work: Work) -> float:
    """Latency of one inference for given unknowns."""
    numbers = np.exp(unknown)
    rates = narrowed_rate(hardware.macs_per_s * numbers[:3][work.kind], work.channels, float(numbers[5]))
    times_s = layer_times_s(
        work.macs,
        size_at(hardware.element_bytes, work.moved_bytes, work.integer_bytes),
        rates,
        np.ones(work.macs.size, dtype=np.bool_),
        float(hardware.bytes_per_s * numbers[3]),
        float(numbers[4]),
    )
    return float(times_s.sum())


def fit(hardware: Hardware, rows: Sequence[Latency], works: Mapping[str, Work], prior: Floats, spread: float) -> Floats:
    """Unknowns that fit the rows best under a prior and below the peaks."""
    from scipy.optimize import least_squares

    if not rows:
        return prior

    def residuals(unknown: Floats) -> Floats:
        data = [np.log(predict_s(unknown, hardware, works[row.model]) / row.latency_s) / ROW_SPREAD for row in rows]
        return np.concatenate((data, (unknown - prior) / spread))

    found: Floats = least_squares(residuals, prior, bounds=(-np.inf, hardware.highest)).x
    return found


def family_priors(
    hardware: Mapping[str, Hardware], rows: Mapping[str, Sequence[Latency]], works: Mapping[str, Work]
) -> dict[str, tuple[Floats, float]]:
    """Prior of every card with its spread.

    It is the mean of the wide prior and of the first fits of the other cards of its family; where no other card of the
    family has enough rows, the wide prior with its own spread.
    """
    first = {
        name: fit(hardware[name], rows[name], works, WIDE_PRIOR, WIDE_SPREAD)
        for name in hardware
        if len(rows[name]) >= ROWS_FOR_FAMILY
    }
    priors: dict[str, tuple[Floats, float]] = {}
    for name, known in hardware.items():
        others = [found for other, found in first.items() if other != name and hardware[other].family == known.family]
        priors[name] = (np.mean([WIDE_PRIOR, *others], axis=0), FAMILY_SPREAD if others else WIDE_SPREAD)
    return priors


def numbers_of(unknown: Floats, hardware: Hardware) -> Numbers:
    """SI numbers of a card from fitted unknowns.

    Linear layers, attention and all other kinds compute matrix products at the rate of `pointwise_conv`; grouped
    convolutions lie between dense and depthwise ones, at their geometric mean, and below the peak.
    """
    values = np.exp(unknown)
    rates = {kind: float(hardware.macs_per_s * value) for kind, value in zip(FITTED_KINDS, values, strict=False)}
    rates["grouped_conv"] = min((rates["conv"] * rates["depthwise_conv"]) ** 0.5, hardware.macs_per_s)
    rates["linear"] = rates["default"] = rates["pointwise_conv"]
    return Numbers(rates, float(hardware.bytes_per_s * values[3]), float(values[4]), float(values[5]))
