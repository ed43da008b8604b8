"""Field types for names of other files: built-ins by name, a user's own by path, checked when the field is read.

The folder that relative paths start from comes in as the validation context ``{"base": Path}``, so that a reference to
nothing is reported together with every other mistake of the document. What a referenced file holds is checked by
whoever reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        base = (info.context or {}).get("base")
        look_up = paths.find if self.kind in paths.FOLDERS else paths.find_file
        try:
            look_up(self.kind, reference, base)
        except NotFoundError as error:
            problem = error.problems[0]
            context = {"message": problem.message, "hint": problem.hint}
            raise PydanticCustomError("reference", "{message}", context) from error
        return reference

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self.read, core_schema.str_schema(min_length=1))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        built_in = paths.names(self.kind) if self.kind in paths.FOLDERS else []
        return {"type": "string", "minLength": 1, **({"examples": built_in} if built_in else {})}


ModelReference = Annotated[str, Reference("model")]
DeviceReference = Annotated[str, Reference("device")]
RadioReference = Annotated[str, Reference("radio")]
TraceReference = Annotated[str, Reference("trace")]
SamplesReference = Annotated[str, Reference("samples")]
ArrivalsReference = Annotated[str, Reference("arrivals")]
