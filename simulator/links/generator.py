"""Generator files: a Markov-modulated rate or Gilbert-Elliott losses, with the statistics they were fitted to.

A generator stands in for a measurement that cannot be shipped. Its file says what was measured, by whom and under which
licence, and holds numbers only: the states and their transitions, and the statistics of the measurement.

Markov-modulated rate: a chain of states with one step of time; in state ``i`` the rate is drawn between ``lowest`` and
``highest`` with mean ``mean``. Some states belong to a stall, a stretch at (nearly) no rate that lasts for one of the
``lengths`` of the stall and is left for the state that its ``exits`` give (see `simulator.links.stalls`).
Gilbert-Elliott (E. N. Gilbert, BSTJ 1960; E. O. Elliott, BSTJ 1963): a chain of a good and a bad state with one step
per frame and a loss probability in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from simulator import paths
from simulator.devices.sourced import card_in, document_at
from simulator.errors import CardError, Problem
from simulator.links.gilbert_elliott import LossChain
from simulator.scenario.quantities import Duration, PositiveDuration, Quantity

Rate = Annotated[float, Quantity("bit rate")]
Probability = Annotated[float, Field(ge=0, le=1)]

#: how far the probabilities of a row may be from 1, for numbers written with few digits
_ROUNDING = 1e-3
_MOST_STATES = 128

#: what the kinds of generators give, and where a scenario names them
_GIVES = {"markov": "rates", "gilbert-elliott": "losses"}
_BELONGS = {
    "markov": "name it as the channel, like uplink: {generator: lte-uplink-driving-2022}",
    "gilbert-elliott": 'name it under losses, like uplink: {rate: "5 Mbit/s", losses: {generator: mine.yaml}}',
}


class _Part(BaseModel):
    """A part of a generator file: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RateStatistics(_Part):
    """What a Markov generator was fitted to."""

    samples: Annotated[int, Field(ge=2)] = Field(description="Samples, on the step of the generator.")
    duration: Duration = Field(description="Time that they span.")
    mean: Rate = Field(description="Mean rate.")
    deviation: Rate = Field(description="Standard deviation of the rate.")
    p10: Rate = Field(description="Rate that 10 % of the samples stay below.")
    p50: Rate = Field(description="Median rate.")
    p90: Rate = Field(description="Rate that 90 % of the samples stay below.")
    outage: Probability = Field(description="Share of the samples below 10 kbit/s.")
    lags: list[Annotated[int, Field(ge=1)]] = Field(description="Lags of the autocorrelation, in steps.")
    autocorrelation: list[float] = Field(description="Autocorrelation of the rate at these lags.")


class LossStatistics(_Part):
    """What a Gilbert-Elliott generator was fitted to."""

    frames: Annotated[int, Field(ge=2)] = Field(description="Frames sent, by their counter.")
    lost: Probability = Field(description="Share of them that was lost.")
    burst_mean: float = Field(description="Mean number of frames lost in a row.")
    burst_longest: Annotated[int, Field(ge=0)] = Field(description="Most frames lost in a row.")
    lags: list[Annotated[int, Field(ge=1)]] = Field(description="Lags of the autocorrelation, in frames.")
    autocorrelation: list[float] = Field(description="Autocorrelation of the losses at these lags.")


class RateState(_Part):
    """One state of a Markov generator."""

    share: Probability = Field(description="Share of time spent in the state.")
    lowest: Rate = Field(description="Lowest rate of the state.")
    mean: Rate = Field(description="Mean rate of the state.")
    highest: Rate = Field(description="Highest rate of the state.")
    stall: Annotated[int, Field(ge=0)] | None = Field(None, description="Number of its stall; none outside stalls.")

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not self.lowest <= self.mean <= self.highest:
            raise _mistake(
                "the mean of the state is not between its lowest and highest rate", "write them in this order"
            )
        return self


class Stall(_Part):
    """Stretches at (nearly) no rate, of lengths that are alike; numbered from 0."""

    lengths: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = Field(
        description="Lengths of the stretches, in steps."
    )
    shares: list[Probability] = Field(description="Share of the stretches that have each length.")
    exits: list[Probability] = Field(description="Probability of each state after a stretch.")

    @model_validator(mode="after")
    def _is_a_distribution(self) -> Self:
        if len(self.shares) != len(self.lengths):
            raise _mistake(f"{len(self.shares)} shares for {len(self.lengths)} lengths", "one share for each length")
        for name in ("shares", "exits"):
            total = sum(getattr(self, name))
            if abs(total - 1) > _ROUNDING:
                raise _mistake(f"{name} of a stall add up to {total:g}", "probabilities add up to 1")
        return self

    @property
    def mean_length(self) -> float:
        """Mean length in steps."""
        return sum(length * share for length, share in zip(self.lengths, self.shares, strict=True))


class _Generator(_Part):
    """What both kinds say about themselves."""

    name: str = Field(description="Name of the generator, that of its file.")
    title: str = Field(description="What it is, for people.")
    source: str = Field(min_length=1, description="The measurement: who took it, where it is published.")
    licence: str = Field(min_length=1, description="Licence of the measurement, which is not part of this file.")
    estimated: str = Field(min_length=1, description="How the numbers were got from the measurement.")


class MarkovGenerator(_Generator):
    """A rate that follows a Markov chain."""

    kind: Literal["markov"] = Field(description="A rate that follows a Markov chain.")
    step: PositiveDuration = Field(description="Time between two steps of the chain.")
    states: Annotated[list[RateState], Field(min_length=1, max_length=_MOST_STATES)] = Field(
        description="States: those of stalls, then the others in order of rate within each level of its mean."
    )
    transitions: list[list[Probability]] = Field(
        description="Row i: probabilities of the next state after state i; within its stall while the stall lasts."
    )
    stalls: list[Stall] = Field([], description="Stretches at (nearly) no rate.")
    fitted_to: RateStatistics = Field(description="Statistics of the measurement.")

    @property
    def mean_rate_bps(self) -> float:
        """Mean rate over time."""
        return sum(state.share * state.mean for state in self.states)

    @model_validator(mode="after")
    def _is_a_chain(self) -> Self:
        count = len(self.states)
        if len(self.transitions) != count or any(len(row) != count for row in self.transitions):
            raise _mistake(
                f"transitions is not a table of {count} rows and columns", "one row and column for each state"
            )
        self._check_stalls()
        for row, entries in enumerate(self.transitions):
            if abs(sum(entries) - 1) > _ROUNDING:
                raise _mistake(f"row {row} of transitions adds up to {sum(entries):g}", "probabilities add up to 1")
        if abs(sum(state.share for state in self.states) - 1) > _ROUNDING * count:
            raise _mistake("the shares of the states do not add up to 1", "they are shares of time")
        if not any(state.highest > 0 and state.share > 0 for state in self.states):
            raise _mistake(
                "the link is dead for ever: no state has a rate", "at least one needs a rate and a share above 0"
            )
        return self

    def _check_stalls(self) -> None:
        stall_of = [state.stall for state in self.states]
        for state, stall in enumerate(stall_of):
            if stall is None:
                continue
            if stall >= len(self.stalls):
                raise _mistake(f"state {state} is of stall {stall}", f"there are {len(self.stalls)}, numbered from 0")
            if any(entry > 0 and stall_of[k] != stall for k, entry in enumerate(self.transitions[state])):
                raise _mistake(
                    f"row {state} of transitions leads out of stall {stall}", "a stall is left by its exits alone"
                )
        for number, each in enumerate(self.stalls):
            if len(each.exits) != len(self.states):
                raise _mistake(
                    f"stall {number} has {len(each.exits)} exits", f"one for each of the {len(self.states)} states"
                )


class GilbertElliottGenerator(_Generator):
    """Losses of frames in bursts."""

    kind: Literal["gilbert-elliott"] = Field(description="Losses that follow a chain of two states.")
    good_to_bad: Probability = Field(description="Probability per frame of going from good to bad.")
    bad_to_good: Annotated[float, Field(gt=0, le=1)] = Field(description="Probability per frame of going back.")
    loss_good: Probability = Field(description="Probability that a frame is lost in the good state.")
    loss_bad: Probability = Field(description="Probability that a frame is lost in the bad state.")
    fitted_to: LossStatistics = Field(description="Statistics of the measurement.")

    @property
    def chain(self) -> LossChain:
        """The chain that the losses follow."""
        return LossChain(self.good_to_bad, self.bad_to_good, self.loss_good, self.loss_bad)


Generator = TypeVar("Generator", MarkovGenerator, GilbertElliottGenerator)


def _mistake(message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError("generator", "{message}", {"message": message, "hint": hint})


def load_markov(reference: str, base: Path | None = None) -> MarkovGenerator:
    """Read a Markov generator by name or path.

    Raises
    ------
    NotFoundError
        If there is none of this name.
    CardError
        Listing what is wrong with the file.
    """
    return _load(MarkovGenerator, "markov", reference, base)


def load_gilbert_elliott(reference: str, base: Path | None = None) -> GilbertElliottGenerator:
    """Read a Gilbert-Elliott generator by name or path; raises like `load_markov`."""
    return _load(GilbertElliottGenerator, "gilbert-elliott", reference, base)


def _load(model: type[Generator], kind: str, reference: str, base: Path | None) -> Generator:
    """Read a generator, once: channel, draw and prediction of a link ask for the same file one after the other."""
    path = paths.find("generator", reference, base)
    try:
        state = path.stat()
    except OSError:
        return _read(model, kind, reference, path)
    known: Generator = _known(model, kind, reference, path, state.st_mtime_ns, state.st_size)
    return known


@lru_cache(maxsize=8)
def _known(model: Any, kind: str, reference: str, path: Path, modified_ns: int, size: int) -> Any:  # noqa: ARG001
    """What is in a file as it is now."""
    return _read(model, kind, reference, path)


def _read(model: type[Generator], kind: str, reference: str, path: Path) -> Generator:
    """A generator; one of the other kind is told so, instead of each field that it has or lacks."""
    document = document_at(path)
    found = document.data.get("kind") if isinstance(document.data, Mapping) else None
    if found in _GIVES and found != kind:
        message = f'"{reference}" generates {_GIVES[found]}, not {_GIVES[kind]}'
        raise CardError(document.located(Problem(message, _BELONGS[found], ("kind",))))
    return card_in(document, model, path)
