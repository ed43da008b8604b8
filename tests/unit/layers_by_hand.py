"""Profiles of a few layers, written by hand, for tests of devices."""

from __future__ import annotations

from simulator.profiling.model import Layer, ModelProfile


def layer(name: str, kind: str, macs: int = 0, **fields: object) -> Layer:
    """A layer that reads the model input (1 x 64 x 8 x 8 float32) unless told otherwise."""
    values: dict[str, object] = {
        "op": "by hand",
        "params": 0,
        "param_bytes": 0,
        "inputs": (-1,),
        "input_bytes": 16384,
        "output_shape": (1, 64, 8, 8),
        "output_bytes": 16384,
        "fused_into": None,
    }
    return Layer(name=name, kind=kind, macs=macs, **(values | fields))  # type: ignore[arg-type]


def profile(*layers: Layer, name: str = "by_hand") -> ModelProfile:
    """A profile without exits."""
    return ModelProfile(
        name=name,
        source="by hand",
        input_shape=(1, 64, 8, 8),
        input_dtype="float32",
        graph=layers,
        macs=sum(one.macs for one in layers),
        params=sum(one.params for one in layers),
        unread_params=0,
        exits=(),
        output_bytes=layers[-1].output_bytes,
        encodings={},
        top1=None,
        top1_source=None,
        uncounted=(),
        versions={},
    )
