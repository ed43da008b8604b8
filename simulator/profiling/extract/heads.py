"""Early exits of a captured model: the layers that only an exit needs.

A module declares its exits by the class attribute ``exit_names = ("exit1", ...)`` and returns their outputs in that
order, the final output last. A head reads the trunk or, in a cascade of networks, the input itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.errors import ExtractionError, Problem
from simulator.profiling.graph import INPUT, Exit, Layer


def exits_of(
    source: str, names: Sequence[str], graph: Sequence[Layer], outputs: Sequence[tuple[int, int]]
) -> tuple[Exit, ...]:
    """The exits of a model, sorted by position.

    Parameters
    ----------
    source : str
        Source of the model, for messages.
    names : sequence of str
        Names that the module declares; empty for a model without exits.
    graph : sequence of Layer
        In topological order.
    outputs : sequence of (int, int)
        Layer and bytes of each output, the final one last.

    Raises
    ------
    ExtractionError
        If the number of outputs does not fit, two heads share layers, or an exit returns the input.
    """
    if not names:
        return ()
    if len(outputs) != len(names) + 1 or len(set(names)) != len(names):
        message = f"{source} declares the exits {', '.join(names)} but returns {len(outputs)} outputs"
        raise ExtractionError(Problem(message, "return one output per exit name, then the final one"))
    trunk = _needed(graph, outputs[-1][0])
    exits: list[Exit] = []
    taken: dict[int, str] = {}
    for name, (last, size) in zip(names, outputs[:-1], strict=True):
        head = sorted(_needed(graph, last) - trunk)
        for index in head:
            if taken.setdefault(index, name) != name:
                message = f'exits "{taken[index]}" and "{name}" of {source} share the layer "{graph[index].name}"'
                raise ExtractionError(Problem(message, "each head may read the trunk only"))
        if not head and last == INPUT:
            raise ExtractionError(Problem(f'exit "{name}" of {source} returns the input itself'))
        tapped = {index for layer in head for index in graph[layer].inputs if index not in taken}
        exits.append(Exit(name, max(tapped, default=INPUT) if head else last, tuple(head), size))
    return tuple(sorted(exits, key=lambda head: head.after))


def _needed(graph: Sequence[Layer], last: int) -> set[int]:
    needed: set[int] = set()
    pending = [last]
    while pending:
        index = pending.pop()
        if index >= 0 and index not in needed:
            needed.add(index)
            pending.extend(graph[index].inputs)
    return needed
