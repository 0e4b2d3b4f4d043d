# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""FP16 and int8 forms of a network with batch norm, depthwise convolutions, skip and resize."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, write_engine

from depth_ros.engines.file_precision import precision_of
from depth_ros.engines.spec import Arrays, EngineSpec, TensorSpec
from depth_ros.errors import EngineError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from depth_ros.engines.ort import OrtEngine  # noqa: E402
from depth_ros.engines.precision import to_fp16, to_int8  # noqa: E402

SIZE = (32, 48)


class Graph:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.rng = np.random.default_rng(0)

    def weight(self, values: Any) -> str:
        name = f"w{len(self.weights)}"
        array = np.asarray(values, np.float32)
        self.weights.append(onnx.numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def conv(self, x: str, c_in: int, c_out: int, k: int = 1, group: int = 1, **more: Any) -> str:
        scale = (c_in // group * k * k) ** -0.5
        weight = self.weight(self.rng.normal(0, scale, (c_out, c_in // group, k, k)))
        return self.op("Conv", x, weight, pads=[k // 2] * 4, group=group, **more)

    def norm(self, x: str, channels: int, variance: float = 1.0, epsilon: float = 1e-5) -> str:
        ones = self.weight(np.ones(channels))
        tensors = [self.weight(self.rng.normal(0, 0.1, channels)) for _ in range(2)]
        spread = self.weight(variance * self.rng.uniform(0.5, 1.5, channels))
        return self.op("BatchNormalization", x, ones, *tensors, spread, epsilon=epsilon)


def write_network(folder: Path) -> Path:
    """Two depthwise separable layers down, one up with a skip, depth at half the size."""
    g = Graph()
    first = g.op("Relu", g.norm(g.conv("image", 3, 8, 3, strides=[2, 2]), 8))
    fine = g.op("Relu", g.norm(g.conv(first, 8, 8, 3, group=8), 8))
    skip = g.op("Relu", g.norm(g.conv(fine, 8, 16), 16))
    low = g.op("Relu", g.norm(g.conv(skip, 16, 16, 3, group=16, strides=[2, 2]), 16))
    up = g.op("Relu", g.norm(g.conv(low, 16, 16), 16))
    scales = g.weight([1, 1, 2, 2])
    large = g.op("Resize", up, "", scales, mode="nearest", nearest_mode="floor")
    g.conv(g.op("Add", large, skip), 16, 1, output="depth")
    image, depth = TensorSpec("image", (1, 3, *SIZE)), TensorSpec("depth", (1, 1, 16, 24))
    return write_engine(folder, "net", g.nodes, g.weights, (image,), (depth,))


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "net")


def images(count: int = 6) -> list[Arrays]:
    rng = np.random.default_rng(1)
    return [{"image": rng.uniform(-1, 1, (1, 3, *SIZE)).astype(np.float32)} for _ in range(count)]


def error(one: Any, other: Any, inputs: list[Arrays], output: str = "depth") -> float:
    """Root mean square of the difference, as a share of the first output's standard deviation."""
    pairs = [(one.infer(i)[output].copy(), other.infer(i)[output].copy()) for i in inputs]
    expected, got = (np.stack(side) for side in zip(*pairs, strict=True))
    return float(np.sqrt(np.mean((got - expected) ** 2)) / expected.std())


def opened(file: Path, spec: EngineSpec, precision: str = "auto") -> OrtEngine:
    return OrtEngine(file, spec, "CPU", precision, 1)


def load(folder: Path) -> tuple[Path, EngineSpec]:
    spec = EngineSpec.load(folder / "spec.json")
    return folder / spec.weights, spec


def test_fp16_computes_nearly_the_same(network: Path, tmp_path: Path) -> None:
    source, spec = load(network)
    target = tmp_path / "half.onnx"
    to_fp16(source, target)
    half = opened(target, spec, "fp16")
    assert half.precision == "fp16"
    assert 0 < error(opened(source, spec), half, images()) < 0.01


def test_fp16_is_a_sound_file_with_float32_at_its_ends(network: Path, tmp_path: Path) -> None:
    target = tmp_path / "half.onnx"
    to_fp16(network / "net.onnx", target)
    model = onnx.load(target)
    onnx.checker.check_model(model, full_check=True)
    ends = [*model.graph.input, *model.graph.output]
    assert {e.type.tensor_type.elem_type for e in ends} == {onnx.TensorProto.FLOAT}
    convolutions = {n.input[1] for n in model.graph.node if n.op_type == "Conv"}
    kinds = {i.data_type for i in model.graph.initializer if i.name in convolutions}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert "BatchNormalization" not in {n.op_type for n in model.graph.node}
    assert not list(tmp_path.glob("*.partial"))


def test_openvino_reads_fp16_and_int8(network: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    from depth_ros.engines.ov import OvEngine

    source, spec = load(network)
    exact = OvEngine(source, spec, "CPU", "fp32", 1)
    to_fp16(source, tmp_path / "half.onnx")
    half = OvEngine(tmp_path / "half.onnx", spec, "CPU", "fp32", 1)
    assert error(exact, half, images()) < 0.01
    to_int8(source, tmp_path / "int8.onnx", spec, images())
    small = OvEngine(tmp_path / "int8.onnx", spec, "CPU", "int8", 1)
    assert error(exact, small, images()) < 0.15
    assert (exact.precision, half.precision, small.precision) == ("fp32", "fp32", "int8")


def test_a_variance_below_fp16_is_folded_first(tmp_path: Path) -> None:
    """FP16 would take 3e-8 for its least number, 6e-8, and the output would be off by a fifth."""
    g = Graph()
    g.op("Identity", g.norm(g.conv("image", 3, 1, 3), 1, 2e-8, 1e-8), output="depth")
    image, depth = TensorSpec("image", (1, 3, *SIZE)), TensorSpec("depth", (1, 1, *SIZE))
    folder = write_engine(tmp_path / "net", "net", g.nodes, g.weights, (image,), (depth,))
    source, spec = load(folder)
    to_fp16(source, tmp_path / "half.onnx")
    assert error(opened(source, spec), opened(tmp_path / "half.onnx", spec), images()) < 0.02


def test_a_weight_beyond_fp16_is_refused(tmp_path: Path) -> None:
    g = Graph()
    g.op("Conv", "image", g.weight(np.full((1, 3, 1, 1), 1e5)), output="depth")
    image, depth = TensorSpec("image", (1, 3, *SIZE)), TensorSpec("depth", (1, 1, *SIZE))
    folder = write_engine(tmp_path / "net", "net", g.nodes, g.weights, (image,), (depth,))
    with pytest.raises(EngineError, match=r"weight w0 .*at most 65504, got 100000.*bf16"):
        to_fp16(folder / "net.onnx", tmp_path / "half.onnx")
    assert not (tmp_path / "half.onnx").exists()


@pytest.mark.parametrize("symmetric", [False, True])
def test_int8_computes_about_the_same(network: Path, tmp_path: Path, symmetric: bool) -> None:
    source, spec = load(network)
    to_int8(source, tmp_path / "int8.onnx", spec, iter(images()), symmetric=symmetric)
    small = opened(tmp_path / "int8.onnx", spec, "int8")
    assert small.precision == "int8"
    assert 1e-4 < error(opened(source, spec), small, images()) < 0.15


def quantised(path: Path) -> tuple[Any, list[Any], dict[str, Any]]:
    """The graph, the convolutions that read int8, and what makes each tensor."""
    graph = onnx.load(path).graph
    makers = {name: node for node in graph.node for name in node.output}
    reads = [
        n
        for n in graph.node
        if n.op_type == "Conv"
        and makers.get(n.input[0]) is not None
        and makers[n.input[0]].op_type == "DequantizeLinear"
    ]
    return graph, reads, makers


def test_the_first_layers_stay_in_float(network: Path, tmp_path: Path) -> None:
    """That is the convolution of the image and the depthwise one after it: 2 of 6."""
    source, spec = load(network)
    to_int8(source, tmp_path / "int8.onnx", spec, images())
    graph, reads, _ = quantised(tmp_path / "int8.onnx")
    assert len(reads) == 4 and sum(n.op_type == "Conv" for n in graph.node) == 6
    assert "image" not in {n.input[0] for n in graph.node if n.op_type == "QuantizeLinear"}


def test_symmetric_int8_is_what_tensorrt_takes(network: Path, tmp_path: Path) -> None:
    """Zero points 0 of int8, activations of one scale, weights of one a channel, float bias."""
    source, spec = load(network)
    to_int8(source, tmp_path / "int8.onnx", spec, images(), symmetric=True)
    graph, reads, makers = quantised(tmp_path / "int8.onnx")
    values = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = values[node.input[2]]
            assert zero.dtype == np.int8 and not zero.any()
    for node in reads:
        assert values[makers[node.input[0]].input[1]].size == 1
        weight = makers[node.input[1]]
        assert values[weight.input[1]].size == values[weight.input[0]].shape[0]
        assert all(values[name].dtype == np.float32 for name in node.input[2:])


def test_calibration_follows_the_state_through_the_video(tmp_path: Path) -> None:
    """The state counts the images, 20 of them: a reader of the state has to see up to 20."""
    g = Graph()
    one = g.op("Conv", "image", g.weight(np.full((1, 3, 1, 1), 1 / 3)))
    g.op("Add", one, "count", output="count_next")
    both = g.op("Concat", "count_next", "count", axis=1)
    g.op("Conv", both, g.weight(np.ones((1, 2, 1, 1))))
    g.op("Conv", g.nodes[-1].output[0], g.weight(np.ones((2, 1, 1, 1))))
    g.op("Conv", g.nodes[-1].output[0], g.weight(np.ones((1, 2, 1, 1))), output="depth")
    shape = (1, 1, *SIZE)
    inputs = (TensorSpec("image", (1, 3, *SIZE)), TensorSpec("count", shape))
    outputs = (TensorSpec("depth", shape), TensorSpec("count_next", shape))
    ends = (g.nodes, g.weights, inputs, outputs)
    states = (("count", "count_next"),)
    source, spec = load(write_engine(tmp_path / "net", "net", *ends, states=states))
    white = {"image": np.ones((1, 3, *SIZE), np.float32)}
    to_int8(source, tmp_path / "int8.onnx", spec, [white] * 20)
    graph, reads, makers = quantised(tmp_path / "int8.onnx")
    values = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    (read,) = [n for n in reads if makers[makers[n.input[0]].input[0]].input[0] == both]
    assert 255 * float(values[makers[read.input[0]].input[1]]) == pytest.approx(20, rel=1e-4)


def test_what_cannot_be_quantised_is_refused(
    network: Path, tiny_engine: Path, tmp_path: Path
) -> None:
    target = tmp_path / "int8.onnx"
    source, spec = load(tiny_engine)
    with pytest.raises(EngineError, match="expected convolutions beyond the first layers"):
        to_int8(source, target, spec, [{"image": np.zeros((1, 3, 48, 64), np.float32)}])
    source, spec = load(network)
    with pytest.raises(EngineError, match="expected one image or more, got none"):
        to_int8(source, target, spec, [])
    with pytest.raises(EngineError, match="input image"):
        to_int8(source, target, spec, [{"image": np.zeros((1, 3, 8, 8), np.float32)}])
    with pytest.raises(EngineError, match="finite values"):
        to_int8(source, target, spec, [{"image": np.full((1, 3, *SIZE), np.nan, np.float32)}])
    with pytest.raises(EngineError, match="cannot open"):
        to_fp16(network / "spec.json", target)
    assert not target.exists()


def test_an_older_opset_is_brought_up(network: Path, tmp_path: Path) -> None:
    source, spec = load(network)
    model = onnx.load(source)
    model.opset_import[0].version = 12  # the network's nodes were the same then
    onnx.save(model, tmp_path / "old.onnx")
    to_int8(tmp_path / "old.onnx", tmp_path / "int8.onnx", spec, images())
    small = opened(tmp_path / "int8.onnx", spec)
    assert error(opened(source, spec), small, images()) < 0.15


def test_the_precision_is_read_from_the_file(network: Path, tmp_path: Path) -> None:
    source = network / "net.onnx"
    assert precision_of(source) == "fp32"
    whole = source.read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut off"):
        precision_of(tmp_path / "half.onnx")


MISSING = """
import sys
sys.modules["onnx"] = None
from depth_ros.errors import EngineError
try:
    import depth_ros.engines.precision
except EngineError as error:
    print(error)
"""


def test_without_onnx_it_says_what_to_install() -> None:
    run = [sys.executable, "-c", MISSING]
    done = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "pip install onnx onnxruntime" in done.stdout, done.stderr


def test_the_shipped_network_on_real_images(data_dir: Any, tmp_path: Path) -> None:
    """Calibrated on the one half of a kitchen's video, seen on the other."""
    cv2 = pytest.importorskip("cv2")
    from depth_ros.accuracy import Sample, compare
    from depth_ros.preprocess import ToInput
    from depth_ros.sources.calibration import read_calibration

    source, spec = load(ROOT / "engines" / "fastdepth_indoor")
    folder = data_dir("sevenscenes_redkitchen")
    files = sorted((folder / "rgb").iterdir())[::70]
    pictures = [cv2.imread(str(f))[..., ::-1] for f in files]
    camera = read_calibration([folder]).camera_for(320, 240)
    assert camera is not None
    to_input = ToInput(spec)
    to_int8(source, tmp_path / "int8.onnx", spec, (to_input(p) for p in pictures[:8]))
    to_fp16(source, tmp_path / "half.onnx")
    samples = [Sample(p, camera) for p in pictures[8:]]
    losses = []
    for name, limit in (("half", 0.002), ("int8", 0.02)):
        candidate = opened(tmp_path / f"{name}.onnx", spec)
        accuracy = compare(opened(source, spec), candidate, samples)
        accuracy.check(limit)
        losses.append(accuracy.abs_rel)
    assert 0 < losses[0] < losses[1]
