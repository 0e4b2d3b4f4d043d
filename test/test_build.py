# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Builds: what is made, from which images, how well, and what remains of an interrupted one."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import write_counting_engine, write_engine, write_tiny_engine
from killed import killed
from recordings import SMALL, write_recording

from depth_ros.engines import load_spec, open_engine
from depth_ros.engines.build import (
    form_to_make,
    key_of,
    needs_build,
    ready,
    recipe,
    shared_cache,
)
from depth_ros.engines.build.identity import cpu_name, identity
from depth_ros.engines.build.making import build, make
from depth_ros.engines.cache import Cache
from depth_ros.engines.spec import EngineSpec, TensorSpec
from depth_ros.errors import EngineError, SourceError
from depth_ros.proof import MAX_LOSS, Calibration, Check, Clip, motion_inputs, run_length
from depth_ros.sources import open_source

ROOT = Path(__file__).resolve().parent.parent
KILLS = 100
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cache]:
    """The process's own cache, here and in the processes that a test starts."""
    monkeypatch.setenv("DEPTH_ROS_CACHE", str(tmp_path / "cache"))
    cache = Cache()
    yield cache
    cache.close()


@pytest.fixture
def deep_engine(tmp_path: Path) -> Path:
    """A network with convolutions to quantise: depth = about 1 + 4 * grey, through 8 channels."""
    return write_deep_engine(tmp_path / "deep")


def write_deep_engine(folder: Path, **changes: object) -> Path:
    import onnx

    rng = np.random.default_rng(0)
    nodes, weights = [], []
    sizes, before = (3, 8, 8, 8, 1), "image"
    for i, (eats, makes) in enumerate(pairwise(sizes)):
        kernel = rng.uniform(0.5, 1.5, (makes, eats, 3, 3)).astype(np.float32)
        kernel /= kernel.sum(axis=(1, 2, 3), keepdims=True)
        if i == 3:
            kernel *= 4
        bias = np.ones(makes, np.float32) if i == 3 else np.zeros(makes, np.float32)
        names = [before, f"w{i}", f"b{i}"]
        weights += [
            onnx.numpy_helper.from_array(kernel, f"w{i}"),
            onnx.numpy_helper.from_array(bias, f"b{i}"),
        ]
        after = "depth" if i == 3 else f"c{i}"
        nodes.append(onnx.helper.make_node("Conv", names, [after], name=after, pads=[1, 1, 1, 1]))
        before = after
        if i < 3:
            nodes.append(onnx.helper.make_node("Relu", [after], [f"r{i}"], name=f"r{i}"))
            before = f"r{i}"
    image, depth = TensorSpec("image", (1, 3, 48, 64)), TensorSpec("depth", (1, 1, 48, 64))
    return write_engine(folder, "deep", nodes, weights, (image,), (depth,), **changes)


def write_clip(folder: Path, count: int, *, truth_mm: int | None = 2000) -> Path:
    """Noise around a grey level that rises from frame to frame, with a constant true depth."""
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 156, (48, 64, 3)) + 100 * i // count for i in range(count)]
    images = [image.astype(np.uint8)[..., ::-1] for image in noise]
    depths = [] if truth_mm is None else [np.full((48, 64), truth_mm)] * count
    return write_recording(folder, images, depths, **SMALL, fps=20, depth_unit_m=0.001)


def spec_of(folder: Path, **changes: object) -> EngineSpec:
    return load_spec(folder)


# Recipes and keys.


@pytest.mark.parametrize(
    ("backend", "precision", "form", "plan"),
    [
        ("openvino", "auto", "fp32", False),
        ("openvino", "fp32", "fp32", False),
        ("openvino", "bf16", "fp32", False),
        ("openvino", "fp16", "fp32", False),
        ("openvino", "int8", "int8", False),
        ("onnxruntime", "auto", "fp32", False),
        ("onnxruntime", "fp16", "fp16", False),
        ("onnxruntime", "int8", "int8", False),
        ("tensorrt", "auto", "fp16", True),
        ("tensorrt", "fp32", "fp32", True),
        ("tensorrt", "int8", "int8", True),
        ("torch", "bf16", "fp32", False),
    ],
)
def test_recipes(tiny_engine: Path, backend: str, precision: str, form: str, plan: bool) -> None:
    assert (recipe(backend, precision).form, recipe(backend, precision).plan) == (form, plan)
    assert needs_build(load_spec(tiny_engine), backend, precision) == (plan or form != "fp32")


@pytest.mark.parametrize(
    ("backend", "precision", "reason"),
    [
        ("onnxruntime", "bf16", "no bf16 convolutions"),
        ("torch", "int8", "Quantised networks run on OpenVINO"),
        ("tensorrt", "bf16", "fp16 is as fast"),
        ("openvino", "int4", "expected auto or fp32"),
        ("abacus", "fp32", "expected tensorrt or openvino"),
    ],
)
def test_what_a_backend_cannot_do_is_refused(backend: str, precision: str, reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        recipe(backend, precision)


def test_stored_precision_is_not_made_again(tmp_path: Path) -> None:
    spec = load_spec(write_tiny_engine(tmp_path / "half", precision="fp16"))
    assert form_to_make(spec, "onnxruntime", "fp16") is None
    assert form_to_make(spec, "onnxruntime", "auto") is None
    assert form_to_make(spec, "tensorrt", "auto") is None and needs_build(spec, "tensorrt", "auto")
    assert form_to_make(spec, "onnxruntime", "int8") == "int8"


def test_identity_is_that_of_the_library(tiny_engine: Path) -> None:
    import onnxruntime

    version, device = identity("onnxruntime", "auto")
    assert version == f"onnxruntime {onnxruntime.__version__}"
    assert device == cpu_name() == identity("onnxruntime", "CPU")[1] and len(device) > 2
    assert identity("onnxruntime", "CUDA")[1].startswith("CUDA")
    with pytest.raises(EngineError, match="backend abacus"):
        identity("abacus", "auto")
    key = key_of(load_spec(tiny_engine), "onnxruntime", "auto", "fp16")
    assert key.precision == "fp16" and key.sha256 == load_spec(tiny_engine).sha256
    assert key.shapes == "image float32 1x3x48x64 -> depth float32 1x1x48x64"


def test_the_key_costs_no_library(tiny_engine: Path, cache: Cache) -> None:
    ready(tiny_engine, load_spec(tiny_engine), "onnxruntime", "auto", "fp16")
    script = (
        "import sys; from pathlib import Path; from depth_ros.engines import load_spec;"
        "from depth_ros.engines.build import ready; folder = Path(sys.argv[1]);"
        "print(ready(folder, load_spec(folder), 'onnxruntime', 'auto', 'fp16').suffix);"
        "print([m for m in ('onnx', 'onnxruntime', 'openvino', 'torch') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tiny_engine)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ".onnx\n[]\n", done.stderr


# What open_engine asks for.


def test_weights_that_need_nothing_touch_no_cache(tiny_engine: Path, cache: Cache) -> None:
    spec = load_spec(tiny_engine)
    cache.folder.rmdir()
    for backend in ("openvino", "onnxruntime", "torch"):
        assert ready(tiny_engine, spec, backend, "auto", "auto") == tiny_engine / spec.weights
    assert not cache.folder.exists()


def test_fp16_is_made_once_and_computes_the_same(tiny_engine: Path, cache: Cache) -> None:
    spec = load_spec(tiny_engine)
    path = ready(tiny_engine, spec, "onnxruntime", "auto", "fp16")
    assert path is not None and path.is_relative_to(cache.folder)
    made = path.stat().st_mtime_ns
    assert ready(tiny_engine, spec, "onnxruntime", "auto", "fp16") == path
    assert path.stat().st_mtime_ns == made
    engine = open_engine(tiny_engine, "onnxruntime", precision="fp16")
    assert engine.precision == "fp16"
    grey = np.full((1, 3, 48, 64), 0.4, np.float32)
    np.testing.assert_allclose(engine.infer({"image": grey})["depth"], 2.6, atol=2e-3)
    engine.close()


def test_a_damaged_engine_is_made_again(tiny_engine: Path, cache: Cache) -> None:
    spec = load_spec(tiny_engine)
    path = ready(tiny_engine, spec, "onnxruntime", "auto", "fp16", cache)
    assert path is not None
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    assert ready(tiny_engine, spec, "onnxruntime", "auto", "fp16", cache) == path
    assert path.read_bytes() == good and "bytes, expected" in cache.last_refusal


def test_new_weights_are_another_engine(tmp_path: Path, cache: Cache) -> None:
    paths = set()
    for gain in (4.0, 2.0):
        folder = write_tiny_engine(tmp_path / f"gain{gain}", gain=gain)
        paths.add(ready(folder, load_spec(folder), "onnxruntime", "auto", "fp16", cache))
    assert len(paths) == len(cache.entries()) == 2


def test_int8_needs_a_clip(deep_engine: Path, cache: Cache) -> None:
    words = "depth_cli build deep --engine.backend onnxruntime --engine.precision int8 --source"
    with pytest.raises(EngineError, match=words):
        ready(deep_engine, load_spec(deep_engine), "onnxruntime", "auto", "int8", cache)
    with pytest.raises(EngineError, match="Add --source YOUR_CLIP"):
        build(deep_engine, "onnxruntime", precision="int8", cache=cache)
    assert not cache.entries() and not list(cache.folder.iterdir())


def test_weights_that_were_only_imported_have_to_be_exported(
    tiny_engine: Path, cache: Cache
) -> None:
    import dataclasses

    spec = dataclasses.replace(load_spec(tiny_engine), weights="tiny.safetensors")
    with pytest.raises(EngineError, match="depth_cli export tiny first"):
        ready(tiny_engine, spec, "onnxruntime", "auto", "auto", cache)
    assert ready(tiny_engine, spec, "torch", "auto", "auto") == tiny_engine / "tiny.safetensors"


@pytest.mark.parametrize("precision", ["auto", "fp32", "int8"])
def test_plans_are_compiled(deep_engine: Path, tmp_path: Path, precision: str) -> None:
    pytest.importorskip("tensorrt_rtx")  # which compiles without a GPU, too
    spec, heard = load_spec(deep_engine), []
    file, facts = make(
        tmp_path,
        deep_engine / spec.weights,
        spec,
        "tensorrt",
        "auto",
        precision,
        calibration=noise(4),
        progress=lambda fraction, text: heard.append((fraction, text)),
    )
    assert file.suffix == ".plan" and file.stat().st_size == facts["bytes"]
    assert facts["precision"] == ("fp16" if precision == "auto" else precision)
    assert heard[0][0] == 0 and max(fraction for fraction, _ in heard) == 1


# Images, accuracy and the refusal.


def noise(count: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [{"image": rng.uniform(0, 1, (1, 3, 48, 64)).astype(np.float32)} for _ in range(count)]


@pytest.mark.parametrize(
    ("frames", "run", "limit"), [(40, 1, 8), (7, 1, 64), (41, 2, 6), (9, 4, 8)]
)
def test_calibration_and_check_share_no_frame(
    tmp_path: Path, frames: int, run: int, limit: int
) -> None:
    folder = write_clip(tmp_path / "clip", frames)
    clip = Clip(open_source(str(folder)), run, limit)
    images = [item.frame.image.tobytes() for item in open_source(str(folder))]
    found = [[images.index(s.image.tobytes()) for s in clip.samples(p)] for p in (0, 1)]
    assert not set(found[0]) & set(found[1])
    for purpose, indices in enumerate(found):
        assert run <= len(indices) <= limit and indices == sorted(set(indices))
        starts = [s.starts for s in clip.samples(purpose)]
        assert starts == [i % run == 0 for i in range(len(indices))]
        for i in range(1, len(indices)):
            assert starts[i] or indices[i] == indices[i - 1] + 1
    if frames >= 2 * limit:
        assert len(found[0]) == len(found[1]) == limit
        assert found[0][0] == 0 and found[1][-1] == frames - 1  # spread over the whole clip


def test_clips_that_do_not_do(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "clip", 3)
    with pytest.raises(SourceError, match="expected 4 or more, got 3"):
        Clip(open_source(str(folder)), run=2)


def test_a_pose_network_sees_pairs(tmp_path: Path) -> None:
    pair, motion = TensorSpec("pair", (1, 6, 48, 64)), TensorSpec("motion", (1, 6))
    fields = {"inputs": (pair,), "outputs": (motion,), "kind": "motion", "mean": (0.5,) * 3}
    spec = EngineSpec("pose", "pose.onnx", "0", metric=False, **fields)  # type: ignore[arg-type]
    folder = write_clip(tmp_path / "clip", 12)
    clip = Clip(open_source(str(folder)), run_length(spec), 4)
    pairs = list(motion_inputs(clip.samples(0), spec))
    assert len(pairs) == len(list(Calibration(clip, spec))) == 2
    images = [item.frame.image for item in open_source(str(folder))]
    expected = np.concatenate([images[i].transpose(2, 0, 1) for i in (0, 1)])[None] / 255 - 0.5
    np.testing.assert_allclose(pairs[0]["pair"], expected, atol=1e-6)


def test_a_recurrent_network_is_checked_in_runs(cache: Cache, tmp_path: Path) -> None:
    folder = write_counting_engine(tmp_path / "counting")  # its depth is the number of frames
    spec = load_spec(folder)
    clip = Clip(open_source(str(write_clip(tmp_path / "clip", 40))), run_length(spec), 16)
    check = Check(clip, max_loss=0)
    built = build(folder, "onnxruntime", precision="fp16", check=check, cache=cache)
    assert (built.facts["frames"], built.facts["abs_rel"]) == (16, 0)
    true = [abs(count - 2) / 2 for count in range(1, 9)]  # it begins anew with each run
    assert built.facts["truth"]["engine"]["abs_rel"] == pytest.approx(np.mean(true))


def test_int8_on_real_frames(deep_engine: Path, cache: Cache, tmp_path: Path) -> None:
    clip = Clip(open_source(str(write_clip(tmp_path / "clip", 24))), limit=8)
    heard: list[str] = []
    built = build(
        deep_engine,
        "onnxruntime",
        precision="int8",
        calibration=Calibration(clip, load_spec(deep_engine)),
        check=Check(clip),
        progress=lambda _, text: heard.append(text),
        cache=cache,
    )
    assert built.entry is not None and built.fresh and built.facts["precision"] == "int8"
    assert built.facts["calibration_frames"] == built.facts["frames"] == 8
    assert 0 < built.facts["abs_rel"] < MAX_LOSS["int8"] and built.facts["delta1"] == 1
    truth = built.facts["truth"]
    assert truth["fp32"]["abs_rel"] == pytest.approx(truth["engine"]["abs_rel"], abs=0.02)
    assert "calibrating, frame 8" in heard
    assert cache.entries()[0].facts == built.facts
    again = build(deep_engine, "onnxruntime", precision="int8", cache=cache)
    assert not again.fresh and again.path == built.path and again.facts == built.facts
    engine = open_engine(deep_engine, "onnxruntime", precision="int8")
    assert engine.precision == "int8"
    engine.close()


def test_truth_is_compared_where_it_is_known(
    tiny_engine: Path, cache: Cache, tmp_path: Path
) -> None:
    for i in range(4):  # a grey of 0.4, which is 2.6 m
        (tmp_path / "clip" / "rgb").mkdir(parents=True, exist_ok=True)
        (tmp_path / "clip" / "depth").mkdir(exist_ok=True)
        rgb, depth = np.full((48, 64, 3), 102, np.uint8), np.full((24, 32), 2000, np.uint16)
        cv2.imwrite(str(tmp_path / "clip" / "rgb" / f"{i}.png"), rgb)
        cv2.imwrite(str(tmp_path / "clip" / "depth" / f"{i}.png"), depth)
    (tmp_path / "clip" / "meta.json").write_text(
        '{"fx": 60, "fy": 60, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48, '
        '"depth_unit_m": 0.001}'
    )
    check = Check(Clip(open_source(str(tmp_path / "clip"))))
    built = build(tiny_engine, "onnxruntime", precision="fp16", check=check, cache=cache)
    assert built.facts["truth"]["fp32"]["abs_rel"] == pytest.approx(0.3, abs=1e-4)
    assert built.facts["truth"]["engine"]["abs_rel"] == pytest.approx(0.3, abs=2e-3)
    assert built.facts["truth"]["fp32"]["delta1"] == 0 and built.facts["delta1"] == 1


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_an_engine_past_the_stated_loss_is_refused(
    deep_engine: Path, cache: Cache, tmp_path: Path, precision: str
) -> None:
    clip = Clip(open_source(str(write_clip(tmp_path / "clip", 8))))
    calibration = Calibration(clip, load_spec(deep_engine))
    check = Check(clip, precision, max_loss=1e-7)
    with pytest.raises(
        EngineError,
        match=r"engine of deep for onnxruntime, on 4 frames.*at most 1e-07, got 0\.\d+",
    ):
        build(
            deep_engine,
            "onnxruntime",
            precision=precision,
            calibration=calibration,
            check=check,
            cache=cache,
        )
    assert not list(cache.folder.iterdir())


def test_a_wrong_engine_is_refused_by_default(
    deep_engine: Path, cache: Cache, tmp_path: Path
) -> None:
    clip = Clip(open_source(str(write_clip(tmp_path / "clip", 8))))
    black = [{"image": np.zeros((1, 3, 48, 64), np.float32)}]  # a lens cap
    with pytest.raises(EngineError, match=r"at most 0\.04, got"):
        build(
            deep_engine,
            "onnxruntime",
            precision="int8",
            calibration=black,
            check=Check(clip, "int8"),
            cache=cache,
        )
    assert not cache.entries()


def test_nothing_to_make_is_still_checked(deep_engine: Path, cache: Cache, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    clip = Clip(open_source(str(write_clip(tmp_path / "clip", 4))))
    built = build(deep_engine, "openvino", precision="bf16", check=Check(clip), cache=cache)
    assert built.entry is None and built.path == deep_engine / "deep.onnx"
    assert built.facts["abs_rel"] < MAX_LOSS["bf16"] and built.facts["frames"] == 2
    assert not cache.entries()


def test_the_shipped_network_bears_int8(data_dir: Callable[[str], Path], cache: Cache) -> None:
    folder = ROOT / "engines" / "fastdepth_indoor"
    clip = Clip(open_source(str(data_dir("icl_livingroom1"))), limit=6)
    built = build(
        folder,
        "onnxruntime",
        precision="int8",
        calibration=Calibration(clip, load_spec(folder)),
        check=Check(clip, "int8"),
        cache=cache,
    )
    truth = built.facts["truth"]
    assert truth["engine"]["abs_rel"] < truth["fp32"]["abs_rel"] + 0.02
    assert truth["engine"]["delta1"] > truth["fp32"]["delta1"] - 0.06


# The commands, in processes of their own.


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "depth_ros.cli", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def cli(*words: object) -> tuple[int, str, str]:
    process = start(*words)
    out, wrong = process.communicate(timeout=120)
    return process.returncode, out, wrong


INT8 = ("--engine.backend", "onnxruntime", "--engine.precision", "int8")


def test_commands(deep_engine: Path, cache: Cache, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", 12)
    code, out, wrong = cli("build", deep_engine, *INT8)
    assert code == 2 and "--source YOUR_CLIP" in wrong and "Traceback" not in wrong
    code, out, wrong = cli("build", deep_engine, *INT8, "--source", clip, "--limit", 3)
    assert code == 0, wrong
    assert re.search(r"^made in .* s, .* MB: .*artefact\.onnx\nruns in int8 on CPU$", out, re.M)
    assert re.search(
        r"^against fp32, 3 frames of clip: AbsRel 0\.\d{4}, delta1 1\.0000 "
        r"\(AbsRel at most 0\.04\)\nagainst the truth: fp32 AbsRel 0\.\d{4}, delta1 \d\.\d{4}; "
        r"engine AbsRel 0\.\d{4}, delta1 \d\.\d{4}$",
        out,
        re.M,
    )
    assert "calibrating" in wrong and "comparing with fp32" in wrong
    code, out, _ = cli("build", deep_engine, *INT8)
    assert code == 0 and out.startswith("in the cache already") and "against fp32" in out
    code, out, _ = cli("build", deep_engine, "--engine.backend", "onnxruntime")
    assert code == 0 and out.startswith("nothing to make: deep.onnx is opened as it is")
    assert "accuracy not measured" in out
    code, out, _ = cli("cache", "list")
    assert code == 0 and re.search(r"^[0-9a-f]{12}  deep  onnxruntime int8  0\.0 MB  made 20", out)
    assert cpu_name() in out and "against fp32, 3 frames" in out
    assert f"1 engines, 0.0 MB of 4.29 GB in {cache.folder}" in out
    assert cache.find(key_of(load_spec(deep_engine), "onnxruntime", "auto", "int8"))
    assert cli("cache", "clear")[1] == "0.0 MB freed, 1 in use and kept\n"
    cache.close()
    assert cli("cache", "clear")[1] == "0.0 MB freed\n" and not list(cache.folder.iterdir())


def test_two_commands_at_once_build_once(deep_engine: Path, cache: Cache, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", 60)
    both = [start("build", deep_engine, *INT8, "--source", clip) for _ in range(2)]
    said = sorted(p.communicate(timeout=120)[0].split(" ")[0] for p in both)
    assert said == ["in", "made"] and [p.returncode for p in both] == [0, 0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("phase", ["calibrating", "comparing"])
def test_a_cancelled_build_leaves_nothing(
    deep_engine: Path, cache: Cache, tmp_path: Path, number: int, code: int, phase: str
) -> None:
    clip = write_clip(tmp_path / "clip", 400)
    process = start("build", deep_engine, *INT8, "--source", clip, "--limit", 200)
    assert process.stderr is not None
    while phase not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    _, wrong = process.communicate(timeout=60)
    assert process.returncode == code and "Traceback" not in wrong
    assert not list(cache.folder.iterdir())


# Converts and converts until it is killed.
KILLED = """
import itertools, sys
from pathlib import Path
from depth_ros.engines import load_spec
from depth_ros.engines import precision
from depth_ros.engines.build.making import build
folders = [Path(word) for word in sys.argv[1:]]
def work(first):
    for number in itertools.count(first):
        build(folders[number % 3], "onnxruntime", precision="fp16", force=number % 2 > 0)
"""


def test_kill_at_any_moment_of_a_build(tmp_path: Path, cache: Cache) -> None:
    folders = [write_tiny_engine(tmp_path / f"{g}", gain=g) for g in (4.0, 2.0, 1.0)]
    (tmp_path / "tmp").mkdir()
    moments, found = random.Random(2), 0
    grey = {"image": np.full((1, 3, 48, 64), 0.5, np.float32)}
    with killed(KILLED, *folders, TMPDIR=str(tmp_path / "tmp")) as kill:
        for round_ in range(KILLS):
            kill(round_, moments.uniform(0, 0.08))
            checking = Cache()
            for folder in folders:
                key = key_of(load_spec(folder), "onnxruntime", "auto", "fp16")
                found += checking.find(key) is not None
            assert not checking.last_refusal  # no half-made engine was ever to be seen
            checking.close()
            folder = folders[round_ % 3]
            engine = open_engine(folder, "onnxruntime", precision="fp16")  # makes it if it has to
            wanted = 1 + float(folder.name) / 2
            np.testing.assert_allclose(engine.infer(grey)["depth"], wanted, atol=2e-3)
            engine.close()
            shared_cache().close()
            if round_ % 3 == 2:
                assert checking.clear() > 0
                assert not list(cache.folder.iterdir())
    assert found > KILLS / 2  # many builds had come to their end
    # What was half-made lay in the cache. (ONNX Runtime keeps a small file of its own, .ses.)
    assert not [p.name for p in (tmp_path / "tmp").iterdir() if p.name != ".ses"]


COMPILES = """
import sys
from pathlib import Path
from depth_ros.cli.cancel import Cancel
from depth_ros.engines import load_spec
from depth_ros.engines.build.making import make
folder, spec = Path(sys.argv[1]), load_spec(Path(sys.argv[2]))
with Cancel() as cancel:
    def progress(fraction, text):
        print(fraction, text, file=sys.stderr, flush=True)
        cancel.check()
    weights = Path(sys.argv[2]) / spec.weights
    make(folder, weights, spec, "tensorrt", "auto", "fp32", progress=progress)
print("made")
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, 143)])
def test_a_compilation_is_cancelled(tmp_path: Path, number: int, code: int) -> None:
    pytest.importorskip("tensorrt_rtx")
    folder = ROOT / "engines" / "fastdepth_indoor"
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", COMPILES, str(tmp_path), str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    assert process.stderr is not None
    while "Optimizing" not in process.stderr.readline():  # within the library
        assert process.poll() is None
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code and not said
    assert not list(tmp_path.glob("*.plan"))


# The main thread waits within a library, for a lock that no signal interrupts, while another of
# the library's threads reports progress.
DEAF = """
import ctypes, os, signal, threading, time
from depth_ros.cli.cancel import Cancel
libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
with Cancel() as cancel:
    def report():
        time.sleep(0.2)  # until the main thread waits
        os.kill(os.getpid(), signal.SIGINT)
        end = time.monotonic() + 10
        try:
            while time.monotonic() < end:
                cancel.check()
                time.sleep(0.01)
        except KeyboardInterrupt:
            print("heard", flush=True)
        libc.pthread_mutex_unlock(mutex)
    libc.pthread_mutex_lock(mutex)
    thread = threading.Thread(target=report)
    try:
        thread.start()
        libc.pthread_mutex_lock(mutex)
    except KeyboardInterrupt:
        print("raised")
    thread.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mutexes of glibc")
def test_a_signal_reaches_a_library_that_computes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEAF], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert sorted(done.stdout.split()) == ["heard", "raised"], done.stderr
