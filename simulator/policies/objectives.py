"""The fields ``best`` and ``within`` of a policy: what its choice minimises, and what it must keep to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from simulator.errors import Problem, did_you_mean
from simulator.physics.objectives import OBJECTIVES
from simulator.scenario.mistakes import nested, shown
from simulator.scenario.parts import Part
from simulator.scenario.quantities import PositiveDuration, PositiveEnergy

#: one of `OBJECTIVES`, or several with their weights
Objective = str | tuple[tuple[str, float], ...]

_HINT = f"write one of {', '.join(OBJECTIVES)}, or weights of several: {{latency: 1, energy: 0.1}}"


def _read(given: Any) -> Any:
    """A name, or weights by name."""
    if isinstance(given, str):
        if given not in OBJECTIVES:
            raise nested(Problem(f"{shown(given)} is nothing to minimise", did_you_mean(given, OBJECTIVES) or _HINT))
        return given
    if not isinstance(given, Mapping) or not given:
        raise nested(Problem(f"{shown(given)} is nothing to minimise", _HINT))
    problems = []
    for name, weight in given.items():
        if name not in OBJECTIVES:
            hint = did_you_mean(str(name), OBJECTIVES) or _HINT
            problems.append(Problem(f"{shown(name)} is nothing to minimise", hint, (str(name),)))
        elif isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
            hint = "a number above 0, per second, joule or joule second"
            problems.append(Problem(f"{shown(weight)} is no weight", hint, (name,)))
    if problems:
        raise nested(*problems)
    return tuple((name, float(weight)) for name, weight in given.items())


def _write(objective: Objective) -> Any:
    return objective if isinstance(objective, str) else dict(objective)


_WEIGHT = {
    "type": "number",
    "exclusiveMinimum": 0,
    "description": "Weight of its score, per second, joule or joule second.",
}
ObjectiveSpec = Annotated[
    Objective,
    BeforeValidator(_read),
    PlainSerializer(_write, return_type=Any),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": list(OBJECTIVES)},
                {
                    "type": "object",
                    "properties": dict.fromkeys(OBJECTIVES, _WEIGHT),
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        }
    ),
]


def words(objective: Objective) -> str:
    """In labels: ``latency``, or ``latency + 0.1 energy``."""
    if isinstance(objective, str):
        return objective.replace("_", "-")
    parts = (f"{'' if weight == 1 else f'{weight:g} '}{name.replace('_', '-')}" for name, weight in objective)
    return " + ".join(parts)


class Within(Part):
    """What a choice must keep to, as it is predicted."""

    latency: PositiveDuration | None = Field(None, description="Most predicted latency of a request.")
    energy: PositiveEnergy | None = Field(None, description="Most predicted energy of the device for a request.")
    accuracy: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Least accuracy, from sample records or as published; what is not known keeps to none."
    )
    keep_input: bool = Field(False, strict=True, description="Whether the raw input must not leave the device.")
