"""Halves of ONNX files compute together what the whole computes."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime as runtime
from onnx import TensorProto, helper
from onnx_by_hand import integers, residual, weights, written

from simulator.cli import cli
from simulator.errors import ExtractionError
from simulator.profiling.onnx import read_onnx
from simulator.profiling.onnx.halves import write_halves
from simulator.profiling.partition import find_cut

node = helper.make_node


def computed(path, feeds):
    """Outputs of a file by name, for the inputs that it has."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    own = {given.name: feeds[given.name] for given in session.get_inputs()}
    return dict(zip(names, session.run(names, own), strict=True))


def dense(path):
    """Every layer reads all before it."""
    nodes = [node("Conv", ["x", "w0"], ["t0"], pads=[1, 1, 1, 1])]
    constants = weights(w0=(4, 3, 3, 3))
    for depth in range(1, 4):
        nodes += [
            node("Concat", [f"t{k}" for k in range(depth)], [f"c{depth}"], axis=1),
            node("Relu", [f"c{depth}"], [f"r{depth}"]),
            node("Conv", [f"r{depth}", f"w{depth}"], [f"t{depth}"], pads=[1, 1, 1, 1]),
        ]
        constants += weights(depth, **{f"w{depth}": (4, 4 * depth, 3, 3)})
    nodes.append(node("Concat", ["t0", "t1", "t2", "t3"], ["y"], axis=1))
    return written(path, nodes, constants, [1, 3, 6, 6])


def reads_input_again(path):
    """A second branch reads the input itself, and a constant is computed from another."""
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("Neg", ["v"], ["u"]),
        node("Conv", ["x", "u"], ["c"]),
        node("Add", ["b", "c"], ["y"]),
    ]
    return written(path, nodes, weights(w=(4, 3, 3, 3), v=(4, 3, 3, 3)), [1, 3, 6, 6])


def views(path):
    """Two parts and a transposed view of one tensor are read late; an identity and a dropout lie between."""
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("Dropout", ["a"], ["d"]),
        node("Split", ["d"], ["left", "right"], axis=1, num_outputs=2),
        node("Transpose", ["d"], ["turned"], perm=[0, 1, 3, 2]),
        node("Sigmoid", ["left"], ["l"]),
        node("Tanh", ["right"], ["r"]),
        node("Concat", ["l", "r"], ["joined"], axis=1),
        node("Add", ["joined", "turned"], ["sum"]),
        node("Identity", ["sum"], ["y"]),
    ]
    return written(path, nodes, weights(w=(4, 3, 3, 3)), [1, 3, 6, 6], opset=18)


def attention(path):
    """Queries, keys and values of one input; the batch is open and shapes are computed in the file."""
    nodes = [
        node("MatMul", ["x", "wq"], ["q"]),
        node("MatMul", ["x", "wk"], ["k"]),
        node("MatMul", ["x", "wv"], ["v"]),
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["scores"]),
        node("Softmax", ["scores"], ["p"], axis=-1),
        node("MatMul", ["p", "v"], ["mixed"]),
        node("Shape", ["x"], ["whole"]),
        node("Gather", ["whole", "first"], ["batch"]),
        node("Concat", ["batch", "rest"], ["target"], axis=0),
        node("Reshape", ["mixed", "target"], ["flat"]),
        node("MatMul", ["flat", "wo"], ["y"]),
    ]
    constants = weights(wq=(8, 8), wk=(8, 8), wv=(8, 8), wo=(40, 3))
    return written(path, nodes, [*constants, *integers(first=[0], rest=[40])], ["batch", 5, 8])


def gated(path):
    """Squeeze and excite: a pooled branch scales the tensor that it came from; swish in two operators."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("Sigmoid", ["a"], ["g"]),
        node("Mul", ["a", "g"], ["s"]),
        node("GlobalAveragePool", ["s"], ["p"]),
        node("Conv", ["p", "w2"], ["e"]),
        node("HardSigmoid", ["e"], ["h"]),
        node("Mul", ["h", "s"], ["y"]),
    ]
    return written(path, nodes, weights(w=(6, 3, 3, 3), w2=(6, 6, 1, 1)), [1, 3, 6, 6])


def recurrent(path):
    """Two outputs of one operator are read."""
    nodes = [
        node("LSTM", ["x", "w", "r"], ["all", "last"], hidden_size=5),
        node("Squeeze", ["all", "one"], ["steps"]),
        node("Add", ["steps", "last"], ["y"]),
    ]
    constants = [*weights(w=(1, 20, 3), r=(1, 20, 5)), *integers(one=[1])]
    return written(path, nodes, constants, [7, 1, 3])


def embedded(path):
    """Token numbers go in."""
    nodes = [
        node("Gather", ["table", "x"], ["t"]),
        node("LayerNormalization", ["t", "scale", "shift"], ["n"], axis=-1),
        node("MatMul", ["n", "w"], ["m"]),
        node("Add", ["m", "t"], ["y"]),
    ]
    constants = weights(table=(11, 8), scale=(8,), shift=(8,), w=(8, 8))
    return written(path, nodes, constants, ["batch", 6], kind=TensorProto.INT64)


def u_shaped(path):
    """Down, up, and a skip across."""
    nodes = [
        node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1]),
        node("MaxPool", ["a"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["d", "w2"], ["b"], pads=[1, 1, 1, 1]),
        node("ConvTranspose", ["b", "w3"], ["u"], strides=[2, 2]),
        node("Concat", ["a", "u"], ["c"], axis=1),
        node("Conv", ["c", "w4"], ["y"]),
    ]
    shapes = {"w1": (4, 3, 3, 3), "w2": (8, 4, 3, 3), "w3": (8, 4, 2, 2), "w4": (2, 8, 1, 1)}
    return written(path, nodes, weights(**shapes), [1, 3, 8, 8])


def chain(path):
    """Nothing but one tensor at a time."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], strides=[2, 2]),
        node("BatchNormalization", ["a", *"klmn"], ["b"]),
        node("Relu", ["b"], ["r"]),
        node("Flatten", ["r"], ["f"]),
        node("Gemm", ["f", "g"], ["y"]),
    ]
    constants = weights(w=(4, 3, 3, 3), k=(4,), l=(4,), m=(4,), g=(36, 5))
    constants.append(onnx.numpy_helper.from_array(np.full(4, 2.0, np.float32), "n"))
    return written(path, nodes, constants, [1, 3, 8, 8])


MODELS = (
    *(dense, reads_input_again, views, attention, gated, recurrent, embedded, u_shaped, chain),
    lambda path: residual(path, ["batch", 3, 8, 8]),
)


def fed(profile, seed: int = 3):
    """A random input."""
    draw = np.random.default_rng(seed)
    if profile.input_dtype == "int64":
        return {"x": draw.integers(0, 11, profile.input_shape)}
    return {"x": draw.normal(size=profile.input_shape).astype(np.float32)}


def check_cut(profile, name, source, folder):
    """Cut there, run both halves, compare; the tail gets the bytes that the cut states."""
    cut = find_cut(profile, name)
    halves = write_halves(profile, name, source, folder)
    onnx.checker.check_model(halves.head, full_check=True)
    onnx.checker.check_model(halves.tail, full_check=True)
    assert sum(size for _, _, size in halves.crossing) == cut.bytes
    assert len(halves.crossing) >= cut.tensors  # two results of one operator are one tensor of a profile
    feeds = fed(profile)
    whole = computed(source, feeds)
    first = computed(halves.head, feeds)
    second = computed(halves.tail, {**feeds, **first})
    together = {**first, **second}
    for output, value in whole.items():
        assert np.isfinite(value).all()
        np.testing.assert_allclose(together[output], value, rtol=1e-5, atol=1e-5)
    return first, second


@pytest.mark.parametrize("build", MODELS)
def test_every_cut_of_a_small_model(tmp_path, build):
    """Head and tail compute what the whole does, wherever it is cut, and what crosses is what the cut says."""
    source = build(tmp_path / "m.onnx")
    profile = read_onnx(str(source))
    inner = [cut.name for cut in profile.cut_points if 0 < cut.layers < len(profile.trunk)]
    assert len(inner) > 1
    for place, name in enumerate(inner):
        check_cut(profile, name, source, tmp_path / str(place))


def test_a_finished_exit_is_an_output_of_the_head(tmp_path):
    """An exit whose head branches off before the cut is computed there."""
    source = residual(tmp_path / "m.onnx", [1, 3, 8, 8])
    profile = read_onnx(str(source), exits=("early",))
    after = profile.graph[profile.exits[0].after].name
    early, late = check_cut(profile, find_cut(profile, after).name, source, tmp_path / "halves")
    assert "early" in early
    assert list(late) == ["y"]


def test_weights_in_another_file_go_with_their_half(tmp_path):
    """Each half has its own weights beside it."""
    nodes = [node("Conv", ["x", "w1"], ["a"]), node("Conv", ["a", "w2"], ["y"])]
    source = written(tmp_path / "m.onnx", nodes, weights(w1=(16, 3, 3, 3), w2=(16, 16, 3, 3)), [1, 3, 8, 8])
    onnx.save(onnx.load(source), source, save_as_external_data=True, location="m.data")
    profile = read_onnx(str(source))
    check_cut(profile, "a", source, tmp_path / "halves")
    names = sorted(path.name for path in (tmp_path / "halves").iterdir())
    assert names == ["head.onnx", "head.onnx.data", "tail.onnx", "tail.onnx.data"]
    (tmp_path / "m.data").unlink()
    with pytest.raises(ExtractionError, match="its weights cannot be read"):
        write_halves(profile, "a", source, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_command_says_what_crosses_and_what_does_not_fit(tmp_path):
    """Two files and their tensors; exit code 2 for an unknown cut, an empty side, another model."""
    source = residual(tmp_path / "m.onnx", [1, 3, 8, 8])
    profile = read_onnx(str(source))
    file = str(profile.save(tmp_path / "m.json"))
    names = [cut.name for cut in profile.cut_points]
    folder = str(tmp_path / "halves")

    def cut(at: str, model=source):
        return CliRunner().invoke(cli, ["cut", file, "--at", at, "--model", str(model), "-o", folder])

    wrong = {"nowhere": "no cut called", "input": "leaves one side empty", "output": "leaves one side empty"}
    for at, reason in wrong.items():
        done = cut(at)
        assert done.exit_code == 2, done.output
        assert reason in done.output
    done = cut(names[2], dense(tmp_path / "other.onnx"))
    assert done.exit_code == 2
    assert "has no cut like" in done.output or "has the shape" in done.output
    assert not (tmp_path / "halves").exists()
    done = cut(names[2])
    assert done.exit_code == 0, done.output
    assert "crosses: 1x8x8x8, 2048 bytes" in done.output
    assert sorted(path.name for path in (tmp_path / "halves").iterdir()) == ["head.onnx", "tail.onnx"]


def test_a_view_of_the_input_leaves_nothing_to_the_head(tmp_path):
    """A reshape in front is done by who reads it; the input itself is what is sent."""
    nodes = [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "w"], ["m"]), node("Softmax", ["m"], ["y"])]
    source = written(tmp_path / "m.onnx", nodes, weights(w=(48, 5)), [1, 3, 4, 4])
    profile = read_onnx(str(source))
    with pytest.raises(ExtractionError, match='cut "f" leaves one side empty'):
        write_halves(profile, "f", source, tmp_path / "halves")
    check_cut(profile, "m", source, tmp_path / "halves")
