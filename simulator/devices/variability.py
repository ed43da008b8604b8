"""How compute times differ from one run to the next: a factor of mean 1 on each, drawn before the run.

Kinds: ``deterministic``; ``exponential``; ``lognormal`` and ``gamma`` with a coefficient of variation; ``erlang``, the
sum of some equal exponential stages; ``two_point``, where a share of the runs takes some times as long as the others;
``empirical``, measured times from a file, drawn with replacement. Left out: what makes neighbouring runs alike, such as
a processor that gets hot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator

from simulator.arrays import Floats
from simulator.devices.sourced import Sourced
from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.scenario.mistakes import nested
from simulator.textfile import filled_lines, read_text

#: what each kind needs, and no other has
NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "deterministic": (),
        "exponential": (),
        "lognormal": ("cv",),
        "gamma": ("cv",),
        "erlang": ("stages",),
        "two_point": ("slow_share", "slow_ratio"),
        "empirical": ("file",),
    }
)
_COLUMN = "factor"
#: a measurement of a million runs takes less
_MOST_BYTES = 20_000_000
_SHOWN = 5


class Variability(BaseModel):
    """Factor on the compute time from one run to the next, of mean 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: Literal["deterministic", "exponential", "lognormal", "gamma", "erlang", "two_point", "empirical"] = (
        Field(description="Shape of the factor.")
    )
    cv: Sourced[Annotated[float, Field(ge=0, le=10, strict=True)]] | None = Field(
        None, description="Coefficient of variation; only for lognormal and gamma."
    )
    stages: Sourced[Annotated[int, Field(ge=1, le=10_000, strict=True)]] | None = Field(
        None, description="Number of equal exponential stages; only for erlang."
    )
    slow_share: Sourced[Annotated[float, Field(gt=0, lt=1, strict=True)]] | None = Field(
        None, description="Share of the runs that are slow; only for two_point."
    )
    slow_ratio: Sourced[Annotated[float, Field(gt=1, le=1000)]] | None = Field(
        None, description="How many times as long as the others a slow run takes; only for two_point."
    )
    file: Sourced[Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")]] | None = Field(
        None, description="CSV beside the card with the column factor, one measured time a row; only for empirical."
    )
    _measured: Floats = PrivateAttr(default_factory=lambda: np.ones(1))

    @model_validator(mode="after")
    def _has_what_it_needs(self, info: ValidationInfo) -> Self:
        given = {name for name in type(self).model_fields if name != "distribution" and getattr(self, name) is not None}
        needs = NEEDS[self.distribution]
        hint = f"it has {' and '.join(needs)}" if needs else "leave it out"
        missing = [Problem(f'{self.distribution} needs "{name}"', hint, (name,)) for name in needs if name not in given]
        idle = sorted(given - set(needs))
        problems = missing + [Problem(f"{self.distribution} has no {name}", hint, (name,)) for name in idle]
        if problems:
            raise nested(*problems)
        if self.file is not None:
            base: Path = (info.context or {}).get("base", Path())
            try:
                self._measured = read_factors(base / self.file.value)
            except OffloadSimError as error:
                told = [Problem(str(replace(each, hint="")), each.hint, ("file",)) for each in error.problems]
                raise nested(*told) from error
        return self

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Factors of independent runs, shape (count,)."""
        if self.distribution == "exponential":
            return generator.exponential(1.0, count)
        if self.stages is not None:
            return generator.gamma(self.stages.value, 1 / self.stages.value, count)
        if self.cv is not None and self.cv.value > 0:
            variance = self.cv.value**2
            if self.distribution == "gamma":
                return generator.gamma(1 / variance, variance, count)
            log_variance = math.log1p(variance)
            return generator.lognormal(-log_variance / 2, math.sqrt(log_variance), count)
        if self.slow_share is not None and self.slow_ratio is not None:
            share, ratio = self.slow_share.value, self.slow_ratio.value
            quick = 1 / (1 - share + share * ratio)
            return np.where(generator.random(count) < share, ratio * quick, quick)
        if self.file is not None:
            return self._measured[generator.integers(self._measured.size, size=count)]
        return np.ones(count)


def read_factors(path: Path) -> Floats:
    """Factors from a file of measured times in any one unit: each divided by their mean.

    Raises
    ------
    ScenarioError
        For a file that cannot be read, a foreign header, no rows, and values that are not finite and above 0; the
        first few of them.
    """
    form = f'a CSV with the header "{_COLUMN}" and a positive number in each row'
    text = read_text(path, ScenarioError, _MOST_BYTES, "take a sample of it")
    rows = [(number, line.strip()) for number, line in filled_lines(text)]
    if len(rows) < 2 or rows[0][1] != _COLUMN:
        raise ScenarioError(Problem(f'does not begin with the header "{_COLUMN}" and a row', form, file=str(path)))
    values, problems = [], []
    for number, line in rows[1:]:
        try:
            value = float(line)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            hint = "a time that was measured is finite and more than zero"
            problems.append(Problem(f'"{line[:60]}" is no factor', hint, file=str(path), line=number, column=1))
        values.append(value)
    if problems:
        raise ScenarioError(problems[:_SHOWN])
    # scaled first, so that the sum of large values does not overflow
    scaled = np.array(values) / max(values)
    found: Floats = scaled / scaled.mean()
    if found.min() == 0:
        raise ScenarioError(Problem("holds values that are out of all proportion", form, file=str(path)))
    return found


def file_beside(data: object) -> str | None:
    """Name of the file that the variability of a card needs, as far as its data tell; None if it needs none."""
    for key in ("variability", "file", "value"):
        data = data.get(key) if isinstance(data, Mapping) else None
    return data if isinstance(data, str) else None
