"""Calibration of the device cards: which published latencies are fitted, which only test, and what comes out.

Rule of the split, the same for all cards: the models of a card sorted by MACs (equal ones by name), every third of
them held out, starting with the second; cards with fewer than five rows hold none out. The numbers that go into a card
are fitted without its held-out rows. Leave-one-out shows besides what happens to the smallest and the largest model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator import paths
from simulator.devices.card import load_card
from simulator.devices.fitting import (
    Hardware,
    Numbers,
    family_priors,
    fit,
    hardware_of,
    numbers_of,
    predict_s,
    work_of,
)
from simulator.devices.latencies import Latency
from simulator.devices.roofline import RooflineCompute
from simulator.profiling.model import ModelProfile

#: cards with fewer rows hold none out
ROWS_TO_HOLD_OUT = 5
#: cards with fewer rows have no leave-one-out error
ROWS_TO_LEAVE_ONE_OUT = 3


@dataclass(frozen=True)
class Outcome:
    """Calibration of one card.

    Attributes
    ----------
    card : str
    fitted, held_out : tuple of Latency
        Rows of the fit, and rows that only tested it.
    numbers : Numbers
        What goes into the card.
    left_out : mapping of str to float
        For each model the relative error of its prediction when only its row was left out.
    seen : frozenset of str
        Kinds of layers that the fitted models have.
    """

    card: str
    fitted: tuple[Latency, ...]
    held_out: tuple[Latency, ...]
    numbers: Numbers
    left_out: Mapping[str, float]
    seen: frozenset[str]


def split(rows: Sequence[Latency], profiles: Mapping[str, ModelProfile]) -> tuple[list[Latency], list[Latency]]:
    """Rows of one card to fit and rows to hold out, both sorted by MACs."""
    ordered = sorted(rows, key=lambda row: (profiles[row.model].macs, row.model))
    if len(ordered) < ROWS_TO_HOLD_OUT:
        return ordered, []
    held_out = ordered[1::3]
    return [row for row in ordered if row not in held_out], held_out


def calibrate(rows: Sequence[Latency], profiles: Mapping[str, ModelProfile]) -> list[Outcome]:
    """Fit every built-in roofline card that says its peaks.

    Parameters
    ----------
    rows : sequence of Latency
        Published latencies; excluded ones are ignored.
    profiles : mapping of str to ModelProfile
        Profile of every model in the rows.
    """
    cards = [load_card(name) for name in paths.names("device")]
    known: dict[str, Hardware] = {
        card.name: hardware_of(card)
        for card in cards
        if isinstance(card.compute, RooflineCompute) and card.compute.calibration is not None
    }
    works = {name: work_of(profile) for name, profile in profiles.items()}
    usable = {name: [row for row in rows if row.card == name and not row.excluded] for name in known}
    parts = {name: split(own, profiles) for name, own in usable.items()}
    priors = family_priors(known, {name: fitted for name, (fitted, _) in parts.items()}, works)
    outcomes = []
    for name, hardware in known.items():
        fitted, held_out = parts[name]
        found = fit(hardware, fitted, works, *priors[name])
        left_out = {}
        for row in usable[name] if len(usable[name]) >= ROWS_TO_LEAVE_ONE_OUT else []:
            others = [other for other in usable[name] if other is not row]
            without = fit(hardware, others, works, *priors[name])
            left_out[row.model] = predict_s(without, hardware, works[row.model]) / row.latency_s - 1.0
        seen = {layer.kind for row in fitted for layer in profiles[row.model].graph}
        numbers = numbers_of(found, hardware)
        outcomes.append(Outcome(name, tuple(fitted), tuple(held_out), numbers, left_out, frozenset(seen)))
    return outcomes
