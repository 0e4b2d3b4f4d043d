# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Real plans for GPUs that are not here, and everything that needs a GPU where there is one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, write_counting_engine, write_engine, write_tiny_engine

from depth_ros.engines.nvidia import library
from depth_ros.engines.nvidia.compiler import compile_here
from depth_ros.engines.nvidia.cuda import cuda_devices, find_device
from depth_ros.engines.nvidia.plan import compile
from depth_ros.engines.spec import Arrays, EngineSpec, TensorSpec
from depth_ros.engines.trt import TrtEngine
from depth_ros.errors import EngineError

FASTDEPTH = ROOT / "engines" / "fastdepth_indoor"
_LIBRARY = any(map(find_spec, library.LIBRARIES))
gpu = pytest.mark.skipif(not (_LIBRARY and cuda_devices()), reason="no TensorRT on a CUDA device")
no_gpu = pytest.mark.skipif(bool(cuda_devices()), reason="there is a CUDA device")


@pytest.fixture(scope="module")
def rtx() -> Any:
    """The one library that compiles plans without a GPU."""
    module = pytest.importorskip("tensorrt_rtx")
    if library.trt_library() is not module:
        pytest.skip("TensorRT is preferred here")
    return module


def entry(folder: Path) -> tuple[Path, EngineSpec]:
    """Weights and spec of an entry's folder."""
    spec = EngineSpec.load(folder / "spec.json")
    return folder / spec.weights, spec


@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (8, 6), (8, 9), (12, 0)])
def test_plans_for_every_architecture(
    rtx: Any, tiny_engine: Path, tmp_path: Path, capability: tuple[int, int]
) -> None:
    onnx, spec = entry(tiny_engine)
    plan = tmp_path / "tiny.plan"
    facts = compile_here(onnx, plan, spec, compute_capability=capability)
    assert facts["compute_capability"] == "{}.{}".format(*capability)
    assert (facts["library"], facts["version"]) == ("tensorrt_rtx", rtx.__version__)
    assert (facts["precision"], facts["layers"]) == ("fp32", {"convolution float": 1})
    data = plan.read_bytes()
    assert facts["bytes"] == len(data)
    assert b"tiny fp32" in data  # what TrtEngine reads the precision from
    assert b"image" in data and b"depth" in data
    assert plan.stat().st_mode & 0o777 == 0o600


def test_precision_follows_the_onnx_file(rtx: Any, tmp_path: Path) -> None:
    onnx, spec = entry(FASTDEPTH)
    half, quantised = half_precision(tmp_path), int8(tmp_path)
    facts = [
        compile_here(file, tmp_path / f"{file.stem}.plan", spec, compute_capability=(8, 9))
        for file in (onnx, half, quantised)
    ]
    assert [f["precision"] for f in facts] == ["fp32", "fp16", "int8"]
    convolutions = facts[0]["layers"]["convolution float"]
    assert facts[1]["layers"]["convolution half"] == convolutions
    assert "convolution float" not in facts[1]["layers"]
    quantisers = [n for n in onnx_nodes(quantised) if n.op_type == "QuantizeLinear"]
    assert facts[2]["layers"]["quantize int8"] == len(quantisers) > convolutions / 2
    assert facts[1]["bytes"] < 0.6 * facts[0]["bytes"]


def test_open_sizes_become_the_specs(rtx: Any, tiny_engine: Path, tmp_path: Path) -> None:
    import onnx

    file, spec = entry(tiny_engine)
    model = onnx.load(file)
    for tensor in (*model.graph.input, *model.graph.output):
        for axis in (0, 2, 3):
            tensor.type.tensor_type.shape.dim[axis].dim_param = f"open{axis}"
    onnx.save(model, file)
    larger = replace(
        spec,
        inputs=(TensorSpec("image", (1, 3, 96, 128)),),
        outputs=(TensorSpec("depth", (1, 1, 96, 128)),),
    )
    assert compile_here(file, tmp_path / "plan", larger)["bytes"]
    with pytest.raises(
        EngineError, match=r"tensors of tiny.onnx: expected .*48, 64.*, got .*96, 128"
    ):
        compile_here(file, tmp_path / "no", replace(larger, outputs=spec.outputs))
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": (TensorSpec("picture", (1, 3, 48, 64)),)},
        {"inputs": (TensorSpec("image", (1, 3, 24, 64)),)},
        {"inputs": (TensorSpec("image", (1, 3, 48, 64), "float16"),)},
        {"outputs": (TensorSpec("metres", (1, 1, 48, 64)),)},
        {"outputs": (TensorSpec("depth", (48, 64)),)},
        {"outputs": (TensorSpec("depth", (1, 1, 48, 64)), TensorSpec("more", (1,)))},
    ],
)
def test_what_is_not_the_specs_is_refused(
    rtx: Any, tiny_engine: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    onnx, spec = entry(tiny_engine)
    with pytest.raises(EngineError, match=r"tensors of tiny.onnx: expected .*, got .*"):
        compile_here(onnx, tmp_path / "plan", replace(spec, **changes))
    assert not (tmp_path / "plan").exists()


def test_every_error_of_the_parser_is_listed(rtx: Any, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    nodes = [
        onnx.helper.make_node("NoSuchThing", ["image"], ["a"], name="first"),
        onnx.helper.make_node("NorThisOne", ["a"], ["depth"], name="second"),
    ]
    sides = (TensorSpec("image", (1, 3, 48, 64)),), (TensorSpec("depth", (1, 1, 48, 64)),)
    file, spec = entry(write_engine(tmp_path / "bad", "bad", nodes, [], *sides))
    with pytest.raises(EngineError, match=r"cannot read .*bad.onnx: first: .*; second: "):
        compile_here(file, tmp_path / "plan", spec)


def test_files_that_are_no_network(rtx: Any, tiny_engine: Path, tmp_path: Path) -> None:
    onnx, spec = entry(tiny_engine)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(onnx.read_bytes()[:40])
    with pytest.raises(EngineError, match=r"cannot read .*broken.onnx: .*parse"):
        compile(broken, tmp_path / "plan", spec)
    with pytest.raises(EngineError, match=r"no ONNX file at .*absent.onnx"):
        compile(tmp_path / "absent.onnx", tmp_path / "plan", spec)
    with pytest.raises(EngineError, match=r"cannot write .*nowhere"):
        compile(onnx, tmp_path / "nowhere" / "plan", spec)
    assert sorted(os.listdir(tmp_path)) == ["broken.onnx", "tiny"]


def test_architectures_that_the_library_does_not_know(
    rtx: Any, tiny_engine: Path, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match=r"expected .*SM75.*SM120.*, got SM53"):
        compile_here(*paths(tiny_engine, tmp_path), compute_capability=(5, 3))


@no_gpu
def test_a_refittable_plan_needs_a_device(rtx: Any, tiny_engine: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"cannot compile .*Refittable plans need a CUDA device"):
        compile(*paths(tiny_engine, tmp_path), refit=True)
    assert os.listdir(tmp_path) == ["tiny"]


def test_progress_rises_from_none_to_all(rtx: Any, tmp_path: Path) -> None:
    onnx, spec = entry(FASTDEPTH)
    heard: list[tuple[float, str]] = []
    facts = compile(onnx, tmp_path / "plan", spec, progress=lambda *words: heard.append(words))
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions) and (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert len(set(fractions)) > 20 and all(phase for _, phase in heard)
    assert facts["bytes"] == (tmp_path / "plan").stat().st_size
    assert os.listdir(tmp_path) == ["plan"]


@pytest.mark.parametrize("when", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_a_cancelled_compilation_leaves_what_was_there(
    rtx: Any, tiny_engine: Path, tmp_path: Path, when: float, kind: type[BaseException]
) -> None:
    (tmp_path / "plan").write_bytes(b"the old one")
    reason = kind("enough")

    def progress(fraction: float, phase: str) -> None:
        if fraction >= when:
            raise reason

    for how in (compile, compile_here):
        target = tmp_path / ("plan" if how is compile else "new")
        with pytest.raises(kind) as raised:
            how(*entry_to(tiny_engine, target), progress=progress)
        assert raised.value is reason
    assert (tmp_path / "plan").read_bytes() == b"the old one"
    assert sorted(os.listdir(tmp_path)) == ["plan", "tiny"]


def test_a_crash_of_the_compiler_is_an_error(
    rtx: Any, tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            children.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with pytest.raises(EngineError, match=r"compiler crashed on .*tiny.onnx: SIGSEGV"):
        compile(
            *paths(tiny_engine, tmp_path),
            progress=lambda *_: children[0].send_signal(signal.SIGSEGV),
        )
    assert os.listdir(tmp_path) == ["tiny"]


@no_gpu
@pytest.mark.parametrize("size", [0, 10, 1000, 200_000])
def test_a_truncated_plan_is_refused(
    rtx: Any, tiny_engine: Path, tmp_path: Path, size: int
) -> None:
    onnx, plan, spec = paths(tiny_engine, tmp_path)
    compile_here(onnx, plan, spec)
    plan.write_bytes(plan.read_bytes()[:size])
    with pytest.raises(
        EngineError, match=r"cannot open .*plan on a GPU: .*(head|size|empty|Size)"
    ):
        library.load_plan(rtx, plan, "a GPU")


@no_gpu
def test_a_plan_of_another_version_is_refused(rtx: Any, tiny_engine: Path, tmp_path: Path) -> None:
    onnx, plan, spec = paths(tiny_engine, tmp_path)
    compile_here(onnx, plan, spec)
    version = [int(part) for part in rtx.__version__.split(".")[:3]]
    data = plan.read_bytes()
    place = data.index(bytes(version), 0, 64)
    plan.write_bytes(data[:place] + bytes([1, 2, 3]) + data[place + 3 :])
    current = r"\.".join(map(str, version))
    with pytest.raises(EngineError, match=f"current runtime is TensorRT-RTX version {current}"):
        library.load_plan(rtx, plan, "a GPU")


def test_foreign_files_are_no_plans(rtx: Any, tiny_engine: Path, tmp_path: Path) -> None:
    onnx, _ = entry(tiny_engine)
    with pytest.raises(EngineError, match=r"cannot open .*tiny.onnx.*depth_cli build"):
        library.load_plan(rtx, onnx, "a GPU")
    with pytest.raises(EngineError, match=r"cannot read .*absent"):
        library.load_plan(rtx, tmp_path / "absent", "a GPU")


@no_gpu
def test_without_a_device_one_sentence_says_so(
    rtx: Any, tiny_engine: Path, tmp_path: Path
) -> None:
    onnx, plan, spec = paths(tiny_engine, tmp_path)
    compile_here(onnx, plan, spec)
    for device in ("auto", "cuda", "cuda:1", "0", "GPU"):
        with pytest.raises(EngineError, match=r"no CUDA device: expected .*libcuda.so.1.*backend"):
            TrtEngine(plan, spec, device, "auto", 0)


def test_without_a_library_both_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in library.LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineError, match="no TensorRT: expected tensorrt or tensorrt_rtx, got"):
        library.trt_library.__wrapped__()


def test_asking_for_devices_imports_nothing_heavy() -> None:
    code = (
        "import sys; from depth_ros.engines.nvidia.cuda import cuda_devices"
        "; import depth_ros.engines.trt"
        "; names = cuda_devices(); assert names == cuda_devices() and type(names) is list"
        "; assert not {'tensorrt', 'tensorrt_rtx', 'torch', 'onnx', 'cuda'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# From here on: where a GPU is.


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    """opened(folder, ...): a TrtEngine of the entry, compiled for it, closed after the test."""
    engines = []

    def open_it(folder: Path, *, onnx: Path | None = None, **options: Any) -> TrtEngine:
        weights, spec = entry(folder)
        plan = tmp_path / f"{spec.network}{len(engines)}.plan"
        compile(onnx or weights, plan, spec, refit=options.pop("refit", False))
        engines.append(TrtEngine(plan, spec, "auto", "auto", 0, **options))
        return engines[-1]

    yield open_it
    for engine in engines:
        engine.close()


@gpu
@pytest.mark.parametrize("graph", [True, False])
def test_tiny_is_exact(opened: Any, tiny_engine: Path, graph: bool) -> None:
    engine = opened(tiny_engine, graph=graph)
    assert (engine.backend, engine.precision, engine.device) == (
        "tensorrt",
        "fp32",
        cuda_devices()[0],
    )
    rng = np.random.default_rng(0)
    for _ in range(5):
        image = rng.random((1, 3, 48, 64), np.float32)
        depth = engine.infer({"image": image})["depth"]
        # four roundings of numbers below 5
        assert np.allclose(depth, 1 + 4 * image.mean(1, keepdims=True), rtol=0, atol=20 * 2**-24)


@gpu
def test_fastdepth_is_the_reference(opened: Any) -> None:
    engine = opened(FASTDEPTH)
    for seed in range(3):
        image = noise(seed)
        assert np.abs(run(engine, image) - reference(image)).max() < 1e-3  # the project's limit


@gpu
def test_fastdepth_in_half_precision(opened: Any, tmp_path: Path) -> None:
    engine = opened(FASTDEPTH, onnx=half_precision(tmp_path))
    assert engine.precision == "fp16"
    image = noise(0)
    wanted = reference(image)
    error = np.abs(run(engine, image) - wanted).max()
    layers = 83  # each rounds what it computes to 11 bits
    assert 0 < error < layers * 2**-11 * np.abs(wanted).max()


@gpu
@pytest.mark.parametrize("graph", [True, False])
def test_states_are_inputs_and_outputs(opened: Any, tmp_path: Path, graph: bool) -> None:
    engine = opened(write_counting_engine(tmp_path / "counting"), graph=graph)
    image, count = np.zeros((1, 3, 48, 64), np.float32), np.zeros((1, 1, 48, 64), np.float32)
    for frame in range(1, 21):
        outputs = engine.infer({"image": image, "count": count})
        assert (outputs["depth"] == frame).all()
        count = outputs["count_next"]  # a view of the engine's own memory
    again = engine.infer({"image": image, "count": np.zeros_like(count)})
    assert (again["depth"] == 1).all()


@gpu
def test_a_graph_changes_no_bit(tmp_path: Path) -> None:
    onnx, spec = entry(FASTDEPTH)
    compile(onnx, tmp_path / "plan", spec)
    plain, graph = (TrtEngine(tmp_path / "plan", spec, "auto", "auto", 0, graph=g) for g in (0, 1))
    for seed in (0, 1, 2, 0):
        assert np.array_equal(run(plain, noise(seed)), run(graph, noise(seed)))
    plain.close()
    graph.close()


@gpu
def test_no_device_memory_is_taken_per_frame(opened: Any) -> None:
    engine, image = opened(FASTDEPTH), noise(0)
    for _ in range(3):
        engine.infer({"image": image})
    before = find_device("auto").free_bytes()
    for _ in range(1000):
        engine.infer({"image": image})
    assert find_device("auto").free_bytes() >= before


@gpu
def test_close_gives_the_memory_back(tmp_path: Path) -> None:
    onnx, spec = entry(FASTDEPTH)
    compile(onnx, tmp_path / "plan", spec)

    def once() -> int:
        engine = TrtEngine(tmp_path / "plan", spec, "auto", "auto", 0)
        output = run(engine, noise(0))
        before = output.copy()
        engine.close()
        assert np.array_equal(output, before)  # still readable
        return find_device("auto").free_bytes()

    once()
    first = once()
    for _ in range(10):
        last = once()
    assert last >= first


@gpu
def test_refit_takes_new_weights(opened: Any, tmp_path: Path) -> None:
    engine = opened(write_tiny_engine(tmp_path / "tiny"), refit=True)
    other, _ = entry(write_tiny_engine(tmp_path / "other", gain=2.0))
    image = np.full((1, 3, 48, 64), 0.5, np.float32)
    for onnx, expected in ((None, 3.0), (other, 2.0), (tmp_path / "tiny" / "tiny.onnx", 3.0)):
        if onnx:
            engine.refit(onnx)
        for _ in range(3):
            assert np.allclose(engine.infer({"image": image})["depth"], expected, atol=1e-5)
    with pytest.raises(EngineError, match="do not fit"):
        engine.refit(entry(FASTDEPTH)[0])
    assert np.allclose(engine.infer({"image": image})["depth"], 3.0, atol=1e-5)


@gpu
def test_what_cannot_be_refitted_says_so(opened: Any, tiny_engine: Path) -> None:
    with pytest.raises(EngineError, match="expected refittable"):
        opened(tiny_engine).refit(tiny_engine / "tiny.onnx")


@gpu
def test_refusals_on_a_device(rtx: Any, opened: Any, tiny_engine: Path, tmp_path: Path) -> None:
    onnx, plan, spec = paths(tiny_engine, tmp_path)
    compile(onnx, plan, spec)
    with pytest.raises(EngineError, match="expected fp16, got fp32"):
        TrtEngine(plan, spec, "auto", "fp16", 0)
    wrong = replace(spec, outputs=(TensorSpec("metres", (1, 1, 48, 64)),))
    with pytest.raises(EngineError, match=r"tensors of .*metres"):
        TrtEngine(plan, wrong, "auto", "auto", 0)
    with pytest.raises(EngineError, match=r"expected auto, cuda or one of cuda:0 .*, got cuda:99"):
        TrtEngine(plan, spec, "cuda:99", "auto", 0)
    plan.write_bytes(plan.read_bytes()[:-100])
    with pytest.raises(EngineError, match="cannot open"):
        TrtEngine(plan, spec, "auto", "auto", 0)
    major = find_device("auto").capability[0]
    compile(onnx, plan, spec, compute_capability=(12, 0) if major < 12 else (7, 5))
    with pytest.raises(EngineError, match=r"cannot open .*compute capability"):
        TrtEngine(plan, spec, "auto", "auto", 0)


def entry_to(folder: Path, target: Path) -> tuple[Path, Path, EngineSpec]:
    onnx, spec = entry(folder)
    return onnx, target, spec


def paths(folder: Path, tmp_path: Path) -> tuple[Path, Path, EngineSpec]:
    return entry_to(folder, tmp_path / "plan")


def noise(seed: int) -> np.ndarray:
    """An input of FastDepth, from -1 to 1."""
    shape = entry(FASTDEPTH)[1].inputs[0].shape
    return 2 * np.random.default_rng(seed).random(shape, np.float32) - 1


def run(engine: TrtEngine, image: np.ndarray) -> np.ndarray:
    """The first output."""
    spec = engine.spec
    return engine.infer({spec.inputs[0].name: image})[spec.outputs[0].name]


def reference(image: np.ndarray) -> np.ndarray:
    """FastDepth's first output as ONNX Runtime computes it in fp32."""
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx, spec = entry(FASTDEPTH)
    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    return session.run([spec.outputs[0].name], {spec.inputs[0].name: image})[0]


def onnx_nodes(path: Path) -> list[Any]:
    """The nodes of an ONNX file."""
    return list(pytest.importorskip("onnx").load(path).graph.node)


def half_precision(tmp_path: Path) -> Path:
    """FastDepth's ONNX in fp16."""
    pytest.importorskip("onnxruntime")
    from depth_ros.engines.precision import to_fp16

    to_fp16(entry(FASTDEPTH)[0], tmp_path / "fp16.onnx")
    return tmp_path / "fp16.onnx"


def int8(tmp_path: Path) -> Path:
    """FastDepth's ONNX in int8, calibrated on noise."""
    pytest.importorskip("onnxruntime")
    from depth_ros.engines.precision import to_int8

    onnx, spec = entry(FASTDEPTH)
    images: list[Arrays] = [{spec.inputs[0].name: noise(seed)} for seed in range(2)]
    to_int8(onnx, tmp_path / "int8.onnx", spec, images, symmetric=True)
    return tmp_path / "int8.onnx"
