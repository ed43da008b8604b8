"""What stands in a card file: numbers that say where they come from, and how the file is read.

Every number of a card is written ``{value: "6.4 W", source: "..."}`` or ``{value: "6.4 W", estimated: "how"}``, never
bare. Device, server and radio cards share this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from simulator.errors import CardError, Problem, ScenarioError
from simulator.scenario.locate import MAX_BYTES, Document, read
from simulator.scenario.mistakes import problems_of, shown
from simulator.textfile import read_text

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

_FORM = 'write {value: ..., source: "where it was published"} or {value: ..., estimated: "how"}'


class Sourced(BaseModel, Generic[T]):
    """A number with its origin: exactly one of ``source`` and ``estimated``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: T = Field(description="The number, with its unit where it has one.")
    source: str | None = Field(None, min_length=1, description="Publication or repository the number is taken from.")
    estimated: str | None = Field(None, min_length=1, description="How the number was estimated.")

    @model_validator(mode="before")
    @classmethod
    def _has_form(cls, data: Any) -> Any:
        if isinstance(data, Mapping | Sourced):
            return data
        message = f"{shown(data)} does not say where it comes from"
        raise PydanticCustomError("sourced", "{message}", {"message": message, "hint": _FORM})

    @model_validator(mode="after")
    def _has_one_origin(self) -> Sourced[T]:
        if (self.source is None) == (self.estimated is None):
            given = "neither source nor estimated is" if self.source is None else "both source and estimated are"
            raise PydanticCustomError("sourced", "{message}", {"message": f"{given} given", "hint": _FORM})
        return self

    @property
    def origin(self) -> str:
        """Where the number comes from, for tables."""
        return self.source if self.source is not None else f"estimated: {self.estimated}"


def read_card(model: type[Model], path: Path) -> Model:
    """Read one card file.

    Parameters
    ----------
    model : type of BaseModel
        What the file holds; its ``name`` must be the file name without suffix.
    path : Path
        The file.

    Raises
    ------
    CardError
        Listing every problem with its place in the file.
    """
    return card_in(document_at(path), model, path)


def document_at(path: Path) -> Document:
    """The data of a card file, before it is known what it holds; raises like `read_card`."""
    try:
        return read(read_text(path, CardError, MAX_BYTES, "a card is a short YAML text"), str(path))
    except ScenarioError as error:
        raise CardError(error.problems) from error


def card_in(document: Document, model: type[Model], path: Path) -> Model:
    """The card in a document that was read from ``path``; raises like `read_card`."""
    try:
        card = model.model_validate(document.data, context={"base": path.parent})
    except ValidationError as error:
        raise CardError(document.located(problem) for problem in problems_of(error, model)) from error
    name = getattr(card, "name", path.stem)
    if name != path.stem:
        message = f'the card calls itself "{name}", its file "{path.stem}"'
        raise CardError(document.located(Problem(message, "give both the same name", ("name",))))
    return card
