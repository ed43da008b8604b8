"""Fields whose class is chosen by name: policies by their ``kind``, channels by the field that only one kind has.

The classes come from the registry when a document is read, so that plugins count like built-in kinds. Mistakes inside
such a field keep their own path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from simulator import registry
from simulator.errors import NotFoundError, Problem, did_you_mean
from simulator.scenario.mistakes import nested, problems_of, shown


@cache
def _own_fields(classes: tuple[tuple[str, type[BaseModel]], ...]) -> Mapping[str, frozenset[str]]:
    """For each kind the fields that must be given and that no other one asks for."""
    asked = {
        kind: {field.alias or name for name, field in model.model_fields.items() if field.is_required()} - {"kind"}
        for kind, model in classes
    }
    shared = Counter(name for names in asked.values() for name in names)
    own = {kind: frozenset(name for name in names if shared[name] == 1) for kind, names in asked.items()}
    return MappingProxyType(own)


@dataclass(frozen=True)
class Registered:
    """Annotation that makes a field one of the kinds of a registry group.

    Attributes
    ----------
    group : str
        Registry group.
    noun : str
        What one entry is called in messages.
    infer : bool
        Whether the kind may be left out and follows from the fields that are given.
    without : tuple of str
        Kinds of the group that this field does not take.
    """

    group: str
    noun: str
    infer: bool = False
    without: tuple[str, ...] = ()

    def kinds(self) -> list[str]:
        """Every kind that this field takes."""
        return [kind for kind in registry.kinds(self.group) if kind not in self.without]

    def classes(self) -> dict[str, type[BaseModel]]:
        """Every kind that this field takes, with its class."""
        return {kind: registry.load(self.group, kind) for kind in self.kinds()}

    def read(self, value: Any, info: ValidationInfo) -> BaseModel:
        """The entry as an instance of the class of its kind."""
        if isinstance(value, BaseModel):
            return value
        if not isinstance(value, Mapping):
            raise nested(Problem(f"{shown(value)} is not a {self.noun}", self._form()))
        model = self._choose(value)
        try:
            return model.model_validate(value, context=info.context)
        except ValidationError as error:
            raise nested(*problems_of(error, model)) from error

    def _choose(self, value: Mapping[str, Any]) -> type[BaseModel]:
        kind = value.get("kind")
        if isinstance(kind, str) and kind not in self.without:
            try:
                model: type[BaseModel] = registry.load(self.group, kind)
            except NotFoundError as error:
                hint = did_you_mean(kind, self.kinds())
                raise nested(Problem(f"{shown(kind)} is not a kind of {self.noun}", hint, ("kind",))) from error
            return model
        if "kind" in value:
            raise nested(Problem(f"{shown(kind)} is not a kind of {self.noun}", self._form(), ("kind",)))
        if not self.infer:
            raise nested(Problem(f"this {self.noun} does not say its kind", self._form()))
        classes, keys = self.classes(), self._own_fields()
        fitting = [name for name, own in keys.items() if own & value.keys()]
        if len(fitting) == 1:
            return classes[fitting[0]]
        if fitting:
            both = " and ".join(sorted(key for name in fitting for key in keys[name] & value.keys()))
            replacing = "--set can replace it as a whole, like link.uplink='{rate: 2 Mbit/s}'"
            raise nested(Problem(f"{both} exclude each other", f"a {self.noun} has one of them; {replacing}"))
        known = sorted(key for own in keys.values() for key in own)
        unknown = [Problem(f"unknown field {shown(key)}", did_you_mean(str(key), known), (key,)) for key in value]
        raise nested(*(unknown or [Problem(f"this {self.noun} is empty", self._form())]))

    def _own_fields(self) -> Mapping[str, frozenset[str]]:
        """For each kind the fields that must be given and that no other kind asks for: they tell it from the others."""
        return _own_fields(tuple(self.classes().items()))

    def _form(self) -> str:
        """What an entry looks like, for hints."""
        if not self.infer:
            return f"write {{kind: ...}} with one of: {', '.join(self.kinds())}"
        forms = (f"{{{', '.join(sorted(own))}: ...}}" for own in self._own_fields().values())
        return "write " + " or ".join(forms)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda entry: entry.model_dump(mode="json", by_alias=True)
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        choices = []
        for kind, model in self.classes().items():
            choice = handler(model.__pydantic_core_schema__)
            described = handler.resolve_ref_schema(choice)
            described["properties"]["kind"] = {**described["properties"]["kind"], "const": kind}
            described["required"] = sorted({*described.get("required", ()), *(() if self.infer else ("kind",))})
            choices.append(choice)
        return {"anyOf": choices}
