"""How long a batch takes on a server, relative to one inference.

A curve is measured with one model on one machine, as a table of batch sizes or as the line ``fixed + per_item * b``
(the linear batch service of Inoue, arXiv 1912.06322). Only its shape is used: a batch of b requests takes
``time(b) / time(1)`` times the mean of what its requests take alone, so that the curve also serves other models and
the tails of split ones. Between the sizes of a table times are interpolated; beyond the last size the line through
the last two goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.devices.sourced import Sourced
from simulator.scenario.quantities import Duration, PositiveDuration

BatchSize = Annotated[int, Field(ge=1, le=4096)]


class BatchCurve(BaseModel):
    """Batch latency of a server, as a table or as a line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: Mapping[BatchSize, Sourced[PositiveDuration]] | None = Field(
        None, description="Time of a batch, by number of requests; the table needs the size 1.", min_length=2
    )
    fixed: Sourced[Duration] | None = Field(None, description="The part of a batch's time that does not grow with it.")
    per_item: Sourced[PositiveDuration] | None = Field(None, description="What each request adds to a batch's time.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        is_line = self.fixed is not None and self.per_item is not None
        if (self.times is None) != is_line or (self.times is not None and (self.fixed or self.per_item)):
            raise ValueError("a batch curve has either `times`, or both `fixed` and `per_item`")
        if self.times is not None and 1 not in self.times:
            raise ValueError("the table of a batch curve needs the time of size 1")
        return self

    def factor(self, max_batch: int) -> NDArray[np.float64]:
        """Time of a batch of b requests over the time of one, shape (max_batch + 1,); entry 0 is not used."""
        sizes = np.arange(max_batch + 1, dtype=float)
        if self.times is None:
            assert self.fixed is not None  # the validator has seen to it
            assert self.per_item is not None
            times = self.fixed.value + self.per_item.value * sizes
        else:
            known = sorted(self.times)
            values = np.array([self.times[size].value for size in known])
            slope = (values[-1] - values[-2]) / (known[-1] - known[-2])
            beyond = values[-1] + slope * (sizes - known[-1])
            times = np.where(sizes > known[-1], beyond, np.interp(sizes, known, values))
        factor: NDArray[np.float64] = times / times[1]
        factor[1] = 1.0
        return factor
