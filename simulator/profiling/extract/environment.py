"""The libraries that extraction needs: present, offline, silent, and torchvision importable.

Some builds of torchvision carry compiled operators that do not match the installed torch. Importing torchvision then
stops at the first operator it wants to describe; declaring those operators (without an implementation) is enough,
because extraction never runs them.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from simulator.errors import ExtractionError, Problem

INSTALL_HINT = 'install it with: pip install "offload-sim[profiling]"'

#: torchvision operators that its import describes, declared here when the compiled ones are missing
_DECLARED = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@cache
def prepare() -> Any:
    """Make torch and torchvision importable and keep every library off the network.

    Returns
    -------
    torch.library.Library or None
        The declarations, which last as long as this object lives; None where none were needed.
    """
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ[variable] = "1"
    require("torch")
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or _loads_operators(Path(spec.origin).parent):
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _DECLARED:
        library.define(schema)
    return library


@contextmanager
def quiet() -> Iterator[None]:
    """Libraries keep to themselves what they say about their own deprecations and defaults; errors are raised."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.ERROR))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def require(package: str) -> None:
    """Stop with an `ExtractionError` if a package is not installed."""
    if importlib.util.find_spec(package) is None:
        raise ExtractionError(Problem(f"extracting profiles needs the package {package}", INSTALL_HINT))


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of those packages that are installed."""
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _loads_operators(folder: Path) -> bool:
    """Whether torchvision's compiled operators, if any, load into this torch."""
    import torch

    for library in [*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]:
        try:
            torch.ops.load_library(str(library))
        except OSError:
            return False
        return True
    return False
