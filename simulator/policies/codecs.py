"""The field ``codec`` of a policy: a name such as `int8`, or a codec with its numbers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simulator.codecs.quantise import NAMES
from simulator.errors import Problem, did_you_mean
from simulator.scenario.kinds import Registered
from simulator.scenario.mistakes import nested, shown


def _named(given: Any) -> Any:
    """A name as the codec that it stands for."""
    if not isinstance(given, str):
        return given
    if given not in NAMES:
        hint = did_you_mean(given, list(NAMES)) or f"known: {', '.join(NAMES)}; or {{ratio: ...}} or {{bytes: ...}}"
        raise nested(Problem(f"{shown(given)} is not a codec", hint))
    return {"bits": NAMES[given]}


class _OrName:
    """Lets editors complete names too."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "enum": list(NAMES)}, handler(schema)]}


CodecSpec = Annotated[Any, Registered("codecs", "codec", infer=True), BeforeValidator(_named), _OrName()]
