"""Networks that no model library offers, written as real modules, and parts of models that run on their own.

A factory tells its usual input by the attribute ``input_shape``, which the decorator `takes` sets; early exits by the
class attribute ``exit_names`` of the module that it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Factory = TypeVar("Factory", bound=Callable[..., object])


def takes(*shape: int) -> Callable[[Factory], Factory]:
    """Mark a factory with the shape of its usual input, batch included."""

    def mark(factory: Factory) -> Factory:
        vars(factory)["input_shape"] = shape
        return factory

    return mark
