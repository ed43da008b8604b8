"""Multiply-accumulates of products of several tensors: Einstein sums and chains of matrices.

An Einstein sum of several tensors is contracted from left to right, two at a time, as PyTorch does; an index that only
one of two tensors has, and nobody needs later, is summed out before they are multiplied. One tensor alone is permuted
or summed, which multiplies nothing. A chain of matrices is multiplied in the order that costs least (Cormen et al.,
"Introduction to Algorithms", 3rd ed., section 15.2), which is what ``multi_dot`` promises.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

Shape = tuple[int, ...]


def einsum_macs(equation: str, shapes: Sequence[Shape]) -> int:
    """MACs of ``torch.einsum``.

    Parameters
    ----------
    equation : str
        With or without ``->`` and ``...``.
    shapes : sequence of tuple of int
        Of the operands.

    Examples
    --------
    >>> einsum_macs("bij,bjk,bkl->bil", [(1, 77, 77)] * 3)
    913066
    >>> einsum_macs("bhwc->bchw", [(1, 8, 8, 32)])
    0
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = [_indices(term, len(shape)) for term, shape in zip(left.split(","), shapes, strict=True)]
    extents: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for index, extent in zip(term, shape, strict=True):
            extents[index] = max(extent, extents.get(index, 1))  # an extent of 1 is broadcast
    if arrow:
        kept = set(right.replace("...", "")) | ({i for i in extents if i.isdigit()} if "..." in right else set())
    else:
        letters = left.replace("...", "").replace(",", "")
        kept = {index for index in extents if index.isdigit() or letters.count(index) == 1}
    first, *others = (dict(zip(term, shape, strict=True)) for term, shape in zip(terms, shapes, strict=True))
    total = 0
    for place, second in enumerate(others):
        later = kept.union(*others[place + 1 :])
        alone = {index for index in first.keys() ^ second.keys() if index not in later}
        joined = {i: max(first.get(i, 1), second.get(i, 1)) for i in (*first, *second) if i not in alone}
        total += math.prod(joined.values())
        first = {index: extent for index, extent in joined.items() if index in later}
    return total


def chain_macs(shapes: Sequence[Shape]) -> int:
    """MACs of a chain of matrices in its cheapest order; the first and the last may be vectors.

    Examples
    --------
    >>> chain_macs([(10, 100), (100, 5), (5, 50)])
    7500
    """
    first, last = shapes[0], shapes[-1]
    sides = [
        1 if len(first) == 1 else first[0],
        first[-1],
        *(shape[-1] for shape in shapes[1:-1]),
        1 if len(last) == 1 else last[-1],
    ]

    @cache
    def least(start: int, stop: int) -> int:
        """Of the product of matrices ``start`` to ``stop - 1``."""
        if stop - start == 1:
            return 0
        return min(
            least(start, middle) + least(middle, stop) + sides[start] * sides[middle] * sides[stop]
            for middle in range(start + 1, stop)
        )

    return least(0, len(shapes))


def _indices(term: str, rank: int) -> list[str]:
    """Names of the extents of one operand; those behind ``...`` are numbered from the right."""
    before, dots, after = term.partition("...")
    hidden = rank - len(before) - len(after) if dots else 0
    return [*before, *(str(number) for number in reversed(range(hidden))), *after]
