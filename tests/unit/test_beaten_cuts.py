"""What `explain` leaves out: cuts that another one beats at everything."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.studies.cut_costs import beaten

pytestmark = pytest.mark.engine_free

ROWS = st.lists(st.tuples(*[st.integers(0, 3)] * 3, st.booleans()), min_size=1, max_size=12)


@given(ROWS, st.integers(1, 3))
def test_a_cut_is_beaten_by_one_that_fits_and_needs_no_more_of_anything(
    rows: list[tuple[int, int, int, bool]], encoded: int
) -> None:
    """By the definition, pair by pair; of cuts that cost the same the first one stays.

    Cuts before a layer of the trunk has run are apart.
    """
    device, edge, sent, fits = zip(*rows, strict=True)
    column = lambda values: np.array(values, dtype=float)[:, None]  # noqa: E731
    table = SimpleNamespace(
        device_s=column(device),
        edge_s=column(edge),
        bytes_up=column(sent),
        cuts=tuple(SimpleNamespace(layers=max(cut - encoded + 1, 0)) for cut in range(len(rows))),
        misfit=tuple("" if fit else "too big" for fit in fits),
    )
    costs = [(d, d + e, s) for d, e, s, _ in rows]

    def beats(other: int, cut: int) -> bool:
        no_worse = all(a <= b for a, b in zip(costs[other], costs[cut], strict=True))
        return fits[other] and no_worse and (costs[other] != costs[cut] or other < cut)

    apart = min(encoded, len(rows))
    places = range(apart, len(rows))
    wanted = [any(beats(other, cut) for other in places if other != cut) for cut in places]
    found = beaten(SimpleNamespace(table=table, shares=np.ones(1)))  # type: ignore[arg-type]
    assert found.tolist() == [False] * apart + wanted
