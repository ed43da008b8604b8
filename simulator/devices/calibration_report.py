"""The report of a calibration: how far each card is from published latencies that its fit has not seen.

Predictions are made with the cards as they stand in their files, rounding included.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from simulator.devices.calibration import Outcome
from simulator.devices.card import Card, load_card
from simulator.devices.latencies import Latency
from simulator.profiling.model import ModelProfile

_INTRODUCTION = """# Calibration of the device cards

Written by `python -m simulator.devices.calibrate`; do not edit.

A card predicts the latency of a model as the sum over its layers of
`max(macs / rate, bytes / bandwidth) + overhead`, with one rate for each kind of layer and slower narrow convolutions.
The numbers are fitted to part of the whole-model latencies in `published_latencies.csv` (batch of one) and tested on
the rest. The split is the same rule for every card: its models sorted by MACs, every third held out, starting with
the second; cards with fewer than five rows hold none out and are **not validated** by this table (`-`). Leave-one-out
refits a card without one row and predicts that row, smallest and largest model included; its priors come from the
other cards of the family.

No rate and no bandwidth of a fit passes the peak that its card cites (`compute.calibration`); rates of dense
convolutions may, by the factor that Winograd's minimal filtering saves where the library has it.

The form of the model (narrow convolutions are slower, no separate rate for 3x3 convolutions, one bandwidth) and the
wide prior were chosen by comparing about eighty variants by cross-validation over these same rows. So the held-out
errors are out of sample for the numbers of a card, not for the form of the model, and somewhat optimistic.

APE: absolute percentage error of the predicted latency.
"""


def summary(outcomes: Sequence[Outcome], profiles: Mapping[str, ModelProfile]) -> str:
    """The table with one line for each card, as Markdown."""
    lines = [
        "| card | rows | fitted | held out | median APE | worst APE (model) | leave-one-out median | worst (model) |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    everything: list[float] = []
    every_left_out: list[float] = []
    for outcome in outcomes:
        card = load_card(outcome.card)
        errors = {row.model: abs(relative_error(card, row, profiles)) for row in outcome.held_out}
        left_out = {model: abs(error) for model, error in outcome.left_out.items()}
        everything += errors.values()
        every_left_out += left_out.values()
        rows = len(outcome.fitted) + len(outcome.held_out)
        cells = [outcome.card, str(rows), str(len(outcome.fitted)), str(len(outcome.held_out))]
        lines.append("| " + " | ".join([*cells, *_spread(errors), *_spread(left_out)]) + " |")
    if everything and every_left_out:
        held_out = f"{statistics.median(everything):.0%} | {max(everything):.0%}"
        left = f"{statistics.median(every_left_out):.0%} | {max(every_left_out):.0%}"
        lines.append(f"| **all cards** | | | {len(everything)} | {held_out} | {left} |")
    return "\n".join(lines)


def report(outcomes: Sequence[Outcome], rows: Sequence[Latency], profiles: Mapping[str, ModelProfile]) -> str:
    """The whole report as Markdown: summary, every prediction, what was left out and why."""
    parts = [_INTRODUCTION, summary(outcomes, profiles), ""]
    parts += ["## Every prediction", "", "| card | model | use | published | predicted | error |"]
    parts.append("|---|---|---|--:|--:|--:|")
    for outcome in outcomes:
        card = load_card(outcome.card)
        for row in [*outcome.fitted, *outcome.held_out]:
            use = "fitted" if row in outcome.fitted else "held out"
            error = relative_error(card, row, profiles)
            published_ms, predicted_ms = row.latency_s * 1e3, row.latency_s * (1 + error) * 1e3
            parts.append(
                f"| {row.card} | {row.model} | {use} | {published_ms:.4g} ms | {predicted_ms:.4g} ms | {error:+.0%} |"
            )
    parts += ["", "## Rows that take no part", "", "| card | published as | reason |", "|---|---|---|"]
    parts += [f"| {row.card} | {row.published_as} | {row.excluded} |" for row in rows if row.excluded]
    mappings = sorted({(row.model, row.mapping) for row in rows if not row.excluded and row.mapping != "exact"})
    parts += ["", "## Profiles that stand in for a variant of a model", "", "| model | how it differs |", "|---|---|"]
    parts += [f"| {model} | {mapping} |" for model, mapping in mappings]
    return "\n".join(parts) + "\n"


def relative_error(card: Card, row: Latency, profiles: Mapping[str, ModelProfile]) -> float:
    """Predicted over published latency, minus one."""
    return float(card.layer_times_s(profiles[row.model]).sum()) / row.latency_s - 1.0


def _spread(errors: Mapping[str, float]) -> list[str]:
    """Median and worst error with its model, or dashes."""
    if not errors:
        return ["-", "-"]
    worst = max(errors, key=lambda model: errors[model])
    return [f"{statistics.median(errors.values()):.0%}", f"{errors[worst]:.0%} ({worst})"]
