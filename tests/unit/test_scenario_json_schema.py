"""The JSON Schema that editors complete scenario files from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from simulator import paths, registry
from simulator.scenario.json_schema import DIALECT, scenario_schema

SCHEMA = scenario_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
BROKEN = Path(__file__).parents[1] / "cli" / "broken"


def read(file: Path) -> Any:
    """A YAML file as plain values."""
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


def test_the_schema_is_valid_draft_2020_12() -> None:
    """It names its dialect and obeys it."""
    assert SCHEMA["$schema"] == DIALECT
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", paths.names("scenario"))
def test_every_built_in_scenario_obeys_it(name: str) -> None:
    """No false alarm in an editor."""
    assert [error.message for error in VALIDATOR.iter_errors(read(paths.find("scenario", name)))] == []


@pytest.mark.parametrize(
    "stem",
    [
        "bare-rate",
        "boolean-requests",
        "empty-policies",
        "jitter-with-poisson",
        "kbps",
        "missing-model",
        "missing-workload-rate",
        "name-leaves-results",
        "negative-rate",
        "neither-requests-nor-duration",
        "policy-without-kind",
        "rate-and-trace",
        "recorded-without-file",
        "requests-and-duration",
        "unknown-arrivals",
        "unknown-channel-field",
        "unknown-field",
        "unknown-policy",
        "unknown-policy-field",
        "zero-requests",
    ],
)
def test_an_editor_sees_the_mistake(stem: str) -> None:
    """What can be said in JSON Schema is said."""
    assert not VALIDATOR.is_valid(read(BROKEN / f"{stem}.yaml"))


def fields(schema: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every property of a schema with its path."""
    found = []
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and "type" in schema:
                found += [(f"{path}.{name}", field) for name, field in value.items()]
            found += fields(value, f"{path}.{key}")
    elif isinstance(schema, list):
        for value in schema:
            found += fields(value, path)
    return found


def test_every_field_has_a_sentence_of_help() -> None:
    """Descriptions are what an editor shows."""
    assert len(fields(SCHEMA)) > 40
    assert [path for path, field in fields(SCHEMA) if not field.get("description", "").endswith(".")] == []


def test_every_registered_kind_is_offered() -> None:
    """Policies, channels and codecs of the registry, by the value of their kind."""
    offered = {field["const"] for path, field in fields(SCHEMA) if path.endswith(".kind")}
    assert offered == {*registry.kinds("policies"), *registry.kinds("links"), *registry.kinds("codecs")}


def test_every_model_and_card_is_offered() -> None:
    """Names of built-ins are examples, not the only choice."""
    properties = SCHEMA["properties"]
    assert properties["model"]["examples"] == paths.names("model")
    assert properties["device"]["examples"] == paths.names("device")
    assert "enum" not in properties["model"]
