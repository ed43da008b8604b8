"""Small profiles built by hand, for tests of the profile model and of cuts."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.profiling.model import INPUT, Encoding, Exit, Layer, ModelProfile


def layer(
    name: str,
    inputs: Sequence[int],
    output_bytes: int = 100,
    kind: str = "conv",
    macs: int = 10,
    fused_into: int | None = None,
) -> Layer:
    """A layer without parameters; `profile` fills in what it reads."""
    shape = (1, max(1, output_bytes // 4))
    return Layer(name, kind, f"test.{kind}", macs, 0, 0, tuple(inputs), 0, shape, output_bytes, fused_into)


def profile(layers: Sequence[Layer], exits: Sequence[Exit] = (), input_elements: int = 100) -> ModelProfile:
    """A sound profile around some layers."""
    graph = []
    for one in layers:
        read = sum(4 * input_elements if source == INPUT else layers[source].output_bytes for source in set(one.inputs))
        graph.append(Layer(**(vars(one) | {"input_bytes": read})))
    heads = {index for head in exits for index in head.layers}
    return ModelProfile(
        name="hand-made",
        source="tests:hand_made",
        input_shape=(1, input_elements),
        input_dtype="float32",
        graph=tuple(graph),
        macs=sum(one.macs for index, one in enumerate(graph) if index not in heads),
        params=0,
        unread_params=0,
        exits=tuple(exits),
        output_bytes=graph[-1].output_bytes,
        encodings={"float32": Encoding(4.0 * input_elements, "computed", False)},
        top1=0.5,
        top1_source="a test",
        uncounted=(),
        versions={"torch": "0"},
    )


def residual_block() -> ModelProfile:
    """A convolution, then a block of two convolutions around which its input is added; norms are fused."""
    return profile(
        [
            layer("stem", [INPUT], 400),
            layer("block.conv1", [0], 200),
            layer("block.norm1", [1], 200, kind="norm", macs=0, fused_into=1),
            layer("block.conv2", [2], 400),
            layer("block.add", [3, 0], 400, kind="elementwise", macs=0),
            layer("fc", [4], 40, kind="linear"),
        ]
    )
