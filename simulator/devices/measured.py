"""Compute model `measured`: times of modules of one model, measured on one device.

The table maps the name of a layer, or of a module that holds several, to the time that all of it took. A longer name
takes its layers away from a shorter one. Within a module the time is shared in proportion to MACs, so cuts between
modules are as measured and cuts inside a module are interpolated. The card serves no other model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from simulator.devices.roofline import layer_runs, layer_work
from simulator.devices.sourced import Sourced
from simulator.errors import CardError, Problem, did_you_mean
from simulator.physics.compute import spread_time_s
from simulator.profiling.model import ModelProfile
from simulator.scenario.quantities import Duration


class MeasuredCompute(BaseModel):
    """Measured times of the modules of one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["measured"] = Field(description="Name of this compute model.")
    model: str = Field(description="Name of the profile that was measured.")
    times: Mapping[str, Sourced[Duration]] = Field(description="Time of each layer or module, by name.", min_length=1)

    def layer_times_s(self, profile: ModelProfile, element_bytes: int) -> NDArray[np.float64]:  # noqa: ARG002
        """Time of every layer of the measured model in seconds; shape (n,).

        Raises
        ------
        CardError
            If the profile is of another model, a row names nothing in it, or a layer that runs has no row.
        """
        if profile.name != self.model:
            message = f'measured times of "{self.model}" say nothing about "{profile.name}"'
            raise CardError(Problem(message, "use a roofline card for other models", ("compute", "model")))
        macs, moved, _ = layer_work(profile)
        owner = [
            self._row_of(layer.name) if runs else None
            for layer, runs in zip(profile.graph, layer_runs(profile), strict=True)
        ]
        problems = [
            Problem(f'layer "{layer.name}" has no measured time', "add it or its module", ("compute", "times"))
            for layer, row, runs in zip(profile.graph, owner, layer_runs(profile), strict=True)
            if runs and row is None
        ]
        names = [layer.name for layer in profile.graph]
        problems += [
            Problem(
                f'no layer of "{profile.name}" is called "{row}"', did_you_mean(row, names), ("compute", "times", row)
            )
            for row in self.times
            if row not in owner
        ]
        if problems:
            raise CardError(problems)
        times_s = np.zeros(len(owner))
        for row, time in self.times.items():
            layers = np.array([index for index, name in enumerate(owner) if name == row])
            times_s[layers] = spread_time_s(time.value, macs[layers], moved[layers])
        return times_s

    def _row_of(self, layer: str) -> str | None:
        """The longest row name that is this layer or a module that holds it."""
        rows = [row for row in self.times if layer == row or layer.startswith(f"{row}.")]
        return max(rows, key=len, default=None)
