# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_cli as a user starts it: another process, real files, a real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recordings import SMALL, write_recording

from depth_ros.cli import main, parser
from depth_ros.cli.ending import UNREAD, exit_code
from depth_ros.config import settings
from depth_ros.errors import ConfigError
from depth_ros.parameter_file import read_params

ROOT = Path(__file__).resolve().parent.parent


def cli(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "depth_ros.cli", *map(str, words)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def write_gray_clip(folder: Path, count: int) -> Path:
    """Grey images; tiny_engine makes 1 + 4 * 102 / 255 = 2.6 m of them; the truth is 2 m."""
    images = [np.full((48, 64, 3), 102, np.uint8)] * count
    depths = [np.full((48, 64), 2000)] * count
    return write_recording(folder, images, depths, **SMALL, fps=20, depth_unit_m=0.001)


def test_run(tmp_path: Path, tiny_engine: Path) -> None:
    clip, out = write_gray_clip(tmp_path / "clip", 5), tmp_path / "out"
    (clip / "rgb" / "000002.png").write_bytes(b"half")
    done = cli("run", clip, "--out", out, "--engine.path", tiny_engine, "--limit", 4)
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["frames_in"], summary["frames_out"], summary["frames_dropped"]) == (4, 4, 0)
    assert summary["frames_unreadable"] == 1
    assert summary["engine"]["network"] == "tiny" and summary["engine"]["precision"]
    assert summary["abs_rel_metric"] == pytest.approx(0.3, abs=0.005)  # bf16 or fp16 at worst
    assert summary["delta1_metric"] == 0 and summary["delta1"] == 1
    assert summary["abs_rel"] == pytest.approx(0, abs=1e-5)
    assert {"preprocess", "engine", "decode"} <= summary["stages_ms"].keys()
    assert done.stderr.startswith("clip: 5 frames, 20 Hz\n")
    assert f"{out / 'depth.mp4'}" in done.stdout and "4 in, 4 out" in done.stdout


def test_realtime_accounts_for_every_frame(tmp_path: Path, tiny_engine: Path) -> None:
    clip, out = write_gray_clip(tmp_path / "clip", 12), tmp_path / "out"
    words = ("--engine.path", tiny_engine, "--realtime", "--odometry.enabled", "false")
    assert cli("run", clip, "--out", out, *words).returncode == 0
    s = json.loads((out / "summary.json").read_text())
    assert s["frames_in"] == 12 == s["frames_out"] + s["frames_dropped"] + s["frames_rejected"]
    assert s["motion_states"] == {"off": s["frames_out"]}
    assert "abs_rel" in s


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.mp4",), "no source nothing.mp4"),
        ((".", "--depth.max_m", "5000"), "depth.max_m: expected 0.0 to 1000.0, got 5000.0"),
        ((".", "--fov", "300"), "1 to 170 degrees"),
        ((".", "--params", "no.yaml"), "cannot read no.yaml"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["run", *words, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("depth_ros.cli", "params"),
        ("depth_ros.cli", "run", "--help"),
        ("depth_ros.training.cli", "training/fastdepth_indoor.yaml", "--show"),
        ("depth_ros.training.evaluation.cli", "--help"),
    ],
)
def test_a_reader_that_ends_first_is_no_error(words: tuple[str, ...]) -> None:
    pytest.importorskip("yaml")
    read, write = os.pipe()
    os.close(read)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", *words]
    pipe = subprocess.PIPE
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=write, stderr=pipe, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (UNREAD, b"")


def test_a_mistake_without_a_reader_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "depth_ros.cli", "run", "nothing.mp4", "--out", "no"]
    done = subprocess.run(command, cwd=ROOT, stderr=write, check=False)
    os.close(write)
    assert done.returncode == UNREAD


def test_another_pipe_that_breaks_is_an_error() -> None:
    def command() -> None:
        read, write = os.pipe()
        os.close(read)
        try:
            os.write(write, b"frames")
        finally:
            os.close(write)

    with pytest.raises(BrokenPipeError):
        exit_code("depth_cli", command)


def test_help_opens_with_three_examples() -> None:
    done = cli("--help")
    start = done.stdout.index("examples:")
    assert done.stdout[start:].count("\n  depth_cli ") == 3
    assert start < done.stdout.index("positional arguments")


@pytest.mark.parametrize(
    "command", ["run", "bench", "params", "zoo", "import", "add-onnx", "export", "build", "cache"]
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"depth_cli {command}" in capsys.readouterr().out


def test_parser_loads_nothing_heavy() -> None:
    code = (
        "import sys, depth_ros.cli; depth_ros.cli.parser(); "
        "print([m for m in ('numpy', 'cv2', 'rclpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_setting_is_a_flag_and_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["params"]) == 0
    listed = capsys.readouterr().out
    args = parser().parse_args(["run", "x", "--out", "y"])
    for s in settings():
        assert getattr(args, s.name) is None  # not given: config.py's default holds
        assert f"{s.name}  (default {s.default!r}" in listed and s.text in listed


def test_parameter_files_of_ros_and_plain_ones(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    ros, plain, broken = (tmp_path / n for n in ("ros.yaml", "plain.yaml", "broken.yaml"))
    ros.write_text("/**:\n  ros__parameters:\n    depth: {max_m: 9.0}\n    points.stride: 3\n")
    plain.write_text("depth:\n  max_m: 9.0\npoints.stride: 3\n")
    broken.write_text("a: [1")
    assert read_params(ros) == read_params(plain) == {"depth.max_m": 9.0, "points.stride": 3}
    with pytest.raises(ConfigError, match=r"cannot read .*broken.yaml"):
        read_params(broken)


def test_bench_without_ros(tmp_path: Path, tiny_engine: Path) -> None:
    file = tmp_path / "bench.json"
    done = cli("bench", "--frames", 12, "--engine.path", tiny_engine, "--json", file)
    assert done.returncode == 0, done.stderr
    stages = json.loads(file.read_text())["pipeline"]["stages_ms"]
    assert {"preprocess", "engine", "decode", "odometry", "scale", "total"} == stages.keys()
    assert all(0 < t["p50"] <= t["p95"] <= t["p99"] for t in stages.values())
    parts = sum(stages[s]["p50"] for s in ("preprocess", "engine", "decode"))
    assert stages["total"]["p99"] > parts
    assert "p99" in done.stdout
