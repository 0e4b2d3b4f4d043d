# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The trainer on a method whose optimum is known: what it learns, keeps, skips and writes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from line import BIAS, WEIGHT, Line  # noqa: E402

from depth_ros.errors import ConfigError, DepthError, EngineError, SourceError  # noqa: E402
from depth_ros.schema import build  # noqa: E402
from depth_ros.training.board import Board  # noqa: E402
from depth_ros.training.config import TrainConfig  # noqa: E402
from depth_ros.training.parallel import Team  # noqa: E402
from depth_ros.training.recipe import load_config  # noqa: E402
from depth_ros.training.running import Options, run_training  # noqa: E402
from depth_ros.training.state import Run, assemble, read_checkpoint  # noqa: E402
from depth_ros.training.stopping import Stop  # noqa: E402
from depth_ros.training.trainer import Trainer  # noqa: E402

OPTIONS = Options(skip_broken=True, entry=False)


def config(**changes: Any) -> TrainConfig:
    """A run of ten steps on the line; ``optimizer__ema`` is optimizer.ema."""
    values: dict[str, Any] = {
        "name": "line",
        "sources": [{"kind": "rendered"}],
        "steps": 10,
        "workers": 0,
        "threads": 1,
        "stages": [{"batch": 4}],
        "optimizer": {"learning_rate": 0.1, "warmup_steps": 0, "encoder_share": 1.0},
    }
    for name, value in changes.items():
        group, _, leaf = name.rpartition("__")
        (values.setdefault(group, {}) if group else values)[leaf] = value
    return build(TrainConfig, values)


def train(
    out: Path,
    setup: Callable[[Line], None] = lambda _: None,
    how: Options = OPTIONS,
    **changes: Any,
) -> tuple[Run, Line, list[str]]:
    """The run, its method and what was said."""
    made: list[Line] = []
    said: list[str] = []

    def make(c: TrainConfig) -> Line:
        made.append(Line(c))
        setup(made[0])
        return made[0]

    run = run_training(config(**changes), out, how, said.append, make)
    return run, made[0], said


def weights(module: Any) -> np.ndarray[Any, Any]:
    """All numbers of a module's state, float64."""
    state = module if isinstance(module, dict) else module.state_dict()
    return np.concatenate([v.double().flatten().numpy() for v in state.values()])


def lines(out: Path, group: str) -> dict[int, dict[str, float]]:
    """The points of log.jsonl."""
    found = [json.loads(s) for s in (out / "log.jsonl").read_text().splitlines()]
    return {f["step"]: f[group] for f in found if group in f}


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_finds_the_known_optimum(tmp_path: Path, name: str) -> None:
    changes = {"optimizer__name": name, "optimizer__weight_decay": 0.0}
    run, _, _ = train(tmp_path, steps=300, optimizer__ema=0.9, **changes)
    np.testing.assert_allclose(weights(run.network), [WEIGHT, BIAS], atol=1e-3)
    np.testing.assert_allclose(weights(run.average), [WEIGHT, BIAS], atol=1e-3)


def test_a_step_is_gradient_descent_of_the_clipped_gradient(tmp_path: Path) -> None:
    """SGD without momentum's past: one step, by hand in float64."""
    for clip in (0.0, 0.5):
        run, method, _ = train(
            tmp_path / str(clip),
            steps=1,
            optimizer__name="sgd",
            optimizer__clip_norm=clip,
            optimizer__schedule="constant",
            optimizer__weight_decay=0.01,
            optimizer__encoder_share=0.5,
        )
        torch.manual_seed(0)
        w, b = weights(method.build())
        examples = [method.examples(method.config.stages[0])[i] for i in range(4)]
        x = np.stack([e["x"].double().numpy() for e in examples])
        y = np.stack([e["y"].double().numpy() for e in examples])
        error = w * x + b - y
        gradient = np.array([(2 * error * x).mean(), (2 * error).mean()])
        norm = np.linalg.norm(gradient)
        if clip:
            assert norm > clip
            gradient *= clip / norm
        expected = [w - 0.1 * (gradient[0] + 0.01 * w), b - 0.1 * 0.5 * gradient[1]]
        np.testing.assert_allclose(weights(run.network), expected, rtol=1e-5)


def test_micro_batches_are_one_large_batch(tmp_path: Path) -> None:
    large, seen, _ = train(tmp_path / "a", stages=[{"batch": 8}])
    small, parts, _ = train(tmp_path / "b", stages=[{"batch": 2}], optimizer__accumulate=4)
    np.testing.assert_allclose(weights(large.network), weights(small.network), rtol=1e-5)
    assert [step for step, _ in parts.module.seen] == [s for s in range(10) for _ in range(4)]
    flat = [i for _, batch in parts.module.seen for i in batch]
    assert flat == [i for _, batch in seen.module.seen for i in batch] == list(range(80))


def test_the_average_is_the_exponential_one(tmp_path: Path) -> None:
    """Of weights and of batch norm's statistics, against float64 from the states of each step."""
    changes: dict[str, Any] = {"options": {"normalised": True}, "optimizer__ema": 0.6}
    history, average = [], np.zeros(0)
    for steps in range(1, 8):  # schedules that do not depend on the length
        run, method, _ = train(
            tmp_path / str(steps), steps=steps, optimizer__schedule="constant", **changes,
            optimizer__freeze_norm_at=1.0,
        )  # fmt: skip
        history.append(weights(run.network))
    torch.manual_seed(0)
    average = weights(method.build())
    for step, live in enumerate(history):
        keep = min(0.6, (1 + step) / (10 + step))
        average = keep * average + (1 - keep) * live
        average[-1] = live[-1]  # how many batches were seen is a count
    np.testing.assert_allclose(weights(run.average), average, rtol=1e-5)
    assert not np.allclose(weights(run.average), history[-1], rtol=1e-3)


def test_without_an_average_it_is_the_weights(tmp_path: Path) -> None:
    run, _, _ = train(tmp_path, optimizer__ema=0.0)
    np.testing.assert_array_equal(weights(run.average), weights(run.network))


def test_norms_stand_still_at_the_end_with_the_averaged_statistics(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "options": {"normalised": True},
        "optimizer__ema": 0.6,
        "optimizer__schedule": "constant",
    }
    before, _, _ = train(tmp_path / "a", steps=5, optimizer__freeze_norm_at=1.0, **changes)
    run, _, _ = train(tmp_path / "b", steps=10, optimizer__freeze_norm_at=0.5, **changes)
    for name in ("running_mean", "running_var"):
        at_half = getattr(before.average[1], name)
        assert torch.equal(getattr(run.network[1], name), at_half)
        assert torch.equal(getattr(run.average[1], name), at_half)
        assert not torch.equal(getattr(before.network[1], name), at_half)
    assert not torch.equal(run.network[1].weight, before.network[1].weight)


def test_a_step_without_a_finite_loss_leaves_no_trace(tmp_path: Path) -> None:
    """Weights, statistics and average are as if the step had not been."""
    changes: dict[str, Any] = {"options": {"normalised": True}, "optimizer__schedule": "constant"}

    def spoil(method: Line) -> None:
        method.broken = (30,)  # in step 7

    before, _, _ = train(tmp_path / "a", steps=7, optimizer__freeze_norm_at=1.0, **changes)
    run, _, _ = train(tmp_path / "b", spoil, steps=8, optimizer__freeze_norm_at=1.0, **changes)
    assert run.skipped_steps == 1
    assert run.step == 8
    np.testing.assert_array_equal(weights(run.network), weights(before.network))
    np.testing.assert_array_equal(weights(run.average), weights(before.average))


def test_gives_up_after_many_steps_without_a_finite_loss(tmp_path: Path) -> None:
    def spoil(method: Line) -> None:
        method.broken = tuple(range(20, 1000))

    with pytest.raises(DepthError, match=r"20 steps in a row.*learning_rate 0\.1") as caught:
        train(tmp_path, spoil, steps=100, checkpoint_every=5)
    assert "inf" in str(caught.value) or "nan" in str(caught.value)
    saved = read_checkpoint(tmp_path / "checkpoint.pt")
    assert saved["step"] == 20
    assert np.isfinite(weights(saved["live"])).all()


def test_broken_frames_are_counted(tmp_path: Path) -> None:
    def skip(method: Line) -> None:
        method.skipped = (1, 2, 17, 1000)

    run, _, _ = train(tmp_path, skip, board_every=5)
    assert run.skipped_frames == 3
    points = lines(tmp_path, "run")
    assert [points[step]["skipped_frames"] for step in (5, 10)] == [3.0, 3.0]


def test_the_best_weights_are_kept_and_patience_ends_a_run(tmp_path: Path) -> None:
    def judge(method: Line) -> None:
        method.scores = [9.0, 5.0, 6.0, 3.0, 3.0, 4.0, 1.0]

    run, _, _ = train(
        tmp_path, judge, steps=100, validate_every=2, patience=2, validation=[{"kind": "rendered"}]
    )
    assert run.step == 10
    assert vars(run.best) == {"score": 3.0, "step": 6, "since": 2, "stage": 0}
    best = read_checkpoint(tmp_path / "best.pt")
    assert best["step"] == 6
    again, _, _ = train(
        tmp_path, judge, steps=100, validate_every=2, patience=2, validation=[{"kind": "rendered"}]
    )
    assert again.step == 10  # a run that has ended stays so


def test_every_stage_has_its_own_best(tmp_path: Path) -> None:
    def judge(method: Line) -> None:
        method.scores = [9.0, 1.0, 7.0, 6.0]

    run, _, _ = train(
        tmp_path,
        judge,
        stages=[{"until": 0.5, "batch": 4}, {"batch": 2}],
        validation=[{"kind": "rendered"}],
        validate_every=100,
    )
    assert vars(run.best) == {"score": 7.0, "step": 10, "since": 0, "stage": 1}
    assert read_checkpoint(tmp_path / "best.pt")["step"] == 10


def test_the_score_of_a_real_validation_falls(tmp_path: Path) -> None:
    train(tmp_path, steps=40, validation=[{"kind": "rendered"}], validate_every=20)
    scores = {step: point["score"] for step, point in lines(tmp_path, "validation").items()}
    assert list(scores) == [0, 20, 40]
    assert scores[0] > 2 * scores[20] > 2 * scores[40]


def test_curves_and_pictures_can_be_read_by_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path, board_every=5, pictures_every=10, validation=[{"kind": "rendered"}])
    board = EventAccumulator(str(tmp_path / "board"))
    board.Reload()
    tags = board.Tags()
    assert set(tags["scalars"]) == {
        *("loss/total", "loss/square", "validation/score", "validation/weight"),
        *("run/learning_rate", "run/gradient_norm", "run/images_per_s"),
        *("run/skipped_frames", "run/skipped_steps"),
    }
    assert [e.step for e in board.Scalars("loss/total")] == [5, 10]
    assert [(e.step, e.width, e.height) for e in board.Images("pictures/x")] == [(10, 4, 4)]
    points = lines(tmp_path, "loss")
    assert points[5]["total"] == points[5]["square"] > points[10]["total"] > 0


def test_a_checkpoint_holds_its_origin_and_opens_without_unpickling(tmp_path: Path) -> None:
    run, _, said = train(tmp_path, options={"noise": 0.1}, checkpoint_every=3)
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert saved["step"] == 10
    assert saved["network"] == "fastdepth"
    assert saved["options"] == {"noise": 0.1}
    assert saved["config"]["optimizer"]["learning_rate"] == 0.1
    np.testing.assert_array_equal(weights(saved["state"]), weights(run.average))
    written = json.loads((tmp_path / "provenance.json").read_text())
    assert saved["provenance"] == written
    assert written["versions"]["torch"] == torch.__version__
    assert len(written["data"]["sha256"]) == 64
    assert load_config(tmp_path / "config.yaml") == config(
        options={"noise": 0.1}, checkpoint_every=3
    )
    assert not list(tmp_path.glob("*.partial"))
    assert said == [f"2 parameters learn on cpu; all is written below {tmp_path}"]


def test_goes_on_with_other_settings_only_if_told(tmp_path: Path) -> None:
    train(tmp_path, steps=10)
    with pytest.raises(ConfigError, match=r"steps was 10 and is 12.*--changed"):
        train(tmp_path, steps=12)
    with pytest.raises(ConfigError, match=r"seed was 0 and is 1.*another --out.*give seed back"):
        train(tmp_path, how=Options(True, True, False), seed=1)
    run, _, said = train(tmp_path, how=Options(True, True, False), steps=12)
    assert run.step == 12
    assert said == [f"goes on after step 10 of 12 in {tmp_path}"]
    written = json.loads((tmp_path / "provenance.json").read_text())
    assert written["changes"] == [{"step": 10, "what": ["steps was 10 and is 12"]}]
    assert read_checkpoint(tmp_path / "checkpoint.pt")["provenance"] == written


def test_goes_on_with_other_data_only_if_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.bin").write_bytes(b"1234")
    source = [{"kind": "folder", "path": str(data)}]
    out = tmp_path / "out"
    train(out, sources=source)
    (data / "a.bin").write_bytes(b"1235")
    with pytest.raises(ConfigError, match=r"data of folder .*1 files of 4 bytes.*--changed"):
        train(out, sources=source)
    train(out, how=Options(True, True, False), sources=source)
    train(out, sources=source)  # from then on it is the run's own


def test_broken_data_are_named_before_training(tmp_path: Path) -> None:
    sources = [
        {"kind": "folder", "path": str(tmp_path / "one")},
        {"kind": "pool", "path": str(tmp_path / "two")},
    ]
    with pytest.raises(SourceError, match="--skip-broken") as caught:
        train(tmp_path / "out", how=Options(entry=False), sources=sources)
    message = str(caught.value)
    assert "sources[0]: " in message and str(tmp_path / "one") in message
    assert "sources[1]: " in message and str(tmp_path / "two") in message
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    train(tmp_path)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(EngineError, match=r"cannot read .*checkpoint\.pt"):
        train(tmp_path)
    torch.save({"state": {}}, path)
    with pytest.raises(EngineError, match="is no checkpoint of depth_train"):
        train(tmp_path)


def test_half_precision_wants_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="precision: expected float32 or bfloat16 on a CPU"):
        train(tmp_path, precision="float16", device="cpu")
    with pytest.raises(ConfigError, match="device: expected auto, cpu, cuda or cuda:1, got tpux"):
        train(tmp_path, device="tpux")


def test_scaled_gradients_find_the_optimum_after_an_overflow(tmp_path: Path) -> None:
    """The scaler of float16, whose first scale is far too large here, on float32 on the CPU."""
    c = config(steps=150, optimizer__weight_decay=0.0)
    method, team = Line(c), Team(0, 1, torch.device("cpu"))
    run = assemble(c, method, team)
    run.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126)
    Trainer(c, method, run, team, tmp_path, {}).train(Stop())
    assert 1 <= run.skipped_steps <= 10
    assert 1 < run.scaler.get_scale() < 2.0**126
    np.testing.assert_allclose(weights(run.network), [WEIGHT, BIAS], atol=0.01)


def test_a_bar_on_a_terminal_and_lines_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 150, 0, 0))
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr("sys.stderr", terminal)
        train(tmp_path / "bar", lambda m: setattr(m, "skipped", (1,)))
        terminal.flush()
        os.set_blocking(ours, False)
        shown = b""
        with contextlib.suppress(BlockingIOError):
            while more := os.read(ours, 4096):
                shown += more
    os.close(ours)
    last = shown.decode().rstrip().rsplit("\r", 1)[-1]
    assert "| 10/10 steps, loss " in last
    assert last.endswith(" images/s, 00:00 left, 1 broken frames skipped")
    train(tmp_path / "lines")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("step 10/10: loss ")


def test_the_log_of_a_run_that_goes_on_has_no_later_lines(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        '{"step": 5, "loss": {"total": 1}}\n{"step": 10, "loss": {}}\n{"step": 11, "lo'
    )
    board = Board(tmp_path, 5)
    board.point(6, "loss", {"total": 1.23456789})
    board.close()
    kept = (tmp_path / "log.jsonl").read_text()
    assert kept == '{"step": 5, "loss": {"total": 1}}\n{"step": 6, "loss": {"total": 1.23457}}\n'


def test_no_two_processes_train_in_one_folder(tmp_path: Path) -> None:
    hold = (
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", hold, str(tmp_path / "lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match="another process trains in"):
            train(tmp_path)
        other.kill()
    train(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write into .*file/out.*another --out"):
        train(tmp_path / "file/out")
