"""Device and server cards: how fast a processor computes, how much it can hold, what it draws.

A card names its compute model (`roofline`, `measured`, or one added by a plugin); this module adds memory, power and
the way of reading it from ``profiles/devices``. What layers need is counted in `simulator.profiling.liveness`; memory
taken by an operating system, a runtime or workspaces of a convolution is not subtracted. How a server queues is the
scenario's business.

A card computes at one precision, and may hold others that networks ask for which are quantised to them: how much faster
a network is then than before it was quantised, as measured, and its tensors in elements of that size.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator import paths
from simulator.devices.batching import BatchCurve
from simulator.devices.roofline import RooflineCompute
from simulator.devices.sourced import Sourced, read_card
from simulator.devices.variability import Variability
from simulator.errors import Problem
from simulator.profiling.model import ModelProfile
from simulator.profiling.variants import with_float_weights
from simulator.scenario.kinds import Registered
from simulator.scenario.mistakes import nested
from simulator.scenario.quantities import Bandwidth, PositiveSize, Power
from simulator.units import human

#: bytes of one element at each precision
ELEMENT_BYTES: Mapping[str, int] = {"float32": 4, "float16": 2, "int8": 1}

Precision = Literal["float32", "float16", "int8"]


class ComputeModel(Protocol):
    """What a compute model must offer; kinds are registered in the group ``offload_sim.compute``."""

    def layer_times_s(self, profile: ModelProfile, element_bytes: int) -> NDArray[np.float64]:
        """Time of every layer of a profile in seconds, shape (n,); 0 for fused layers and reshapes."""


class CodecRates(BaseModel):
    """Speed of a codec on a machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encode: Sourced[Bandwidth] = Field(description="Bytes that are read in a second while encoding.")
    decode: Sourced[Bandwidth] = Field(description="Bytes that come out in a second while decoding.")


class Card(BaseModel):
    """A device or a server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the card, the same as its file.")
    title: str = Field(description="What it is, with processor, clock and software, for people.")
    role: Literal["device", "server"] = Field(description="Where it stands.")
    precision: Precision = Field(description="Type of weights and activations.")
    compute: Annotated[Any, Registered("compute", "compute model")] = Field(
        description="Compute model and its numbers."
    )
    precisions: Mapping[Precision, Sourced[Annotated[float, Field(gt=0, le=100)]]] = Field(
        default_factory=dict,
        description="Measured speed-up of networks that are quantised to another precision.",
    )
    memory: Sourced[PositiveSize] = Field(description="Memory for activations, and for weights without `storage`.")
    storage: Sourced[PositiveSize] | None = Field(None, description="Memory that holds only weights (flash).")
    idle_power: Sourced[Power] = Field(description="Power while nothing is computed.")
    active_power: Sourced[Power] = Field(description="Power of the whole machine while computing, idle part included.")
    parallel: Sourced[Annotated[int, Field(ge=1, le=4096, strict=True)]] | None = Field(
        None, alias="workers", description="Inferences that run at the same time, each at full speed; 1 if left out."
    )
    batching: BatchCurve | None = Field(
        None, description="How the time of a batch grows with its size; without it the server takes no batches."
    )
    variability: Variability | None = Field(None, description="Run-to-run variation; none if left out.")
    codecs: Mapping[str, CodecRates] | None = Field(
        None,
        description="How fast encodings of the input (`jpeg`) and numbers of fewer bits (`quantise`) are made.",
    )

    @model_validator(mode="after")
    def _computing_takes_power(self) -> Self:
        """Refuse a machine that saves energy by computing."""
        if self.active_power.value < self.idle_power.value:
            active, idle = (human(power.value, "power") for power in (self.active_power, self.idle_power))
            message = f"computing takes {active}, less than the {idle} of doing nothing"
            raise nested(Problem(message, "the power of the whole machine, idle part included", ("active_power",)))
        return self

    @model_validator(mode="after")
    def _holds_other_precisions(self) -> Self:
        """Refuse a speed-up over itself."""
        if self.precision in self.precisions:
            message = f"{self.precision} is the precision of the card itself"
            raise nested(Problem(message, "name another one, or leave it out", ("precisions", self.precision)))
        return self

    @property
    def element_bytes(self) -> int:
        """Bytes of one element at the precision of the card."""
        return ELEMENT_BYTES[self.precision]

    def element_bytes_of(self, profile: ModelProfile) -> int:
        """Bytes of one element of the tensors of a network: those of its own precision, if the card holds that."""
        return ELEMENT_BYTES[profile.precision if profile.precision in self.precisions else self.precision]

    @property
    def memory_bytes(self) -> float:
        """Memory for activations, and for weights where there is no storage."""
        return self.memory.value

    @property
    def storage_bytes(self) -> float | None:
        """Memory that holds only weights, None where weights lie in ordinary memory."""
        return None if self.storage is None else self.storage.value

    @property
    def idle_w(self) -> float:
        """Power while nothing is computed."""
        return self.idle_power.value

    @property
    def active_w(self) -> float:
        """Power while computing."""
        return self.active_power.value

    @property
    def workers(self) -> int:
        """Inferences that run at the same time."""
        return 1 if self.parallel is None else self.parallel.value

    def layer_times_s(self, profile: ModelProfile) -> NDArray[np.float64]:
        """Time of every layer of ``profile.graph`` in seconds, shape (n,); 0 for fused layers and reshapes.

        Raises
        ------
        CardError
            If the compute model cannot serve this profile.
        """
        compute: ComputeModel = self.compute
        speed_ups = [speed_up.value for name, speed_up in self.precisions.items() if name == profile.precision]
        whole = with_float_weights(profile) if speed_ups else profile  # they tell of the network as it was before
        times_s = compute.layer_times_s(whole, self.element_bytes)
        return times_s / speed_ups[0] if speed_ups else times_s

    def encode_s(self, codec: str, read_bytes: float, written_bytes: float) -> float | None:
        """Time of encoding by a codec; None where the card does not say.

        As its rates say; quantising else as one elementwise layer of its compute model.
        """
        if self.codecs is not None and codec in self.codecs:
            return read_bytes / self.codecs[codec].encode.value
        return self._elementwise_s(codec, read_bytes + written_bytes)

    def decode_s(self, codec: str, read_bytes: float, written_bytes: float) -> float | None:
        """Time of decoding, likewise."""
        if self.codecs is not None and codec in self.codecs:
            return written_bytes / self.codecs[codec].decode.value
        return self._elementwise_s(codec, read_bytes + written_bytes)

    def _elementwise_s(self, codec: str, moved_bytes: float) -> float | None:
        if codec == "quantise" and isinstance(self.compute, RooflineCompute):
            return self.compute.elementwise_s(moved_bytes)
        return None

    def misfit(self, name: str, weights: float, activations: float) -> str | None:
        """Why layers do not fit into memory; None if they do.

        Parameters
        ----------
        name : str
            Name of the profile that they belong to.
        weights, activations : float
            Bytes that they need on this card (`element_bytes_of`, `simulator.profiling.liveness.MemoryNeeds`).
        """
        who = f"{name} on {self.name}"
        if self.storage is not None:
            if weights > self.storage.value:
                return (
                    f"{who}: {self._amount(weights, 'weights')} exceed {human(self.storage.value, 'size')} of storage"
                )
            weights = 0.0
        if weights + activations > self.memory.value:
            parts = [] if self.storage is not None else [self._amount(weights, "weights")]
            needs = " and ".join([*parts, self._amount(activations, "activations")])
            return f"{who}: {needs} exceed {human(self.memory.value, 'size')} of memory"
        return None

    def _amount(self, size_bytes: float, what: str) -> str:
        return f"{human(size_bytes, 'size')} of {self.precision} {what}"


def load_card(reference: str, base: Path | None = None) -> Card:
    """Read a device or server card by name or path.

    Parameters
    ----------
    reference : str
        Name of a built-in card, or a path.
    base : Path, optional
        Folder of the file that holds the reference.

    Raises
    ------
    NotFoundError
        Naming the nearest built-in cards.
    CardError
        Listing what is wrong with the card.
    """
    return read_card(Card, paths.find("device", reference, base))
