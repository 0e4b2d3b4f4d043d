# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The torch adapter against the torch modules themselves."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_tiny_engine

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

from depth_ros.engines import load_spec, open_engine  # noqa: E402
from depth_ros.engines.networks import NETWORKS  # noqa: E402
from depth_ros.engines.spec import Arrays, EngineSpec  # noqa: E402
from depth_ros.engines.zoo.entry import write_entry  # noqa: E402
from depth_ros.engines.zoo.importer import spec_of_parts, split_state  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402

SIZE = (64, 64)


Entry = Callable[[str], tuple[Path, Any]]


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """entry(name): an entry with random weights as safetensors, and its module."""
    return functools.cache(lambda name: make_entry(tmp_path_factory.mktemp("zoo"), name))


def make_entry(folder: Path, name: str) -> tuple[Path, Any]:
    torch.manual_seed(3)
    architecture = NETWORKS[name]
    module = architecture.build(architecture.config).eval()
    parts = architecture.parts(module, *SIZE)
    spec = spec_of_parts(name, architecture, parts, {"architecture": name, "options": {}})
    weights = {part: folder / f"{part}.safetensors" for part in parts}
    for part, state in split_state(module, parts).items():
        safetensors.save_file(state, weights[part])
    write_entry(folder / name, spec, weights, "a card\n")
    return folder / name, module


def random_inputs(spec: EngineSpec, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    return {t.name: rng.standard_normal(t.shape, np.float32) for t in spec.inputs}


def direct(module: Any, spec: EngineSpec, inputs: Arrays, part: str = "depth") -> list[Any]:
    """What the module returns for the same inputs."""
    forward = NETWORKS[spec.architecture].parts(module, *spec.input_size)[part].module
    with torch.no_grad():
        outputs = forward(*(torch.from_numpy(inputs[t.name]) for t in spec.inputs))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return [o.numpy() for o in outputs]


@pytest.mark.parametrize("name", ["fastdepth", "monodepth2", "stclstm"])
def test_every_output_is_the_modules_own(entry: Entry, name: str) -> None:
    folder, module = entry(name)
    engine = open_engine(folder, "torch", device="CPU")
    spec = engine.spec
    for seed in range(2):
        inputs = random_inputs(spec, seed)
        outputs = engine.infer(inputs)
        assert list(outputs) == [t.name for t in spec.outputs]
        for tensor, expected in zip(spec.outputs, direct(module, spec, inputs), strict=True):
            got = outputs[tensor.name]
            assert (got.dtype, got.shape) == (np.dtype(tensor.dtype), tensor.shape)
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)
            assert np.ptp(got) > 0
    assert (engine.backend, engine.device, engine.precision) == ("torch", "CPU", "fp32")
    engine.close()


def test_the_pose_part_is_the_entrys_second_network(entry: Entry) -> None:
    folder, module = entry("monodepth2")
    engine = open_engine(folder, "torch", device="CPU", part="pose")
    assert engine.spec.kind == "motion"
    inputs = random_inputs(engine.spec)
    (expected,) = direct(module, engine.spec, inputs, "pose")
    motion = engine.infer(inputs)[engine.spec.outputs[0].name]
    assert motion.shape == (1, 6)
    np.testing.assert_allclose(motion, expected, rtol=1e-3, atol=1e-6)


def test_bf16_is_converted_and_read_back(entry: Entry) -> None:
    folder, module = entry("fastdepth")
    engine = open_engine(folder, "torch", device="CPU", precision="bf16")
    assert engine.precision == "bf16"
    inputs = random_inputs(engine.spec)
    (expected,) = direct(module, engine.spec, inputs)
    (got,) = engine.infer(inputs).values()
    assert got.dtype == np.float32
    error = np.abs(got - expected).max() / np.abs(expected).max()
    assert 0 < error < 0.1


def test_any_multiple_of_the_size_is_taken(entry: Entry) -> None:
    folder, module = entry("fastdepth")
    engine = open_engine(folder, "torch", device="CPU", size=(128, 96))
    assert engine.spec.input_size == (128, 96)
    inputs = random_inputs(engine.spec)
    (got,) = engine.infer(inputs).values()
    assert got.shape == (1, 1, 96, 128)
    (expected,) = direct(module, engine.spec, inputs)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_the_shipped_onnx_gives_the_module_back() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from depth_ros.share import engine_folder

    folder = engine_folder("fastdepth_indoor")
    engine = open_engine(folder, "torch", device="CPU")
    inputs = random_inputs(engine.spec)
    session = onnxruntime.InferenceSession(
        str(folder / engine.spec.weights), providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(None, inputs)
    (got,) = engine.infer(inputs).values()
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_the_inputs_may_be_read_only_and_are_left_alone(entry: Entry) -> None:
    folder, _ = entry("fastdepth")
    engine = open_engine(folder, "torch", device="CPU")
    inputs = random_inputs(engine.spec)
    before = {name: array.copy() for name, array in inputs.items()}
    (first,) = engine.infer(inputs).values()
    first = first.copy()
    for array in inputs.values():
        array.flags.writeable = False
    (again,) = engine.infer(inputs).values()
    np.testing.assert_array_equal(again, first)
    assert all(np.array_equal(inputs[name], before[name]) for name in inputs)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"precision": "int8"}, r"precision of torch.*Quantised networks run on OpenVINO"),
        ({"device": "CPU", "precision": "fp16"}, r"torch on CPU: expected fp32 or bf16, got fp16"),
        ({"device": "GPU"}, r"torch device: expected auto or CPU.*got GPU"),
        ({"device": "CUDA:99"}, r"torch device: expected auto or CPU.*got CUDA:99"),
    ],
)
def test_what_torch_cannot_do_is_said(entry: Entry, changes: dict[str, str], said: str) -> None:
    folder, _ = entry("fastdepth")
    with pytest.raises(EngineError, match=said):
        open_engine(folder, "torch", **changes)


def test_a_foreign_onnx_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_engine(tmp_path / "tiny")
    with pytest.raises(EngineError, match=r"torch module of tiny.*runs on the other backends"):
        open_engine(folder, "torch")


def test_tensors_unlike_the_networks_are_refused(entry: Entry, tmp_path: Path) -> None:
    folder = shutil.copytree(entry("fastdepth")[0], tmp_path / "copy")
    spec = load_spec(folder)
    renamed = tuple(dataclasses.replace(t, name="other") for t in spec.outputs)
    dataclasses.replace(spec, outputs=renamed).save(folder / "spec.json")
    with pytest.raises(EngineError, match=r"tensors of fastdepth"):
        open_engine(folder, "torch")


def test_a_closed_engine_says_so(entry: Entry) -> None:
    folder, _ = entry("fastdepth")
    engine = open_engine(folder, "torch", device="CPU")
    engine.close()
    with pytest.raises(EngineError, match="is closed"):
        engine.infer(random_inputs(engine.spec))


def test_a_graph_on_the_gpu_computes_as_the_cpu(entry: Entry) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    folder, module = entry("stclstm")
    for precision, tolerance in (("fp32", 2e-2), ("fp16", 5e-2), ("bf16", 0.2)):
        engine = open_engine(folder, "torch", device="CUDA", precision=precision)
        assert engine.precision == precision
        for seed in range(3):
            inputs = random_inputs(engine.spec, seed)
            outputs = engine.infer(inputs)
            expected = direct(module, engine.spec, inputs)
            for tensor, truth in zip(engine.spec.outputs, expected, strict=True):
                error = np.abs(outputs[tensor.name] - truth).max() / np.abs(truth).max()
                assert error < tolerance
        engine.close()
