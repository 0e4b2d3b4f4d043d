# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The job of make run on real DDS: a camera process, the node's process, a recorder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.errors import DepthError
from depth_ros.processes import Child, CtrlC

pytest.importorskip("rclpy")
ROOT = Path(__file__).resolve().parent.parent


def write_moving_clip(folder: Path, count: int) -> Path:
    """A camera that looks at a picture 2 m ahead and moves 2 cm to the right at each frame.

    tiny_engine makes about 1 + 4 * 64 / 255 = 2 m of it.
    """
    rng = np.random.default_rng(0)
    noise = rng.integers(20, 108, (30, 80), dtype=np.uint8)
    picture = cv2.resize(noise, (800, 240), interpolation=cv2.INTER_LINEAR)
    (folder / "rgb").mkdir(parents=True)
    (folder / "depth").mkdir()
    poses = []
    for i in range(count):
        pixels = 3 * i  # 0.02 m * 300 px / 2 m
        cv2.imwrite(str(folder / "rgb" / f"{i:03d}.png"), picture[:, pixels : pixels + 320])
        cv2.imwrite(str(folder / "depth" / f"{i:03d}.png"), np.full((240, 320), 2000, np.uint16))
        pose = np.eye(4)
        pose[0, 3] = 0.02 * i
        poses.append(pose.ravel())
    np.savetxt(folder / "poses.txt", poses)
    size = {"width": 320, "height": 240, "cx": 159.5, "cy": 119.5}
    meta = {"fx": 300, "fy": 300, "fps": 15, "depth_unit_m": 0.001, **size}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def command(clip: Path, out: Path, engine: Path) -> list[str]:
    words = ("run", clip, "--ros", "--out", out, "--engine.path", engine)
    return [sys.executable, "-m", "depth_ros.cli", *map(str, words)]


def test_the_whole_job(tmp_path: Path, tiny_engine: Path) -> None:
    clip, out = write_moving_clip(tmp_path / "clip", 30), tmp_path / "out"
    done = subprocess.run(
        command(clip, out, tiny_engine),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    s = json.loads((out / "summary.json").read_text())
    assert s["frames_in"] == 30 == s["frames_out"] + s["frames_dropped"] + s["frames_rejected"]
    # On a busy machine some may be dropped, even before the node has seen them.
    assert s["frames_out"] > 0 and s["frames_rejected"] == 0
    assert 0 <= s["lost_in_transport"] <= s["frames_dropped"]
    assert 0 < s["latency_ms"]["p50"] <= s["latency_ms"]["p95"] <= s["latency_ms"]["p99"]
    assert s["latency_of"] == "stamp to publish" and s["scale_known"]
    assert {"engine", "odometry", "publish"} <= s["stages_ms"].keys()
    assert s["engine"]["network"] == "tiny" and s["engine"]["backend"]
    # Were depth and truth of different frames paired, the way would not fit.
    assert s["path_m"] > 0.3 and s["ate_scaled_m"] < 0.05 * s["path_m"]
    assert s["abs_rel_metric"] < 0.3 and s["delta1"] > 0.7
    for name in ("depth.mp4", "points.ply", "trajectory.png"):
        assert (out / name).stat().st_size > 1000
    assert sorted(f.name for f in out.iterdir() if f.name.startswith(".")) == []


def test_ctrl_c_ends_all_processes_and_still_reports(tmp_path: Path, tiny_engine: Path) -> None:
    clip, out = write_moving_clip(tmp_path / "clip", 150), tmp_path / "out"
    job = subprocess.Popen(
        command(clip, out, tiny_engine),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert job.stderr is not None
    assert "150 frames" in job.stderr.readline()
    line = job.stderr.readline()  # progress: the node works
    assert "fps" in line, line
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 0, said
    summary = json.loads((out / "summary.json").read_text())
    assert summary["interrupted"] and 0 < summary["frames_out"] < 150
    assert not any(str(clip) in text for text in running())


def running() -> list[str]:
    """Command lines and parameter files' names of this machine's processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def test_a_node_that_fails_is_named_with_its_words(tmp_path: Path, tiny_engine: Path) -> None:
    clip = write_moving_clip(tmp_path / "clip", 3)
    (tiny_engine / "tiny.onnx").write_bytes(b"damaged")
    done = subprocess.run(
        [*command(clip, tmp_path / "out", tiny_engine)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 2
    assert "not the ones that the spec describes" in done.stderr


def test_child_that_ignores_signals_is_ended_with_its_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '321.5'])\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = Child("sleeper", [sys.executable, "-c", code], tmp_path / "log")
    while "ready" not in child.said(1):
        time.sleep(0.05)
    assert child.running and (child.rss_mb() or 0) > 1
    child.stop(patience_s=0.3)
    assert not child.running
    deadline = time.monotonic() + 5  # the grandchild has the signal, but dies when it is scheduled
    while any("sleep 321.5" in text for text in running()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_failed_child_is_told_with_its_last_lines(tmp_path: Path) -> None:
    code = "print('a'); print('why it failed'); raise SystemExit(3)"
    child = Child("toy", [sys.executable, "-c", code], tmp_path / "log")
    while child.running:
        time.sleep(0.02)
    with pytest.raises(DepthError, match=r"the toy ended with 3[\s\S]*why it failed"):
        child.check()


def test_ctrl_c_is_asked_for_once_and_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    ctrl_c = CtrlC()
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        ctrl_c.check()
    ctrl_c.check()
    ctrl_c.close()
    ctrl_c.close()
    assert signal.getsignal(signal.SIGINT) is before
