"""Field types for physical quantities: a string with its unit in the file, an SI float in the model.

Each type reads through `simulator.units.parse`, writes through `simulator.units.exact` (so that a dumped document can
be read again) and describes itself to JSON Schema as a string with a pattern and an example. Scenario, device, radio,
link and policy models all use them. Bare numbers are refused, from Python too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simulator.errors import UnitError
from simulator.units import EXAMPLES, SENSIBLE, UNITS, exact, parse

_SIGN, _NO_SIGN = r"[+-]?", r"\+?"
_NUMBER = r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


@dataclass(frozen=True)
class Quantity:
    """Annotation that makes a ``float`` field read and write one dimension.

    Attributes
    ----------
    dimension : str
        A key of `simulator.units.UNITS`.
    positive : bool
        Whether zero is refused too.
    signed : bool
        Whether negative values are allowed, as for signal levels; otherwise they are refused.
    """

    dimension: str
    positive: bool = False
    signed: bool = False

    @property
    def bound(self) -> str:
        """The allowed range in words."""
        if self.signed:
            return "of either sign"
        return "more than zero" if self.positive else "zero or more"

    def read(self, text: object) -> float:
        """SI value of a field; a mistake becomes a pydantic error whose context holds the hint."""
        try:
            value = parse(text, self.dimension)
        except UnitError as error:
            problem = error.problems[0]
            context = {"message": problem.message, "hint": problem.hint}
            raise PydanticCustomError("quantity", "{message}", context) from error
        if (value < 0 and not self.signed) or (self.positive and value == 0):
            context = {
                "message": f'"{text}" must be {self.bound}',
                "hint": f'write a {self.dimension} like "{EXAMPLES[self.dimension]}"',
            }
            raise PydanticCustomError("quantity", "{message}", context)
        least, most = SENSIBLE[self.dimension]
        if value != 0 and not least <= abs(value) <= most:
            limits = f"{exact(least, self.dimension)} and {exact(most, self.dimension)}"
            context = {"message": f'"{text}" is out of all proportion', "hint": f"write a value between {limits}"}
            raise PydanticCustomError("quantity", "{message}", context)
        return value

    def write(self, value: float) -> str:
        """The string that `read` turns back into exactly ``value``."""
        return exact(value, self.dimension)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.write, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        units = "|".join(re.escape(unit) for unit in UNITS[self.dimension])
        return {
            "type": "string",
            "description": f"{self.dimension}, {self.bound}, with its unit",
            "pattern": rf"^\s*{_SIGN if self.signed else _NO_SIGN}{_NUMBER}\s*({units})\s*$",
            "examples": [EXAMPLES[self.dimension]],
        }


#: seconds
Duration = Annotated[float, Quantity("time")]
#: seconds, not zero
PositiveDuration = Annotated[float, Quantity("time", positive=True)]
#: bytes
Size = Annotated[float, Quantity("size")]
#: bytes, not zero
PositiveSize = Annotated[float, Quantity("size", positive=True)]
#: bits per second, not zero
BitRate = Annotated[float, Quantity("bit rate", positive=True)]
#: bytes per second, not zero
Bandwidth = Annotated[float, Quantity("bandwidth", positive=True)]
#: watts
Power = Annotated[float, Quantity("power")]
#: joules, not zero
PositiveEnergy = Annotated[float, Quantity("energy", positive=True)]
#: joules per bit
EnergyPerBit = Annotated[float, Quantity("energy per bit")]
#: multiply-accumulates per second, not zero
MacRate = Annotated[float, Quantity("compute rate", positive=True)]
#: events per second, not zero
Frequency = Annotated[float, Quantity("frequency", positive=True)]
#: metres, not zero
PositiveLength = Annotated[float, Quantity("length", positive=True)]
#: volts, not zero
PositiveVoltage = Annotated[float, Quantity("voltage", positive=True)]
#: dBm, as it is written
SignalLevel = Annotated[float, Quantity("signal level", signed=True)]
#: dB, as it is written
LevelDifference = Annotated[float, Quantity("level difference")]
