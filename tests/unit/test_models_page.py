"""The table of docs/models.md is whole: it parses, its totals are those of its rows, its versions those installed."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine_free
ROOT = Path(__file__).parents[2]
LIBRARIES = {"torchvision": "torchvision", "timm": "timm", "hf": "transformers"}


def rows() -> list[dict[str, str]]:
    """The rows of models.csv, without its first line."""
    return list(
        csv.DictReader(
            io.StringIO((ROOT / "docs/models.csv").read_text(encoding="utf-8").partition("\n")[2], newline="")
        )
    )


def table(number: int) -> list[list[str]]:
    """Cells of a table of the page: 0 for the totals, 1 for the models that are not exact."""
    block = (ROOT / "docs/models.md").read_text(encoding="utf-8").partition("<!-- models -->\n")[2]
    block = block.partition("<!-- /models -->")[0]
    found = [part for part in block.split("\n\n") if part.startswith("|")][number].strip().splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in found]


def test_no_model_disagrees():
    """Every row is exact, explained, not complete or refused; a disagreement is a fault."""
    assert {row["outcome"] for row in rows()} <= {"exact", "explained", "not complete", "refused"}
    for row in rows():
        assert (row["outcome"] == "exact") == (not row["reason"])
        assert row["outcome"] != "exact" or row["macs"] == row["counter_macs"] != "0"


def test_each_explained_difference_adds_up():
    """The signed numbers of a reason are the difference between the two counts."""
    for row in rows():
        if row["outcome"] == "explained":
            parts = [int(part.split()[0]) for part in row["reason"].split("; ")]
            assert int(row["macs"]) - int(row["counter_macs"]) == sum(parts), row["source"]


def test_totals_are_those_of_the_rows():
    """One line for each library and one for all."""
    head, _, *lines = table(0)
    assert [line[0] for line in lines] == [*LIBRARIES.values(), "all"]
    for library, *cells in lines:
        owned = [row for row in rows() if library in (LIBRARIES[row["source"].partition(":")[0]], "all")]
        counts = Counter(row["outcome"] for row in owned)
        assert list(map(int, cells)) == [*(counts[outcome] for outcome in head[1:-1]), len(owned)]


def test_the_page_shows_every_row_that_is_not_exact():
    """And no other."""
    shown = [line[0] for line in table(1)[2:]]
    assert sorted(shown) == sorted(row["source"] for row in rows() if row["outcome"] != "exact")


def test_versions_are_those_of_the_constraints():
    """The table is of the libraries that the tests run with."""
    stated = (ROOT / "docs/models.csv").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split()
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert [pin.partition("==")[0] for pin in stated] == ["torch", "torchvision", "timm", "transformers"]
    assert set(stated) <= set(pinned)
