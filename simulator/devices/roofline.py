"""Compute model `roofline`: effective rates for each kind of layer, one bandwidth, one overhead for each layer.

``time = max(macs / rate[kind], bytes / bandwidth) + overhead`` (`simulator.physics.compute`), where bytes are what the
layer reads (inputs and parameters) and writes, at the precision of the card. Layers fused into another and pure
reshapes take no time. One rate for all kinds would be wrong by a factor of six between MobileNetV2 and VGG-16 on the
same Raspberry Pi 4, hence a rate for each kind; a kind without a rate of its own is served at ``rates.default``.
Dense convolutions with few channels run below their rate (`simulator.physics.compute.narrowed_rate`): without that,
rates fitted to small networks miss wide ones by a factor of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from simulator.devices.sourced import Sourced
from simulator.errors import did_you_mean
from simulator.physics.compute import layer_times_s, narrowed_rate
from simulator.profiling.graph import INPUT, KINDS, size_at
from simulator.profiling.model import ModelProfile
from simulator.scenario.quantities import Bandwidth, Duration, MacRate

#: kinds whose rate falls with few channels; for the others the kind says enough
NARROWED = ("conv", "pointwise_conv")


def layer_runs(profile: ModelProfile) -> NDArray[np.bool_]:
    """Which layers start a computation of their own: neither fused into another nor a pure reshape; shape (n,)."""
    return np.array([layer.fused_into is None and layer.kind != "reshape" for layer in profile.graph], dtype=np.bool_)


def layer_work(profile: ModelProfile) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """MACs, moved bytes (inputs, parameters, output), and integers among these, of every layer; arrays of shape (n,).

    Bytes are those of float32. Parameters are read by each layer that uses them, however often. An embedding reads only
    the rows it looks up, which are as large as its output, not its whole table.
    """
    graph = profile.graph
    macs = np.array([layer.macs for layer in graph], dtype=np.float64)
    moved = np.array(
        [
            layer.input_bytes
            + layer.output_bytes
            + (layer.output_bytes if layer.kind == "embedding" else layer.weight_bytes)
            for layer in graph
        ],
        dtype=np.float64,
    )
    integers = [layer.integer_bytes for layer in graph] + [profile.input_integer_bytes]  # the last one is INPUT's
    read = [
        sum(integers[source] for source in set(layer.inputs))
        + (layer.integer_bytes if layer.kind == "embedding" else layer.integer_weight_bytes)
        for layer in graph
    ]
    return macs, moved, np.array(integers[:-1], dtype=np.float64) + np.array(read, dtype=np.float64)


def layer_channels(profile: ModelProfile) -> NDArray[np.float64]:
    """The smaller of input and output channels of each dense convolution, infinite for other layers; shape (n,)."""
    channels = np.full(len(profile.graph), np.inf)
    for index, layer in enumerate(profile.graph):
        if layer.kind in NARROWED and layer.inputs:
            source = layer.inputs[0]
            read = profile.input_shape if source == INPUT else profile.graph[source].output_shape
            channels[index] = min(read[1], layer.output_shape[1])
    return channels


class Calibration(BaseModel):
    """What `simulator.devices.calibrate` starts from, and what no fitted number may pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str = Field(description="Cards with like software and hardware; they lend one another what rows are few.")
    peak_rate: Sourced[MacRate] = Field(description="Arithmetic peak at the precision of the card.")
    peak_bandwidth: Sourced[Bandwidth] = Field(description="Theoretical memory bandwidth.")
    conv_saving: Sourced[Annotated[float, Field(ge=1, le=10)]] | None = Field(
        None,
        description="MACs of a dense convolution for each that a fast algorithm computes, at most; 1 if left out.",
    )


class RooflineCompute(BaseModel):
    """Roofline with an effective rate for each kind of layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["roofline"] = Field(description="Name of this compute model.")
    rates: Mapping[str, Sourced[MacRate]] = Field(
        description="Effective rate of each kind of layer; `default` serves the kinds that are not listed."
    )
    bandwidth: Sourced[Bandwidth] = Field(description="Effective memory bandwidth.")
    overhead: Sourced[Duration] = Field(description="Fixed time of every layer that runs: call, launch, setup.")
    half_rate_channels: Sourced[Annotated[float, Field(ge=0, le=100_000, strict=True)]] | None = Field(
        None,
        description="Channels at which a dense convolution runs at half its rate; no narrowing if left out.",
    )
    calibration: Calibration | None = Field(None, description="Start of a fit to published latencies.")

    @field_validator("rates")
    @classmethod
    def _names_known_kinds(cls, rates: Mapping[str, Sourced[float]]) -> Mapping[str, Sourced[float]]:
        for kind in rates:
            if kind != "default" and kind not in KINDS:
                context = {"message": f'"{kind}" is not a kind of layer', "hint": did_you_mean(kind, KINDS)}
                raise PydanticCustomError("kind", "{message}", context)
        if "default" not in rates:
            context = {
                "message": "rates has no default",
                "hint": "kinds without a rate of their own need one: default: {value: ..., source: ...}",
            }
            raise PydanticCustomError("default", "{message}", context)
        return MappingProxyType(dict(rates))

    def rate_of(self, kind: str) -> Sourced[Any]:
        """The rate that serves a kind of layer, its own or the default one."""
        return self.rates[kind] if kind in self.rates else self.rates["default"]

    def elementwise_s(self, moved_bytes: float) -> float:
        """Time of one elementwise layer that moves so many bytes; its arithmetic hides behind them."""
        return float(moved_bytes / self.bandwidth.value + self.overhead.value)

    def layer_times_s(self, profile: ModelProfile, element_bytes: int) -> NDArray[np.float64]:
        """Time of every layer of a profile in seconds, tensors stored with ``element_bytes`` each; shape (n,)."""
        macs, moved, integers = layer_work(profile)
        half = 0.0 if self.half_rate_channels is None else self.half_rate_channels.value
        wide = np.array([self.rate_of(layer.kind).value for layer in profile.graph], dtype=np.float64)
        return layer_times_s(
            macs,
            size_at(element_bytes, moved, integers),
            narrowed_rate(wide, layer_channels(profile), half),
            layer_runs(profile),
            self.bandwidth.value,
            self.overhead.value,
        )
