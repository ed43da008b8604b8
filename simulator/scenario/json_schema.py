"""The JSON Schema (draft 2020-12) of scenario files, from which editors complete and check them while one types.

It knows every registered policy and channel kind. Existence of files, quantities that are zero where they must not be,
and rules between more than two fields are left to ``offload-sim check``.
"""

from __future__ import annotations

from typing import Any

from simulator.scenario.schema import NO_JITTER, Scenario, Workload

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def scenario_schema() -> dict[str, Any]:
    """The schema as a dict, ready for `json.dumps`."""
    schema = Scenario.model_json_schema(by_alias=True)
    schema["$defs"][Workload.__name__]["allOf"] = _workload_rules()
    return {"$schema": DIALECT, **schema, "title": "offload-sim scenario"}


def _workload_rules() -> list[dict[str, Any]]:
    """Which fields belong to which arrivals, as `Workload.rules` says it."""
    never: dict[str, Any] = {"not": {}}
    without = {"enum": [None, NO_JITTER]}
    no_phase = {"const": None}
    drawn = {
        "required": ["rate"],
        "oneOf": [{"required": ["requests"]}, {"required": ["duration"]}],
        "properties": {"file": never},
    }
    return [
        {"if": _arrivals("periodic"), "then": drawn},
        {
            "if": _arrivals("poisson"),
            "then": {**drawn, "properties": {"file": never, "jitter": without, "phase": no_phase}},
        },
        {
            "if": _arrivals("recorded"),
            "then": {"required": ["file"], "properties": {"rate": never, "jitter": without, "phase": no_phase}},
        },
    ]


def _arrivals(kind: str) -> dict[str, Any]:
    return {"properties": {"arrivals": {"const": kind}}, "required": ["arrivals"]}
