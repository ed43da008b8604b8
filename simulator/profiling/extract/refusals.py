"""Why a model cannot be captured, in words: what its author would change, and the line where.

Some reasons have words of their own: shapes or branches that depend on the values of the input, quantised and scripted
layers, several inputs, devices, and an input that does not fit.
"""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from simulator.errors import Problem
from simulator.profiling.extract.sources import Blueprint, is_own, raised

_BY_VALUES = (DynamicOutputShapeException, DataDependentOutputException, GuardOnDataDependentSymNode)
_FIXED = "a profile needs one graph for all inputs: use a mask or torch.where, or profile the part before that line"
_WRAP = "profile a factory of your own that returns a module which takes one tensor and makes the other inputs itself"
#: how it shows that values leave the graph: for NumPy, as text, as a size
_LEAVES = re.compile(r"data-dependent|\.numpy\(\) is not supported|passed to FakeTensor|got FakeTensor")
#: layers whose weights PyTorch packs, so that no graph has them
_PACKED = re.compile(r"PackedParams|CellParamsBase")
#: errors of the code itself, whatever its input
_OF_CODE = (ImportError, NameError)
_ON_CPU = "leave devices out of the model's code: a profile is made without any, and a card says how fast one is"
#: how a forward pass says that an input is missing
_MISSING = re.compile(r"missing \d+ required|\bspecif(y|ied)\b|must provide|need to provide")
#: what stands where nobody gave a value
_NOTHING = "'NoneType' object"


def refused(plan: Blueprint, error: BaseException) -> Problem:
    """The problem of a model that cannot be captured."""
    if isinstance(error, _BY_VALUES) or _LEAVES.search(str(error)):
        operator = f" ({error})" if isinstance(error, _BY_VALUES[:2]) else ""
        message = f"{plan.source} cannot be captured: what it computes depends on the values of its input{operator}"
        return _at_model(Problem(message, _FIXED), error)
    if _PACKED.search(str(error)):
        message = f"{plan.source} cannot be captured: its layers are quantised, which hides their weights"
        return Problem(
            message, "profile the network before it is quantised: a card says at which precision it computes"
        )
    if "ScriptModule" in str(error):
        message = f"{plan.source} cannot be captured: it is scripted or traced, which hides its modules"
        return Problem(message, "profile the module before torch.jit.script or torch.jit.trace")
    shape = ",".join(str(extent) for extent in plan.input_shape)
    what = f"{plan.source} cannot be captured with input {shape}"
    if _MISSING.search(str(error)) or (_NOTHING in str(error) and plan.keyword):
        return raised(what, error, f"it takes several inputs: {_WRAP}")
    if isinstance(error, _OF_CODE):
        return raised(what, error)
    return raised(what, error, device_hint(error) or _input_hint(plan))


def device_hint(error: BaseException) -> str:
    """What to do where the model's code asks for an accelerator; empty where it does not."""
    return _ON_CPU if "cuda" in str(error).lower() else ""


def build_hint(error: BaseException) -> str:
    """What to do where a factory raises; empty where its own words say it."""
    if isinstance(error, TypeError) and error.__traceback__ is not None and _MISSING.search(str(error)):
        return "name a function or class that needs no arguments: wrap it in one that gives them"
    return device_hint(error)


def _input_hint(plan: Blueprint) -> str:
    if plan.keyword == "input_ids" or plan.input_dtype in ("int64", "int32"):
        return "give as many tokens as it takes, for example --input 1,128"
    if len(plan.input_shape) == 4:
        return "give the picture that it expects, for example --input 1,3,224,224"
    return "give the input that it expects with --input"


def _at_model(problem: Problem, error: BaseException) -> Problem:
    """The problem at the last line of the user's own code, or of the library that the model comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    torchs = Path(torch.__file__).parent
    of_model = [frame for frame in frames if is_own(frame.filename)] or [
        frame
        for frame in frames
        if "site-packages" in Path(frame.filename).parts and not Path(frame.filename).is_relative_to(torchs)
    ]
    if not of_model:
        return problem
    last = of_model[-1]
    return problem.located(last.filename, last.lineno or 0, (last.colno or 0) + 1)
