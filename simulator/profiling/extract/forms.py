"""Networks with two forms: branches side by side for training, which are merged into one layer for inference.

Blocks of such networks (RepVGG, MobileOne, FastViT) offer a method that merges them: ``reparameterize`` or
``switch_to_deploy``. Leaves out methods called ``fuse``, which fold a norm into its convolution: norms that follow one
cost nothing in a profile as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from simulator.errors import ExtractionError, Problem
from simulator.profiling.extract.sources import DEPLOYED

#: what the methods that merge a block are called
_METHODS = ("reparameterize", "switch_to_deploy")

#: parameters that take what is given, or nothing
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def form_of(module: nn.Module) -> str:
    """``training`` if a block of a network is not merged, ``deployed`` if all are, empty for one without blocks."""
    blocks = [block for block in module.modules() if _merge_of(block) is not None]
    if not blocks:
        return ""
    return "deployed" if all(map(_is_merged, blocks)) else "training"


def deploy(module: nn.Module, source: str) -> None:
    """Merge the blocks of a network in place.

    Raises
    ------
    ExtractionError
        If it has none.
    """
    if not form_of(module):
        raise ExtractionError(Problem(f"{source} has no other form for inference", f"leave {DEPLOYED} out"))
    _deploy(module)


def _deploy(module: nn.Module) -> None:
    merge = _merge_of(module)
    if merge is not None and not _is_merged(module):
        merge()
    for child in list(module.children()):
        _deploy(child)


def _merge_of(block: nn.Module) -> Callable[[], Any] | None:
    """The method that merges a block; methods of the same name that need arguments (to sample a latent) do not."""
    for name in _METHODS:
        method: Callable[[], Any] | None = getattr(block, name, None)
        if callable(method):
            given = (one for one in inspect.signature(method).parameters.values() if one.kind not in _REST)
            if all(one.default is not one.empty for one in given):
                return method
    return None


def _is_merged(block: nn.Module) -> bool:
    merged = ("reparam_conv", "rbr_reparam")
    return bool(getattr(block, "deploy", False)) or any(getattr(block, name, None) is not None for name in merged)
