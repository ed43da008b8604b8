"""Names of layers: the module path of the framework that exported a file, where the file tells it.

PyTorch's older exporter names a node by the modules around it (``/layer1/layer1.0/conv1/Conv``: each part is a module,
and repeats the path of a container that is not called itself); the newer one writes the paths into the node. A batch
norm that was folded into its convolution leaves the convolution with its weights' name. Files without either keep the
names of their nodes, or those of their results.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from simulator.profiling.onnx.composites import Unit, origins

#: ONNX operators that PyTorch calls something else
_TORCH_WORDS: Mapping[str, str] = {
    "Concat": "cat",
    "MatMul": "matmul",
    "ReduceMean": "mean",
    "GlobalAveragePool": "adaptive_avg_pool2d",
    "MaxPool": "max_pool2d",
    "AveragePool": "avg_pool2d",
    "Gather": "select",
    "Clip": "hardtanh",
}

#: composites, by their kind and last operator
_COMPOSITE_WORDS: Mapping[tuple[str | None, str], str] = {
    ("linear", "Add"): "linear",
    ("other", "Concat"): "roll",
    ("attention", "MatMul"): "scaled_dot_product_attention",
}


def place_of(unit: Unit, weight: str) -> tuple[str, str]:
    """Path of the module around a layer (empty if it is not known or is the model itself), and word for its operator.

    Parameters
    ----------
    unit : Unit
    weight : str
        Name of the weight that it reads, or an empty text.
    """
    node = unit.nodes[-1]
    written = origins(node)
    if "name_scopes" in written:
        scopes = [str(part) for part in ast.literal_eval(written["name_scopes"])]
        path = re.sub(r"@\d+", "", scopes[-2]) if len(scopes) > 1 else ""
        word = _aten(written) or _word(node.op_type)
        if "batch_norm" in word and node.op_type != "BatchNormalization" and weight.endswith(".weight"):
            return weight.removesuffix(".weight"), _word(node.op_type)
        return path, word
    if node.name.startswith("/"):
        *modules, operator = node.name.split("/")[1:]
        stem = re.sub(r"_\d+$", "", operator)
        if stem == node.op_type:
            return module_path(modules), _COMPOSITE_WORDS.get((unit.kind, stem)) or _word(stem)
    return "", ""


def module_path(parts: list[str]) -> str:
    """Path of a module from the parts of a node's name.

    Examples
    --------
    >>> module_path(["layer1", "layer1.0", "conv1"])
    'layer1.0.conv1'
    >>> module_path(["features", "features.1", "features.1.0", "block", "block.0", "block.0.0"])
    'features.1.0.block.0.0'
    """
    path: list[str] = []
    for part in parts:
        if path and part.startswith(f"{path[-1]}."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)


def _aten(written: Mapping[str, str]) -> str:
    """Name of PyTorch's operator behind a node; empty if the file does not tell it."""
    found = re.search(r"target=torch\.ops\.aten\.(\w+)", written.get("fx_node", ""))
    return found.group(1).removesuffix("_") if found else ""


def aten_of(unit: Unit) -> str:
    """Name of PyTorch's operator that a layer was; empty if the file does not tell it."""
    return _aten(origins(unit.nodes[-1]))


def _word(operator: str) -> str:
    return _TORCH_WORDS.get(operator) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operator).lower()
