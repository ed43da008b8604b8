"""What every built-in policy is: data that says which partitions it may take and how it chooses among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from simulator.codecs.base import Codec
from simulator.policies.objectives import Objective, Within
from simulator.printable import one_line
from simulator.scenario.mistakes import shown
from simulator.scenario.references import ModelReference

Rule = Literal["fixed", "fastest_predicted_now"]
#: a model's profile says which of them it has
Encoding = Annotated[str, Field(min_length=1, max_length=60)]


@dataclass(frozen=True)
class Intent:
    """What a policy asks of the planner.

    Attributes
    ----------
    cut : tuple of str, or None
        The cut it takes, or those before either link; None when it takes the best of all that are feasible.
    objective : str or tuple of pairs
        What the best cut minimises, as it is predicted; see `simulator.physics.objectives`.
    within : Within or None
        What it must keep to.
    encoding : str or None
        How the model input is encoded when the cut lies before the first layer; None for the tensor that the model
        reads.
    thresholds : tuple of float or None
        One threshold for each early exit; None when the exits are not evaluated.
    model : str or None
        Profile that it runs instead of the one that the scenario names.
    codec : Codec or None
        How features are encoded that cross a link; None where they go as the sender holds them.
    graph : bool
        Whether cuts that are no prefix of the stored order count too.
    rule : {"fixed", "fastest_predicted_now"}
        Whether the cut is the same for all requests, or the one that is predicted to be the fastest when each arrives.
    """

    cut: tuple[str, ...] | None
    objective: Objective = "latency"
    within: Within | None = None
    encoding: str | None = None
    thresholds: tuple[float, ...] | None = None
    model: str | None = None
    codec: Codec | None = None
    graph: bool = False
    rule: Rule = "fixed"


class Policy(BaseModel):
    """Base of the policies that a scenario can name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("", description="Label in tables and figures; made from the kind when left out.", max_length=60)
    model: ModelReference | None = Field(None, description="Model profile of this policy, instead of the scenario's.")

    @field_validator("name")
    @classmethod
    def _is_one_line(cls, name: str) -> str:
        if one_line(name) != name:
            words = {"message": f"{shown(name)} holds a control character", "hint": "a label is one line of text"}
            raise PydanticCustomError("label", "{message}", words)
        return name

    def label(self) -> str:
        """Name of the policy in tables and figures."""
        own = "" if self.model is None else f" ({Path(self.model).stem})"
        return self.name or f"{self.default_label()}{own}"

    def default_label(self) -> str:
        """Label made from the policy's own parameters."""
        raise TypeError(f"{type(self).__name__} must say its default label")

    def intent(self) -> Intent:
        """What this policy asks of the planner, but for its model."""
        raise TypeError(f"{type(self).__name__} must say its intent")

    def intents(self) -> tuple[Intent, ...]:
        """What the planner takes the best of."""
        return (replace(self.intent(), model=self.model),)

    def chooses_by(self) -> Objective:
        """What the best of several intents minimises, as it is predicted."""
        return "latency"

    def keeps_to(self) -> Within | None:
        """What the best of several intents must keep to."""
        return None
