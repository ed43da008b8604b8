"""An independent count: what PyTorch's own counter sees while the module runs on fake tensors.

The counter (``torch.utils.flop_counter``) watches the operators that are really dispatched, so it sees what a captured
graph may have lost, such as a write through an alias that the tracer did not follow. It counts two for each
multiply-accumulate, knows fewer operators than `count`, and counts what depends on parameters alone.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from simulator.profiling.extract.count import count_macs


def eager_macs(module: torch.nn.Module, args: Any, kwargs: Any, mode: FakeTensorMode) -> int:
    """MACs of one pass of a module with fake parameters, attention written out as its two products."""
    try:
        return _counted(module, args, kwargs, mode)
    except DataDependentOutputException:  # numbers of constant tensors, which are there only where those are not fake
        return _counted(module, args, kwargs, nullcontext())


def _counted(module: torch.nn.Module, args: Any, kwargs: Any, mode: AbstractContextManager[Any]) -> int:
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole attention, which the counter ignores
    try:
        with mode, torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            module(*args, **kwargs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops() // 2)


def graph_macs(graph: torch.fx.Graph) -> int:
    """MACs of all operators of a graph, whether or not an output needs them."""
    return sum(count_macs(node) or 0 for node in graph.nodes if node.op == "call_function")
