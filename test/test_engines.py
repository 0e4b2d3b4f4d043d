# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Real engines on a network with exact answers: every backend that can be imported here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import write_tiny_engine

from depth_ros.engines import open_engine
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
