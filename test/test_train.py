# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The training loop: it learns, survives kill -9, keeps its schedule, refuses wrong settings."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")

from depth_ros.errors import ConfigError, SourceError  # noqa: E402
from depth_ros.frame import Camera  # noqa: E402
from depth_ros.training import run as running  # noqa: E402
from depth_ros.training import train as training  # noqa: E402
from depth_ros.training.config import Stage, TrainConfig, load_config  # noqa: E402
from depth_ros.training.data import Item  # noqa: E402
from depth_ros.training.data.rendered import write_item  # noqa: E402
from depth_ros.training.sources import canonical_focal, open_sources, read_diverse  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def _recipe(folder: Path, **changes: object) -> Path:
    """A recipe of a few tiny steps on a pool of walls whose brightness tells their distance."""
    for name, count in (("pool", 6), ("validation", 3)):
        (folder / name).mkdir()
        for i in range(count):
            depth = 1.0 + i
            image = np.full((48, 64, 3), 40 * i + 20, np.uint8)
            image[:, ::4] //= 2
            camera = Camera(64, 48, 50, 50, 31.5, 23.5)
            item = Item(image, np.full((48, 64), depth, np.float32), camera)
            write_item(folder / f"{name}/{i}.npz", item)
    values: dict[str, object] = {
        "network": "fastdepth_pruned",
        "data": str(folder),
        "pool": str(folder / "pool"),
        "validation_pool": str(folder / "validation"),
        "encoder": "",
        "steps": 6,
        "warmup_steps": 2,
        "stages": [
            {"until": 0.5, "width": 32, "height": 32, "batch": 2},
            {"until": 1.0, "width": 64, "height": 32, "batch": 2},
        ],
        "shares": {"rendered": 1.0, "diverse": 0.0, "sevenscenes": 0.0, "tartanair": 0.0},
        "augment": {"gain": 0.0, "gamma": 0.0, "contrast": 0.0},
        "validate_every": 3,
        "checkpoint_every": 1,
        "threads": 1,
        "workers": 0,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**values, **changes}), encoding="utf-8")
    return path


def test_runs_through_its_stages_and_writes_what_it_says(tmp_path: Path) -> None:
    config = load_config(_recipe(tmp_path))
    run = training.train(config, tmp_path / "out")
    assert run.step == 6
    lines = [json.loads(s) for s in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6]
    assert [line["size"] for line in lines] == [[32, 32], [64, 32]]
    assert all(math.isfinite(line["rendered"]["metric_abs_rel"]) for line in lines)
    saved = torch.load(tmp_path / "out/checkpoint.pt", weights_only=True)
    assert saved["step"] == 6
    assert saved["config"]["stages"][1]["width"] == 64
    assert not (tmp_path / "out/checkpoint.partial").exists()


def test_learns_one_batch_by_heart(tmp_path: Path) -> None:
    config = load_config(_recipe(tmp_path, steps=1000))
    torch.set_num_threads(config.threads)
    run = training.start(config, {})
    batch = next(iter(training._batches(config, {}, Stage(width=32, height=32, batch=4), 0)))
    losses = [training._step(config, run, batch) for _ in range(25)]
    assert np.mean(losses[-5:]) < 0.6 * losses[0]


def test_goes_on_after_kill_9(tmp_path: Path) -> None:
    path = _recipe(tmp_path, steps=100_000)
    command = [sys.executable, "-m", "depth_ros.training.train", str(path)]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    checkpoint = tmp_path / "out/checkpoint.pt"
    deadline = time.monotonic() + 90
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    saved = torch.load(checkpoint, weights_only=True)
    assert saved["step"] >= 1
    config = load_config(path)
    run = running.resume(checkpoint, config)
    assert run.step == saved["step"]
    for name, value in run.network.state_dict().items():
        torch.testing.assert_close(value, saved["live"][name])
    first = next(iter(run.optimizer.state.values()))
    assert int(first["step"]) == saved["step"]
    assert torch.count_nonzero(first["exp_avg"]) > 0

    path.unlink()
    for name in ("pool", "validation"):
        for file in (tmp_path / name).iterdir():
            file.unlink()
        (tmp_path / name).rmdir()
    config = load_config(_recipe(tmp_path, steps=saved["step"] + 2))
    assert training.train(config, tmp_path / "out").step == saved["step"] + 2


def test_schedule_warms_up_then_falls_to_one_percent() -> None:
    config = TrainConfig(network="fastdepth_pruned", steps=1000, warmup_steps=10)
    run = running.assemble(config, running.build_network(config.network))
    rates = {}
    for step in (0, 9, 500, 1000):
        run.step = step
        running.set_learning_rate(config, run)
        rates[step] = {g["share"]: g["lr"] for g in run.optimizer.param_groups}
    assert rates[0][1.0] == pytest.approx(1e-4, rel=1e-3)
    assert rates[9][1.0] == pytest.approx(1e-3, rel=1e-3)
    assert rates[500][1.0] == pytest.approx(0.505e-3)
    assert rates[1000][1.0] == pytest.approx(1e-5)
    assert rates[500][0.3] == pytest.approx(0.3 * rates[500][1.0])
    run.step, run.seconds = 0, 60 * config.minutes / 2
    assert running.progress(config, run) == pytest.approx(0.5)


def test_batch_norm_stands_still_at_the_end_with_the_averaged_statistics() -> None:
    config = TrainConfig(network="fastdepth_pruned", steps=10, freeze_norm_at=0.5)
    run = running.assemble(config, running.build_network(config.network))
    run.average.conv3[1].running_mean.fill_(0.7)
    image = torch.zeros(2, 3, 32, 32)
    run.step = 4
    run.network.train()
    running.freeze_norm(config, run)
    assert run.network.conv3[1].training
    run.step = 5
    running.freeze_norm(config, run)
    assert not run.network.conv3[1].training
    run.network(image)
    assert (run.network.conv3[1].running_mean == 0.7).all()


def test_unknown_and_wrong_settings_are_named(tmp_path: Path) -> None:
    path = _recipe(tmp_path, leraning_rate=1.0)
    with pytest.raises(ConfigError, match="Did you mean learning_rate"):
        load_config(path)
    path.write_text("stages: [{until: 1.0, widht: 3}]")
    with pytest.raises(ConfigError, match=r"stages\[0\]\.widht.*Did you mean stages\[0\]\.width"):
        load_config(path)
    path.write_text("steps: many")
    with pytest.raises(ConfigError, match="steps: expected a int, got 'many'"):
        load_config(path)
    path.write_text("network: resnet")
    with pytest.raises(ConfigError, match="fastdepth_pruned"):
        load_config(path)
    path.write_text("stages: [{until: 0.5}]")
    with pytest.raises(ConfigError, match=r"until: 1\.0"):
        load_config(path)


def test_an_empty_pool_says_how_to_fill_it(tmp_path: Path) -> None:
    config = load_config(_recipe(tmp_path, pool=str(tmp_path / "nowhere")))
    with pytest.raises(SourceError, match=r"python -m depth_ros\.training\.data\.rendered"):
        training.train(config, tmp_path / "out")


def test_shipped_recipe_loads_and_never_trains_on_what_tests_use(data_dir: object) -> None:
    config = load_config(ROOT / "training/fastdepth_indoor.yaml")
    data = data_dir("diverse_rgbd").parent  # type: ignore[operator]
    config = TrainConfig(
        **{**vars(config), "data": str(data), "shares": config.shares, "pool": str(data)}
    )
    diverse = read_diverse(config)
    assert not set(config.held_out_scenes) - set(diverse)
    sources = [s for s, _ in open_sources(config, diverse, Stage())]
    kitchen = next(s for s in sources if len(getattr(s, "items", [])) == 800)
    rooms = next(s for s in sources if hasattr(s, "scenes"))
    assert kitchen.items[-1].world_from_camera is not None  # frames 0 to 799
    assert not set(rooms.scenes) & set(config.held_out_scenes)
    assert "icl" not in str(rooms.scenes.keys())


def test_canonical_focal_keeps_the_field_of_view() -> None:
    config = TrainConfig()
    assert canonical_focal(config, (256, 192)) == pytest.approx(200)
    assert canonical_focal(config, (128, 96)) == pytest.approx(100)
