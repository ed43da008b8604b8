"""Hypothesis draws the same examples on every run; machines differ in speed, so no example has a deadline.

``--engine fast`` runs the tests with the fast engine wherever ``auto`` would choose.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from simulator.engines import choose

settings.register_profile(
    "fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=False
)
settings.load_profile("fixed")
# Hypothesis also tries numbers that it finds in the modules loaded so far, and those depend on the tests before
providers._get_local_constants = providers.Constants


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--engine``."""
    parser.addoption("--engine", choices=choose.ENGINES, default="auto", help="engine that `auto` stands for")


@pytest.fixture(autouse=True)
def _engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``auto`` stand for the engine of the option."""
    if request.config.getoption("--engine") == "fast":
        monkeypatch.setattr(choose, "START_IN_REQUESTS", {True: -1, False: -1})
