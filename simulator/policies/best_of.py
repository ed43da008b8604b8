"""Several options of one policy; it takes the one of the least predicted latency or energy, before the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from simulator.errors import Problem
from simulator.policies.base import Intent, Policy
from simulator.policies.objectives import Objective, ObjectiveSpec, Within, words
from simulator.policies.online import OnlinePolicy
from simulator.scenario.kinds import Registered
from simulator.scenario.mistakes import nested

_Option = Annotated[Any, Registered("policies", "policy", without=("best_of",))]


class BestOfPolicy(Policy):
    """The best, as it is predicted, of several policies: models, cuts, exits and codecs side by side."""

    kind: Literal["best_of"] = Field(description="Take the best of several policies, as it is predicted.")
    choose: tuple[_Option, ...] = Field(
        min_length=2, max_length=100, description="The policies to choose from, each with a model of its own if it has."
    )
    objective: ObjectiveSpec = Field("latency", description="What is predicted and compared, as `best` of a split.")
    within: Within | None = Field(None, description="What the one that is taken must keep to; nothing if left out.")

    @field_validator("choose")
    @classmethod
    def _decides_before_the_run(cls, options: tuple[Any, ...]) -> tuple[Any, ...]:
        """Refuse what has no prediction, because it decides anew for each request."""
        late = [
            k
            for k, option in enumerate(options)
            if isinstance(option, OnlinePolicy) or any(intent.rule != "fixed" for intent in option.intents())
        ]
        if late:
            message = "decides anew for each request, so that nothing is predicted of it"
            raise nested(*(Problem(f"{options[k].label()} {message}", "leave it out", (k,)) for k in late))
        return options

    def default_label(self) -> str:
        """``best of 3 (latency)``."""
        return f"best of {len(self.choose)} ({words(self.objective)})"

    def intents(self) -> tuple[Intent, ...]:
        """Those of all options."""
        intents = [intent for option in self.choose for intent in option.intents()]
        return tuple(replace(intent, model=intent.model or self.model) for intent in intents)

    def chooses_by(self) -> Objective:
        """What the options are compared by."""
        return self.objective

    def keeps_to(self) -> Within | None:
        """What the one that is taken must keep to."""
        return self.within
