"""What every part of a document shares: frozen, no unknown fields; rules between fields are told beside mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from simulator.errors import Problem
from simulator.scenario.mistakes import nested, problems_of


class Part(BaseModel):
    """A part of a scenario: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RuledPart(Part):
    """A part with rules between its fields, whose breaches are reported beside the mistakes of each field."""

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """What is wrong between the fields of a document, judged before each is read."""
        raise NotImplementedError

    @model_validator(mode="wrap")
    @classmethod
    def _rules_beside_fields(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        broken = list(cls.rules(given)) if isinstance(given, Mapping) else []
        try:
            part = handler(given)
        except ValidationError as error:
            raise nested(*problems_of(error, cls), *broken) from error
        if broken:
            raise nested(*broken)
        return part
