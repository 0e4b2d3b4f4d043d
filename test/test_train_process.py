# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Real processes: killed, interrupted and several at once, they learn the very same weights."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
yaml = pytest.importorskip("yaml")
pytest.importorskip("tensorboard")

from line import Line  # noqa: E402

from depth_ros.frame import Camera  # noqa: E402
from depth_ros.training.cli import main  # noqa: E402
from depth_ros.training.data.pool import write_view  # noqa: E402
from depth_ros.training.data.readers.reading import Reading  # noqa: E402
from depth_ros.training.recipe import load_config  # noqa: E402
from depth_ros.training.running import Options, run_training  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 240  # in which a process has to start, on a busy computer


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FastDepth on walls whose brightness tells their distance, through two stages."""
    folder = tmp_path_factory.mktemp("walls")
    for i in range(6):
        image = np.full((48, 64, 3), 40 * i + 20, np.uint8)
        image[:, ::4] //= 2
        depth = np.full((48, 64), 1.0 + i, np.float32)
        view = Reading(image=image, depth=depth, camera=Camera(64, 48, 50, 50, 31.5, 23.5))
        write_view(folder / f"{i}.npz", view)
    values = {
        "network": "fastdepth_pruned",
        "sources": [{"kind": "pool", "path": str(folder)}],
        "validation": [{"kind": "pool", "path": str(folder), "stop": 2}],
        "steps": 40,
        "stages": [
            {"until": 0.5, "width": 32, "height": 32, "batch": 2},
            {"until": 1.0, "width": 64, "height": 32, "batch": 2},
        ],
        "optimizer": {"warmup_steps": 2, "accumulate": 2, "freeze_norm_at": 0.7},
        "validate_every": 7,
        "checkpoint_every": 3,
        "pictures_every": 0,
        "threads": 1,
    }
    path = folder / "walls.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def uninterrupted(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    assert main([str(recipe), "--out", str(out), "--no-entry", "--workers", "0"]) == 0
    return out


def numbers(tree: Any) -> dict[str, Any]:
    """All tensors of nested containers by their place."""
    if isinstance(tree, torch.Tensor):
        return {"": tree}
    if isinstance(tree, dict):
        pairs = tree.items()
    elif isinstance(tree, (list, tuple)):
        pairs = dict(enumerate(tree)).items()
    else:
        return {}
    return {f"/{k}{name}": t for k, v in pairs for name, t in numbers(v).items()}


def assert_same(one: Path, other: Path) -> None:
    """Both checkpoints hold the same bits and the same score."""
    first, second = (torch.load(path, weights_only=True) for path in (one, other))
    left, right = numbers(first), numbers(second)
    assert left.keys() == right.keys()
    assert len(left) > 100
    assert [k for k in left if not torch.equal(left[k], right[k])] == []
    for name in ("step", "best", "frozen"):
        assert first[name] == second[name]


def start(recipe: Path, out: Path, workers: int) -> subprocess.Popen[str]:
    words = [str(recipe), "--out", str(out), "--no-entry", "--workers", str(workers)]
    return subprocess.Popen(
        [sys.executable, "-m", "depth_ros.training.cli", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_news(process: subprocess.Popen[str], checkpoint: Path, before: int) -> None:
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if checkpoint.exists() and checkpoint.stat().st_mtime_ns != before:
            return
        time.sleep(0.005)


@pytest.mark.parametrize(("workers", "kills"), [(0, 1), (1, 2)])
def test_killed_at_any_time_the_run_ends_with_the_same_bits(
    recipe: Path, uninterrupted: Path, tmp_path: Path, workers: int, kills: int
) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    killed = 0
    for _ in range(kills):
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        process = start(recipe, tmp_path, workers)
        wait_for_news(process, checkpoint, before)
        time.sleep(random.uniform(0, 0.1))
        killed += process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert torch.load(checkpoint, weights_only=True)["step"] >= 3
    assert killed
    process = start(recipe, tmp_path, workers)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert "goes on after step" in said
    for name in ("checkpoint.pt", "best.pt"):
        assert_same(tmp_path / name, uninterrupted / name)
    steps = [line.split(",")[0] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    whole = (uninterrupted / "log.jsonl").read_text().splitlines()
    assert steps == [line.split(",")[0] for line in whole]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_go_on(
    recipe: Path, uninterrupted: Path, tmp_path: Path, sent: int, code: int
) -> None:
    """The whole process group gets it, as from a terminal or systemd: the readers, too."""
    process = start(recipe, tmp_path, 1)
    wait_for_news(process, tmp_path / "checkpoint.pt", 0)
    os.killpg(process.pid, sent)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == code, said
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    step = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"]
    assert (
        last == f"stopped after step {step} of 40, saved in {tmp_path}: the same command goes on"
    )
    assert main([str(recipe), "--out", str(tmp_path), "--no-entry", "--steps", "61"]) == 2
    process = start(recipe, tmp_path, 1)
    assert process.communicate(timeout=SECONDS) and process.returncode == 0
    assert_same(tmp_path / "checkpoint.pt", uninterrupted / "checkpoint.pt")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_two_processes_learn_what_one_learns_from_the_same_examples(tmp_path: Path) -> None:
    """Gloo, DistributedDataParallel; gradients are summed in another order, so within 1e-5."""
    values: dict[str, Any] = {
        "sources": [{"kind": "rendered"}],
        "steps": 20,
        "workers": 0,
        "threads": 1,
        "device": "cpu",
        "validation": [{"kind": "rendered"}],
        "validate_every": 5,
        "optimizer": {"learning_rate": 0.1, "warmup_steps": 0},
    }
    recipe = tmp_path / "line.yaml"
    recipe.write_text(yaml.safe_dump({**values, "stages": [{"batch": 4}]}))
    run = run_training(load_config(recipe), tmp_path / "one", Options(entry=False), print, Line)
    recipe.write_text(yaml.safe_dump({**values, "stages": [{"batch": 2}]}))
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    words = [sys.executable, str(ROOT / "test/line.py"), str(recipe), str(tmp_path / "two")]
    processes = [
        subprocess.Popen(
            words,
            cwd=ROOT,
            env={**os.environ, **shared, "RANK": str(i), "LOCAL_RANK": str(i)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(2)
    ]
    said = [p.communicate(timeout=SECONDS)[0] for p in processes]
    assert [p.returncode for p in processes] == [0, 0], said
    saved = torch.load(tmp_path / "two/checkpoint.pt", weights_only=True)
    assert saved["ranks"] == 2
    for name, value in run.network.state_dict().items():
        torch.testing.assert_close(saved["live"][name], value, rtol=1e-5, atol=1e-6)
    for name, value in run.average.state_dict().items():
        torch.testing.assert_close(saved["state"][name], value, rtol=1e-5, atol=1e-6)
