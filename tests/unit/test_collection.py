"""Tests can be collected without the optional packages that some of them need."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine_free

TESTS = Path(__file__).parents[1]
OPTIONAL = {"torch", "torchvision", "timm", "transformers", "fvcore", "onnx", "onnxruntime"}


@pytest.mark.parametrize("file", sorted(TESTS.rglob("test_*.py")), ids=lambda file: file.stem)
def test_no_optional_package_is_imported_before_it_is_looked_for(file: Path) -> None:
    """At the top level, ``pytest.importorskip`` of a package comes before its import."""
    looked_for: set[str] = set()
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        inside = isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for call in () if inside else ast.walk(statement):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.importorskip":
                looked_for.add(str(ast.literal_eval(call.args[0])).split(".")[0])
        names = []
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        if isinstance(statement, ast.ImportFrom):
            names = [statement.module or ""]
        assert {name.split(".")[0] for name in names} & OPTIONAL <= looked_for
