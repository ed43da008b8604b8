"""Names of kinds and the classes behind them."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from pydantic import BaseModel

from simulator import registry
from simulator.errors import NotFoundError

KINDS = [(group, kind) for group, kinds in registry.BUILT_IN.items() for kind in kinds]


@pytest.mark.parametrize(("group", "kind"), KINDS)
def test_every_built_in_kind_names_a_model_that_knows_its_kind(group: str, kind: str) -> None:
    """The registered class exists, and a document of that kind is the only one it takes."""
    model = registry.load(group, kind)
    assert issubclass(model, BaseModel)
    assert model.model_fields["kind"].annotation.__args__ == (kind,)
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize(("group", "kind"), KINDS)
def test_every_field_of_a_kind_is_described(group: str, kind: str) -> None:
    """Descriptions become the help of editors."""
    for name, field in registry.load(group, kind).model_fields.items():
        assert field.description, f"{group} {kind}: {name}"


def test_an_unknown_kind_names_the_nearest() -> None:
    """Did you mean."""
    with pytest.raises(NotFoundError) as caught:
        registry.load("policies", "splitt")
    assert caught.value.problems[0].hint == "did you mean split?"


def test_third_parties_add_kinds_but_do_not_replace_built_in_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points come after the built-in kinds, and a built-in name stays what it is."""
    added = [
        EntryPoint("mine", "fractions:Fraction", "offload_sim.links"),
        EntryPoint("constant", "fractions:Fraction", "offload_sim.links"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: added if group == "offload_sim.links" else [])
    registry._targets.cache_clear()
    try:
        assert registry.kinds("links") == [*registry.BUILT_IN["links"], "mine"]
        assert registry.load("links", "mine").__name__ == "Fraction"
        assert registry.load("links", "constant").__name__ == "ConstantLink"
    finally:
        registry._targets.cache_clear()


def test_a_third_party_that_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its package is to be mended, not this program."""
    broken = [EntryPoint("mine", "no_such_package:Link", "offload_sim.links")]
    monkeypatch.setattr(registry, "entry_points", lambda group: broken if group == "offload_sim.links" else [])
    registry._targets.cache_clear()
    try:
        with pytest.raises(NotFoundError, match="ModuleNotFoundError: No module named 'no_such_package'"):
            registry.load("links", "mine")
    finally:
        registry._targets.cache_clear()
