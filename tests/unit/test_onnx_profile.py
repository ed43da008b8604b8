"""Profiles of ONNX files: counts by hand, shapes, exits, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("onnx")

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx_by_hand import integers, residual, weights, written

from simulator.cli import cli
from simulator.errors import ExtractionError
from simulator.profiling.model import load_profile
from simulator.profiling.onnx import read_onnx

node = helper.make_node


@pytest.mark.parametrize(
    ("nodes", "constants", "shape", "macs", "kind"),
    [
        ([node("Conv", ["x", "w", "b"], ["y"])], {"w": (8, 4, 3, 3), "b": (8,)}, [1, 4, 10, 12], 8 * 80 * 36, "conv"),
        (
            [node("Conv", ["x", "w"], ["y"], group=16, pads=[1, 1, 1, 1])],
            {"w": (16, 1, 3, 3)},
            [1, 16, 32, 24],
            110_592,
            "depthwise_conv",
        ),
        (
            [node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])],
            {"w": (8, 4, 2, 2)},
            [1, 8, 5, 6],
            3_840,
            "conv",
        ),
        ([node("Gemm", ["x", "w"], ["y"], transA=1)], {"w": (6, 5)}, [6, 7], 7 * 6 * 5, "linear"),
        ([node("MatMul", ["x", "w"], ["y"])], {"w": (64, 10)}, [1, 9, 64], 9 * 64 * 10, "linear"),
        ([node("MatMul", ["x", "w"], ["y"])], {"w": (64,)}, [1, 10, 64], 640, "matmul"),
        ([node("Einsum", ["x", "x"], ["y"], equation="bij,bkj->bik")], {}, [2, 7, 11], 2 * 7 * 7 * 11, "matmul"),
        ([node("Einsum", ["x"], ["y"], equation="bhwc->bchw")], {}, [1, 8, 8, 32], 0, "matmul"),
        (
            [node("LSTM", ["x", "w", "r"], ["y"], hidden_size=5, direction="bidirectional")],
            {"w": (2, 20, 3), "r": (2, 20, 5)},
            [7, 1, 3],
            7 * 2 * (20 * 3 + 20 * 5),
            "recurrent",
        ),
        ([node("BatchNormalization", ["x", *"abcd"], ["y"])], dict.fromkeys("abcd", (4,)), [1, 4, 5, 5], 0, "norm"),
    ],
)
def test_multiply_accumulates_by_hand(tmp_path, nodes, constants, shape, macs, kind):
    """Products are counted from the operands of the operator; biases and norms are free."""
    profile = read_onnx(str(written(tmp_path / "m.onnx", nodes, weights(**constants), shape)))
    assert (profile.macs, profile.graph[-1].kind, profile.complete) == (macs, kind, True)


def test_attention_counts_its_two_products(tmp_path):
    """Queries, keys and values of (1, heads, tokens, width) in one operator."""
    path = written(tmp_path / "m.onnx", [node("Attention", ["x", "x", "x"], ["y"])], [], [1, 4, 9, 16], opset=23)
    profile = read_onnx(str(path))
    assert (profile.macs, profile.graph[0].kind) == (2 * 4 * 9 * 9 * 16, "attention")


def test_a_weight_that_two_layers_read_is_counted_once_and_named_in_the_second(tmp_path):
    """48 x 48 numbers of 4 bytes: a cut between the two sends nothing less, but both halves hold them."""
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("Relu", ["a"], ["r"]), node("MatMul", ["r", "w"], ["y"])]
    profile = read_onnx(str(written(tmp_path / "m.onnx", nodes, weights(w=(48, 48)), [1, 48])))
    first, second = (layer for layer in profile.graph if layer.macs)
    assert (profile.params, profile.macs) == (48 * 48, 2 * 48 * 48)
    assert (first.param_bytes, first.shared) == (4 * 48 * 48, ())
    assert (second.param_bytes, second.shared) == (0, ((profile.graph.index(first), 4 * 48 * 48),))


def test_numbers_of_two_bytes_are_stated_as_those_of_four(tmp_path):
    """A profile speaks of float32, and encodings say what is sent: 6 x 5 weights, 6 numbers in, 5 out."""
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("Cast", ["a"], ["y"], to=TensorProto.FLOAT)]
    half = numpy_helper.from_array(np.ones((6, 5), np.float16), "w")
    path = written(tmp_path / "m.onnx", nodes, [half], [1, 6], kind=TensorProto.FLOAT16)
    profile = read_onnx(str(path))
    assert (profile.graph[0].param_bytes, profile.graph[0].output_bytes, profile.input_bytes) == (120, 20, 24)


def test_running_statistics_and_single_numbers_are_no_parameters(tmp_path):
    """Of a batch norm only scale and shift are learned; a constant factor is none."""
    nodes = [node("BatchNormalization", ["x", *"abcd"], ["n"]), node("Mul", ["n", "half"], ["y"])]
    constants = weights(**dict.fromkeys("abcd", (4,)), half=())
    profile = read_onnx(str(written(tmp_path / "m.onnx", nodes, constants, [1, 4, 5, 5])))
    assert (profile.params, profile.graph[0].param_bytes) == (8, 32)


def test_an_open_batch_is_one_and_shapes_are_computed(tmp_path):
    """The exporter's Shape, Gather, Concat, Reshape is a constant once the batch is known."""
    nodes = [
        node("Shape", ["x"], ["whole"]),
        node("Gather", ["whole", "first"], ["batch"]),
        node("Concat", ["batch", "rest"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["flat"]),
        node("MatMul", ["flat", "w"], ["y"]),
    ]
    constants = [*integers(first=[0], rest=[48]), *weights(w=(48, 5))]
    profile = read_onnx(str(written(tmp_path / "m.onnx", nodes, constants, ["batch", 3, 4, 4])))
    assert profile.input_shape == (1, 3, 4, 4)
    assert [layer.kind for layer in profile.graph] == ["reshape", "linear"]
    assert profile.macs == 240


def test_an_open_height_is_asked_for(tmp_path):
    """Only the batch has a natural size; the hint shows what is known."""
    path = str(residual(tmp_path / "m.onnx", ["n", 3, "height", 8]))
    with pytest.raises(ExtractionError, match=r"open shape \?,3,\?,8\n .*--input 1,3,224,8"):
        read_onnx(path)
    assert read_onnx(path, (1, 3, 6, 8)).input_shape == (1, 3, 6, 8)
    with pytest.raises(ExtractionError, match=r"has the shape \?,3,\?,8, not 1,4,6,8"):
        read_onnx(path, (1, 4, 6, 8))


def test_parts_of_a_split_alias_the_whole_and_idle_dropouts_are_nothing(tmp_path):
    """A split costs no bytes of its own; dropout and identity are no layers."""
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Dropout", ["r"], ["same"]),
        node("Identity", ["same"], ["again"]),
        node("Split", ["again"], ["left", "right"], axis=1, num_outputs=2),
        node("Sigmoid", ["left"], ["l"]),
        node("Concat", ["right", "l"], ["y"], axis=1),
    ]
    profile = read_onnx(str(written(tmp_path / "m.onnx", nodes, [], [1, 4, 5, 5], opset=18)))
    assert [layer.kind for layer in profile.graph] == ["activation", "reshape", "reshape", "activation", "concat"]
    assert [cut.bytes for cut in profile.cut_points] == [400, 400, 400, 400, 400, 0]


def test_outputs_are_exits_where_they_are_named(tmp_path):
    """The layers that only the early output needs are its head, and not in the trunk's totals."""
    path = str(residual(tmp_path / "m.onnx", [1, 3, 8, 8]))
    profile = read_onnx(path, exits=("early",))
    (head,) = profile.exits
    assert (head.name, profile.graph[head.after].kind, len(head.layers)) == ("early", "activation", 3)
    assert profile.macs == 64 * 8 * 27 + 2 * 64 * 8 * 72 + 80
    assert read_onnx(path).macs == profile.macs + 80
    with pytest.raises(ExtractionError, match=r'no output called "erly"\n .*did you mean early'):
        read_onnx(path, exits=("erly",))
    with pytest.raises(ExtractionError, match=r"0 outputs are no exits"):
        read_onnx(path, exits=("early", "y"))


def test_weights_of_other_files_are_not_read(tmp_path):
    """A file whose weights lie beside it profiles without them."""
    source = residual(tmp_path / "m.onnx", [1, 3, 8, 8])
    wanted = read_onnx(str(source))
    model = onnx.load(source)
    onnx.save(model, tmp_path / "big.onnx", save_as_external_data=True, location="big.data", size_threshold=0)
    (tmp_path / "big.data").unlink()
    found = read_onnx(str(tmp_path / "big.onnx"))
    assert (found.macs, found.params, found.graph) == (wanted.macs, wanted.params, wanted.graph)


def test_unknown_operators_are_named(tmp_path):
    """An operator of another domain is unknown even if it is called like one of ONNX's own."""
    nodes = [node("Conv", ["x", "w"], ["a"], domain="my.ops"), node("Relu", ["x"], ["y"])]
    nodes.append(node("Add", ["a", "y"], ["z"]))
    path = tmp_path / "m.onnx"
    written(path, nodes, weights(w=(3, 3, 3, 3)), [1, 3, 8, 8], outputs=("z",), domains=("my.ops",))
    with pytest.raises(ExtractionError, match=r'the shape of "a", made by my.ops::Conv, is not known'):
        read_onnx(str(path))
    model = onnx.load(path)
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 3, 8, 8]))
    onnx.save(model, path)
    profile = read_onnx(str(path))
    assert (profile.uncounted, profile.macs) == (("my.ops::Conv",), 0)


def broken_files(folder):
    """Files that are no models, or models that cannot be profiled, with what is said about each."""
    whole = residual(folder / "whole.onnx", [1, 3, 8, 8])
    (folder / "cut.onnx").write_bytes(whole.read_bytes()[:-700])
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "text.onnx").write_text("a letter to nobody\n" * 40)
    branch = helper.make_graph([node("Relu", ["x"], ["t"])], "t", [], [onnx.ValueInfoProto(name="t")])
    choice = [node("ReduceSum", ["x"], ["s"], keepdims=0), node("Cast", ["s"], ["c"], to=TensorProto.BOOL)]
    choice.append(node("If", ["c"], ["y"], name="choose", then_branch=branch, else_branch=branch))
    written(folder / "branches.onnx", choice, [], [1, 4])
    written(folder / "selects.onnx", [node("NonZero", ["x"], ["i"]), node("Cast", ["i"], ["y"], to=1)], [], [1, 4])
    written(folder / "scalar.onnx", [node("Relu", ["w"], ["y"])], weights(w=(4,)), [1, 4])
    return {
        "missing.onnx": "cannot be read: No such file",
        "cut.onnx": "not an ONNX model",
        "empty.onnx": "not an ONNX model",
        "text.onnx": "not an ONNX model",
        "branches.onnx": 'If "choose" runs a graph that depends on values',
        "selects.onnx": 'the shape of "i", made by NonZero, is not known',
        "scalar.onnx": "computes nothing from its input",
    }


def test_what_cannot_be_profiled_is_said_in_words(tmp_path):
    """Exit code 2, the file, the reason; no traceback and no file written."""
    for name, reason in broken_files(tmp_path).items():
        target = tmp_path / "out.json"
        done = CliRunner().invoke(cli, ["profile", str(tmp_path / name), "-o", str(target)])
        assert done.exit_code == 2, (name, done.output, done.exception)
        assert reason in done.output, (name, done.output)
        assert name in done.output
        assert "Traceback" not in done.output
        assert not target.exists()


@pytest.mark.parametrize(
    ("operator", "weight", "given", "reason"),
    [
        ("Conv", (4, 3, 3, 3), (1, 5, 8, 8), "Conv reads 3 channels, not the 5 that it gets"),
        ("Conv", (4, 3, 9, 9), (1, 3, 2, 2), r"would have the shape \[1, 4, -6, -6\]"),
        ("Conv", (4, 3, 3, 3), (1, 3, 8), "made by Conv, is not known: .*spatial dimensions"),
        ("ConvTranspose", (4, 3, 2, 2), (1, 5, 8, 8), "reads 4 channels"),
        ("MatMul", (4, 3), (1, 5), "made by MatMul, is not known: .*Incompatible dimensions"),
    ],
)
def test_a_wrong_input_tells_which_operator_it_does_not_fit(tmp_path, operator, weight, given, reason):
    """An input that the weights do not fit is never counted."""
    open_shape = [f"extent{place}" for place in range(len(given))]
    path = written(tmp_path / "m.onnx", [node(operator, ["x", "w"], ["y"])], weights(w=weight), open_shape)
    with pytest.raises(ExtractionError, match=reason):
        read_onnx(str(path), given)


def test_several_inputs_are_refused(tmp_path):
    """A profile has one input; the message names them all."""
    path = written(tmp_path / "m.onnx", [node("Add", ["x", "mask"], ["y"])], [], [1, 4])
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 4]))
    onnx.save(model, path)
    with pytest.raises(ExtractionError, match=r"2 inputs \(x, mask\)"):
        read_onnx(str(path))


def test_the_command_profiles_without_torch(tmp_path):
    """The file that is written loads again, and torch was never imported."""
    source = residual(tmp_path / "net.onnx", ["n", 3, 8, 8])
    program = (
        "import sys; from simulator.cli import cli\n"
        "try: cli(['profile', sys.argv[1], '--exits', 'early', '-o', sys.argv[2]])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules and 'onnxruntime' not in sys.modules"
    )
    target = tmp_path / "net.json"
    subprocess.run([sys.executable, "-c", program, str(source), str(target)], check=True, capture_output=True)
    profile = load_profile(target)
    assert (profile.name, profile.source, len(profile.exits)) == ("net", str(source), 1)


def test_exits_of_other_sources_are_refused():
    """A module declares its exits itself."""
    done = CliRunner().invoke(cli, ["profile", "torchvision:resnet18", "--exits", "a"])
    assert done.exit_code == 2
    assert "not an ONNX file" in done.output


def test_files_of_the_first_versions_of_the_format_are_read(tmp_path):
    """Constants were inputs then; what is computed from them has a known shape all the same."""
    path = written(tmp_path / "m.onnx", [node("Conv", ["x", "w"], ["y"])], [], [1, 3, 8, 8], opset=9)
    model = onnx.load(path)
    filled = onnx.numpy_helper.from_array(np.full(1, 0.02, np.float32))
    model.graph.node.insert(0, node("ConstantOfShape", ["size"], ["w"], value=filled))
    model.graph.initializer.extend(integers(size=[4, 3, 3, 3]))
    model.ir_version = 3
    onnx.save(model, path)
    assert read_onnx(str(path)).macs == 36 * 4 * 27


def test_a_roll_is_one_layer_and_a_slice_of_everything_none(tmp_path):
    """Shifted windows are two slices put together again, once for each axis."""
    constants = integers(zero=[0], two=[2], end=[99], rows=[1], columns=[2])
    nodes = []
    for source, target, axis in (("x", "r", "rows"), ("r", "c", "columns")):
        nodes += [
            node("Slice", [source, "two", "end", axis], [f"{target}late"]),
            node("Slice", [source, "zero", "two", axis], [f"{target}early"]),
            node("Concat", [f"{target}late", f"{target}early"], [target], axis=1 if axis == "rows" else 2),
        ]
    nodes += [node("Slice", ["c", "zero", "end", "rows"], ["whole"]), node("Relu", ["whole"], ["y"])]
    profile = read_onnx(str(written(tmp_path / "m.onnx", nodes, constants, [1, 6, 6, 4])))
    assert [(layer.kind, layer.output_shape) for layer in profile.graph] == [
        ("other", (1, 6, 6, 4)),
        ("activation", (1, 6, 6, 4)),
    ]


def test_damaged_bytes_never_end_in_a_traceback(tmp_path):
    """Truncated at any length or changed at any place, a file is a profile still or is refused in words."""
    whole = residual(tmp_path / "whole.onnx", ["n", 3, 8, 8]).read_bytes()
    names = whole.index(b"small")  # the weights before it may hold any bytes
    draw = np.random.default_rng(7)
    damaged = tmp_path / "damaged.onnx"
    outcomes = set()
    for number in range(120):
        content = bytearray(whole)
        if number % 2:
            content = content[: draw.integers(0, len(whole))]
        else:
            content[draw.choice([draw.integers(0, names), draw.integers(0, len(whole))])] = draw.integers(0, 256)
        damaged.write_bytes(content)
        done = CliRunner().invoke(cli, ["profile", str(damaged), "-o", str(tmp_path / "out.json")])
        assert done.exit_code in (0, 2), (number, done.exception)
        outcomes.add(done.exit_code)
    assert outcomes == {0, 2}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("light_resnet50", "resnet50"),
        ("light_densenet121", "densenet121"),
        ("light_vgg19", "vgg19"),
        ("light_squeezenet", "squeezenet1_1"),
    ],
)
def test_files_of_another_exporter_count_what_the_module_counts(file, name):
    """The networks that onnx brings for its own tests come from Caffe2: the MACs are those of the shipped profiles."""
    path = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"{file}.onnx"
    if not path.is_file():
        pytest.skip(f"this version of onnx does not bring {path.name}")
    profile = read_onnx(str(path))
    assert (profile.macs, profile.complete) == (load_profile(name).macs, True)
