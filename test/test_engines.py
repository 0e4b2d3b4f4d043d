# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Real engines on a network with exact answers: every backend that can be imported here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from conftest import write_counting_engine, write_tiny_engine

from depth_ros.engines import Engine, open_engine
from depth_ros.engines.spec import EngineSpec
from depth_ros.errors import EngineError

BACKENDS = ["openvino", "onnxruntime"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_computes_the_network(tiny_engine: Path, backend: str) -> None:
    pytest.importorskip(backend)
    engine = open_engine(tiny_engine, backend, precision="fp32")
    image = np.random.default_rng(1).random((1, 3, 48, 64), np.float32)
    depth = engine.infer({"image": image})["depth"]
    assert np.allclose(depth, 1 + 4 * image.mean(1, keepdims=True), atol=1e-5)
    assert (engine.backend, engine.precision) == (backend, "fp32")
    engine.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_are_checked(tiny_engine: Path, backend: str) -> None:
    pytest.importorskip(backend)
    engine = open_engine(tiny_engine, backend)
    good = np.zeros((1, 3, 48, 64), np.float32)
    for wrong in ({}, {"picture": good}, {"image": good[:, :2]}, {"image": good.astype(float)}):
        with pytest.raises(EngineError, match="input image"):
            engine.infer(wrong)
    assert engine.infer({"image": good})["depth"][0, 0, 0, 0] == 1.0  # it lives on


def test_auto_takes_openvino_first(tiny_engine: Path) -> None:
    pytest.importorskip("openvino")
    assert open_engine(tiny_engine).backend == "openvino"


def test_changed_weights_are_refused(tiny_engine: Path) -> None:
    weights = tiny_engine / "tiny.onnx"
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(EngineError, match=r"not the ones that the spec describes.*SHA-256"):
        open_engine(tiny_engine)


def test_truncated_weights_with_a_right_hash_are_refused(tiny_engine: Path) -> None:
    from depth_ros.engines.spec import sha256

    weights = tiny_engine / "tiny.onnx"
    weights.write_bytes(weights.read_bytes()[:40])
    spec = json.loads((tiny_engine / "spec.json").read_text())
    (tiny_engine / "spec.json").write_text(json.dumps({**spec, "sha256": sha256(weights)}))
    for backend in BACKENDS:
        pytest.importorskip(backend)
        with pytest.raises(EngineError, match="cannot open"):
            open_engine(tiny_engine, backend)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "spec format: expected 1, got 99"),
        ({"kind": "feet"}, "spec kind: expected one of metres"),
        ({"weights": "../tiny.onnx"}, "spec weights: expected a plain file name"),
        ({"colour": "rgb"}, "unknown keys"),
        ({"inputs": []}, "spec tensors"),
        ({"inputs": [{"name": "image"}]}, "incomplete spec"),
    ],
)
def test_a_broken_spec_is_refused(
    tiny_engine: Path, change: dict[str, object], message: str
) -> None:
    path = tiny_engine / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(EngineError, match=message):
        open_engine(tiny_engine)


def test_a_spec_that_is_no_json_and_no_spec_at_all(tiny_engine: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no spec at"):
        open_engine(tmp_path / "nowhere")
    (tiny_engine / "spec.json").write_text("{")
    with pytest.raises(EngineError, match="cannot read"):
        open_engine(tiny_engine)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_spec_of_another_shape_is_refused(tmp_path: Path, backend: str) -> None:
    pytest.importorskip(backend)
    from depth_ros.engines.spec import TensorSpec

    folder = write_tiny_engine(tmp_path / "t", inputs=(TensorSpec("image", (1, 3, 64, 64)),))
    with pytest.raises(EngineError, match=r"tensors of tiny.onnx"):
        open_engine(folder, backend)


def test_a_missing_backend_is_one_sentence(tiny_engine: Path) -> None:
    with pytest.raises(EngineError, match=r"no backend for .*tiny.onnx: expected tensorflow, got"):
        open_engine(tiny_engine, "tensorflow")


def test_the_spec_round_trips(tiny_engine: Path, tmp_path: Path) -> None:
    spec = EngineSpec.load(tiny_engine / "spec.json")
    spec.save(tmp_path / "again.json")
    assert EngineSpec.load(tmp_path / "again.json") == spec


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_unknown_device_is_refused(tiny_engine: Path, backend: str) -> None:
    pytest.importorskip(backend)
    with pytest.raises(EngineError, match="device"):
        open_engine(tiny_engine, backend, device="TPU")


RELOAD = """
import signal, sys, threading
from depth_ros.engines import open_engine

first = open_engine(sys.argv[1], sys.argv[2])

def reload():
    second = open_engine(sys.argv[1], sys.argv[2])
    first.close()

thread = threading.Thread(target=reload)
thread.start()
thread.join()
del first
signal.signal(signal.SIGINT, lambda *_: print("still here"))
signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_signal_is_survived_after_a_reload_in_another_thread(
    tiny_engine: Path, backend: str
) -> None:
    pytest.importorskip(backend)
    run = [sys.executable, "-c", RELOAD, str(tiny_engine), backend]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "still here\n"), done.stderr


def open_weights(folder: Path, backend: str, spec: EngineSpec, precision: str = "fp32") -> Engine:
    """The adapter itself, without open_engine's checks and cache."""
    module, name = {"openvino": ("ov", "OvEngine"), "onnxruntime": ("ort", "OrtEngine")}[backend]
    pytest.importorskip(backend)
    adapter = getattr(import_module(f"depth_ros.engines.{module}"), name)
    return cast(Engine, adapter(folder / spec.weights, spec, "CPU", precision, 1))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_array_may_come_again_with_other_pixels(tiny_engine: Path, backend: str) -> None:
    pytest.importorskip(backend)
    engine = open_engine(tiny_engine, backend, precision="fp32")
    image = np.zeros((1, 3, 48, 64), np.float32)
    for grey in (0.0, 0.5, 1.0):
        image[:] = grey
        assert np.allclose(engine.infer({"image": image})["depth"], 1 + 4 * grey)
    other = np.full_like(image, 0.25)
    assert np.allclose(engine.infer({"image": other})["depth"], 2)
    assert np.allclose(engine.infer({"image": image})["depth"], 5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_may_be_read_only_or_strided(tiny_engine: Path, backend: str) -> None:
    pytest.importorskip(backend)
    engine = open_engine(tiny_engine, backend, precision="fp32")
    pixels = np.random.default_rng(2).random((48, 64, 3), np.float32)
    strided = pixels.transpose(2, 0, 1)[None]
    frozen = np.ascontiguousarray(strided)
    frozen.flags.writeable = False
    expected = 1 + 4 * frozen.mean(1, keepdims=True)
    for image in (strided, frozen):
        assert np.allclose(engine.infer({"image": image})["depth"], expected, atol=1e-5)
    pixels[:] = 0  # what was copied is copied again
    assert np.allclose(engine.infer({"image": strided})["depth"], 1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_state_goes_in_and_out(tmp_path: Path, backend: str) -> None:
    pytest.importorskip(backend)
    engine = open_engine(write_counting_engine(tmp_path / "n"), backend, precision="fp32")
    inputs = {t.name: np.zeros(t.shape, np.float32) for t in engine.spec.inputs}
    for count in (1, 2, 3):
        outputs = engine.infer(inputs)
        assert np.all(outputs["depth"] == count)
        np.copyto(inputs["count"], outputs["count_next"])


def write_dynamic(folder: Path, *names: str) -> Path:
    """The tiny network for images of any size; ``names`` are its outputs."""
    onnx = pytest.importorskip("onnx")
    write_tiny_engine(folder)
    model = onnx.load(folder / "tiny.onnx")
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in {0: "batch", 2: "height", 3: "width"}.items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    for name in names:
        model.graph.node.append(onnx.helper.make_node("Neg", ["depth"], [name]))
        model.graph.output.append(onnx.ValueInfoProto(name=name))
        model.graph.output[-1].type.CopyFrom(model.graph.output[0].type)
    onnx.save(model, folder / "tiny.onnx")
    return folder


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_dynamic_network_takes_the_specs_size(tmp_path: Path, backend: str) -> None:
    folder = write_dynamic(tmp_path / "t", "more")
    spec = EngineSpec.load(folder / "spec.json").resized(96, 64)
    engine = open_weights(folder, backend, spec)
    outputs = engine.infer({"image": np.ones((1, 3, 64, 96), np.float32)})
    assert list(outputs) == ["depth"]  # the network has one more than the spec wants
    assert outputs["depth"].shape == (1, 1, 64, 96) and np.allclose(outputs["depth"], 5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_tensors_of_another_type_or_name_are_refused(tiny_engine: Path, backend: str) -> None:
    spec = EngineSpec.load(tiny_engine / "spec.json")
    half = replace(spec, inputs=(replace(spec.inputs[0], dtype="float16"),))
    other = replace(spec, outputs=(replace(spec.outputs[0], name="disparity"),))
    for wrong, word in ((half, "float16"), (other, "disparity")):
        with pytest.raises(EngineError, match=rf"tensors of tiny.onnx: expected .*{word}.*, got "):
            open_weights(tiny_engine, backend, wrong)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_input_too_many_is_refused(tmp_path: Path, backend: str) -> None:
    folder = write_counting_engine(tmp_path / "n")
    spec = EngineSpec.load(folder / "spec.json")
    alone = replace(spec, inputs=spec.inputs[:1], states=())
    with pytest.raises(EngineError, match=r"tensors of counting.onnx: .*, got .*count"):
        open_weights(folder, backend, alone)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_unknown_precision_is_refused(tiny_engine: Path, backend: str) -> None:
    spec = EngineSpec.load(tiny_engine / "spec.json")
    with pytest.raises(EngineError, match=r"precision: expected .*fp32.*, got fp12"):
        open_weights(tiny_engine, backend, spec, "fp12")


def test_openvino_says_what_it_computes_in(tiny_engine: Path) -> None:
    """A CPU without bf16 computes fp32 instead, and no CPU here quantises by itself."""
    spec = EngineSpec.load(tiny_engine / "spec.json")
    capable = pytest.importorskip("openvino").Core  # asked of the one that the adapter keeps
    from depth_ros.engines.ov import _core

    assert isinstance(_core(), capable)
    has = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    found = open_weights(tiny_engine, "openvino", spec, "bf16").precision
    assert found == ("bf16" if has else "fp32")
    assert open_weights(tiny_engine, "openvino", spec, "int8").precision == "fp32"


def test_onnx_runtime_does_not_fall_back_in_silence(tiny_engine: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has CUDA here")
    for device in ("CUDA", "CUDA:1", "TensorRT", "CPU:1", "CUDA:x"):
        with pytest.raises(EngineError, match=rf"device: expected one of CPU, got {device}"):
            open_engine(tiny_engine, "onnxruntime", device)
