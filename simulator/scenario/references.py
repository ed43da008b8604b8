"""Field types for names of other files: built-ins by name, a user's own by path, checked when the field is read.

The folder that relative paths start from comes in as the validation context ``{"base": Path}``, so that a reference to
nothing is reported together with every other mistake of the document. What a referenced file holds is checked by
whoever reads it. With ``stand_in`` in the context, a callable that takes kind, reference and base,
what it returns takes the place of the reference: a sweep names files after their content that way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simulator import paths
from simulator.errors import NotFoundError


@dataclass(frozen=True)
class Reference:
    """Annotation that makes a ``str`` field name a file that exists.

    Attributes
    ----------
    kind : str
        A key of `simulator.paths.FOLDERS`, or any other word for files that are never built in.
    """

    kind: str

    def read(self, reference: str, info: ValidationInfo) -> str:
        """The reference itself, once a file answers to it."""
        context = info.context or {}
        look_up = context.get("stand_in", _found)
        try:
            named: str = look_up(self.kind, reference, context.get("base"))
        except NotFoundError as error:
            problem = error.problems[0]
            words = {"message": problem.message, "hint": problem.hint}
            raise PydanticCustomError("reference", "{message}", words) from error
        return named

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self.read, core_schema.str_schema(min_length=1))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        built_in = paths.names(self.kind) if self.kind in paths.FOLDERS else []
        return {"type": "string", "minLength": 1, **({"examples": built_in} if built_in else {})}


def find_referenced(kind: str, reference: str, base: Path | None) -> Path:
    """The file that a reference of one kind leads to.

    Raises
    ------
    NotFoundError
        Naming the nearest, or saying where it was looked for.
    """
    look_up = paths.find if kind in paths.FOLDERS else paths.find_file
    return look_up(kind, reference, base)


def _found(kind: str, reference: str, base: Path | None) -> str:
    find_referenced(kind, reference, base)
    return reference


ModelReference = Annotated[str, Reference("model")]
DeviceReference = Annotated[str, Reference("device")]
RadioReference = Annotated[str, Reference("radio")]
TraceReference = Annotated[str, Reference("trace")]
SamplesReference = Annotated[str, Reference("samples")]
ArrivalsReference = Annotated[str, Reference("arrivals")]
