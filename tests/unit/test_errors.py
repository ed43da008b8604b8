"""Problems print where they are, what is wrong and what would be right."""

from __future__ import annotations

from simulator import errors
from simulator.errors import OffloadSimError, Problem, did_you_mean


def test_a_problem_prints_place_path_message_and_hint() -> None:
    """file:line:column: dotted path: message, and the hint on a line of its own."""
    problem = Problem("is wrong", "write it right", ("policies", 2, "at")).located("a.yaml", 3, 7)
    assert str(problem) == "a.yaml:3:7: policies.2.at: is wrong\n    write it right"


def test_a_problem_without_a_place_prints_only_what_it_knows() -> None:
    """No empty colons, no empty hint."""
    assert str(Problem("is wrong")) == "is wrong"


def test_an_error_prints_all_of_its_problems() -> None:
    """One error carries many problems, in order."""
    error = errors.ScenarioError([Problem("first"), Problem("second")])
    assert [problem.message for problem in error.problems] == ["first", "second"]
    assert str(error) == "first\nsecond"


def test_every_kind_of_mistake_has_the_one_base() -> None:
    """The command line needs to catch one class only."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 5
    assert all(issubclass(kind, OffloadSimError) for kind in kinds)


def test_near_words_are_proposed() -> None:
    """A typing mistake finds its word."""
    assert did_you_mean("locl", ["local", "edge"]) == "did you mean local?"


def test_far_words_list_what_is_known_if_that_is_short() -> None:
    """Without a near word a short list is shown whole, a long one not at all."""
    assert did_you_mean("zzz", ["local", "edge"]) == "known: local, edge"
    assert did_you_mean("zzz", [f"w{k}" for k in range(40)]) == ""
