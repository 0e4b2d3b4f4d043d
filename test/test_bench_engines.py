# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_cli bench --all: rows, relations between their numbers, and what is left out and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_ros.bench.engines import Options, bench_engines, run_row, unusable
from depth_ros.bench.row import Job
from depth_ros.bench.timing import BLOCK, LEAST, WARM_UP, interleaved
from depth_ros.cli import main
from depth_ros.engines import backends
from depth_ros.errors import DepthError

PROMISED = {
    *("network", "backend", "precision", "width", "height"),
    *("p50_ms", "p95_ms", "p99_ms", "eager_p50_ms", "max_abs_err"),
    *("ratio", "rss_mb", "device", "abs_rel", "precision_asked", "threads"),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """One run on the smallest network, and what it said; zoo and caches are out of reach."""
    for name in ("torch", "onnx", "openvino", "onnxruntime"):
        pytest.importorskip(name)
    file, said = tmp_path_factory.mktemp("bench") / "bench.json", []
    options = Options(
        networks=("fastdepth_pruned",),
        backends=("tensorrt", "openvino", "onnxruntime", "torch"),
        precisions=("fp32", "int8"),
        size=(64, 64),
        frames=4,
        threads=1,  # more would wait for each other on a busy machine
        direct=True,
        limit_s=1.0,
    )
    numbers = bench_engines(options, said.append, file)
    assert json.loads(file.read_text()) == numbers
    return numbers, "\n".join(said)


def test_a_row_for_every_usable_backend(bench: tuple[dict[str, Any], str]) -> None:
    numbers, said = bench
    rows = {(row["backend"], row["precision"]): row for row in numbers["rows"]}
    usable = backends()
    assert {name for name, _ in rows} == set(usable)
    assert {name for name, precision in rows if precision == "int8"} == set(usable) - {"torch"}
    for row in rows.values():
        assert row.keys() >= PROMISED
        assert row["network"] == "fastdepth_pruned" and row["part"] == "depth"
        assert (row["width"], row["height"]) == (64, 64)
        assert row["precision"] == row["precision_asked"]
        assert said.count(f"{row['backend']:<12}{row['precision']:<5}") == 1


def test_relations(bench: tuple[dict[str, Any], str]) -> None:
    numbers, _ = bench
    for row in numbers["rows"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["ratio"] == pytest.approx(row["eager_p50_ms"] / row["p50_ms"], abs=1e-3)
        assert row["threads"] == numbers["threads"] == 1
        assert row["rss_mb"] > 1 and row["frame_p50_ms"] > 0 and row["frames"] == 4
        assert row["overhead"] == pytest.approx(row["p50_ms"] / row["direct_p50_ms"] - 1, abs=1e-3)


def test_errors_are_those_of_the_precision(bench: tuple[dict[str, Any], str]) -> None:
    for row in bench[0]["rows"]:
        if row["precision"] == "fp32":
            assert row["max_abs_err"] < 1e-4 and row["abs_rel"] < 1e-5
        else:  # int8 keeps some of the depth, and cannot keep all of it
            assert row["max_abs_err"] > 1e-4 and 1e-5 < row["abs_rel"] < 0.2


def test_what_is_left_out_says_why(bench: tuple[dict[str, Any], str]) -> None:
    numbers, said = bench
    skipped = {(s["backend"], s["precision"]): s["reason"] for s in numbers["skipped"]}
    assert "Quantised networks run on" in skipped["torch", "int8"]
    if "tensorrt" not in backends():
        assert skipped["tensorrt", "all"] in ("no NVIDIA GPU here", "tensorrt is not installed")
    assert all(reason in said for reason in skipped.values())
    assert {"cpu", "cores", "flags", "date", "versions"} <= numbers["machine"].keys()
    assert numbers["weights"] == {"fastdepth_pruned": "random"}


def test_a_folder_without_a_torch_module(tmp_path: Path, tiny_engine: Path) -> None:
    pytest.importorskip("onnxruntime")
    job = Job(str(tiny_engine), "depth", "onnxruntime", "auto", "fp32", 1, 3, 1.0)
    row = run_row(job, tmp_path / "cache")
    assert row["p50_ms"] > 0
    assert row["eager_p50_ms"] is row["ratio"] is row["max_abs_err"] is None


def test_a_row_that_cannot_be(tmp_path: Path, tiny_engine: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tiny_engine / "tiny.onnx").write_bytes(b"no network")
    job = Job(str(tiny_engine), "depth", "onnxruntime", "auto", "fp32", 1, 3, 1.0)
    with pytest.raises(DepthError, match="not the ones that the spec describes"):
        run_row(job, tmp_path / "cache")


def test_random_networks_answer_to_their_input() -> None:
    """Depth varies over the image and from image to image, so that an error has a meaning."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from depth_ros.bench.clip import inputs, samples
    from depth_ros.bench.random_network import random_network

    images = samples(None, 3)
    item, again = (random_network("monodepth2", images, (64, 64)) for _ in range(2))
    assert item.spec.pose is not None and len(inputs(item.spec.pose, images)) == 2  # pairs
    depths = []
    with torch.inference_mode():
        for arrays in inputs(item.spec, images):
            first, second = (i.module(torch.from_numpy(arrays["image"]))[0] for i in (item, again))
            torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-3)
            depths.append(first.numpy())
    assert all(d.std() > 0.05 * d.mean() for d in depths)
    assert np.abs(depths[0] - depths[2]).mean() > 0.01 * depths[0].mean()


def test_calls_take_turns() -> None:
    order: list[str] = []
    calls = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    times = interleaved(calls, 15, 60.0)
    assert {name: len(ms) for name, ms in times.items()} == {"a": 15, "b": 15}
    full, rest = WARM_UP + BLOCK, WARM_UP + 5
    assert "".join(order) == "a" * full + "b" * full + "b" * rest + "a" * rest
    late = interleaved({"a": lambda: None}, 10_000, 0.0)
    assert len(late["a"]) == LEAST


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--networks", "fastdepth"), "--networks without --all. Add --all."),
        (("--all", "--backends", "caffe"), "backends: expected among tensorrt, openvino"),
        (("--all", "--precisions", "fp8"), "precisions: expected among fp32"),
        (("--all", "--networks", "nobody"), "unknown network"),
    ],
)
def test_mistakes(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_unusable_names_what_is_missing() -> None:
    assert all(not unusable(name) for name in backends())
