# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""benchmarks/training_step.py: that both of its steps minimise the same, and how it times them."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("PIL")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SIZE = (96, 64)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import training_step

    return training_step


def arguments() -> argparse.Namespace:
    return argparse.Namespace(width=SIZE[0], height=SIZE[1], batch=2, workers=0, device="cpu")


def test_depth_train_minimises_what_the_paper_says(benchmark: ModuleType, tmp_path: Path) -> None:
    """The same weights and images in a step from the paper, and in that of depth_train."""
    folder = benchmark.made_up(tmp_path / "made_up", SIZE)
    torch.manual_seed(0)
    state = benchmark.Monodepth2().state_dict()
    config = benchmark.settings(arguments(), folder, "float32")
    one = benchmark.same_batch(config, state, torch.device("cpu"))
    assert one["depth_train"] > 1e-2
    noise = 1e-5  # that breaks ties, of which each draws its own
    assert one["depth_train"] == pytest.approx(one["as published, averaged images"], abs=noise)
    assert one["depth_train"] == pytest.approx(one["as published"], rel=1e-3)


def test_plain_examples_are_reproducible_and_change(benchmark: ModuleType, tmp_path: Path) -> None:
    folder = benchmark.made_up(tmp_path / "made_up", SIZE)
    files = sorted((folder / "rgb").glob("*.jpg"))
    examples = benchmark.PlainExamples(files, benchmark.camera(folder, SIZE), SIZE)
    first, again, second = examples[0], examples[0], examples[1]
    assert {name: tuple(value.shape) for name, value in first.items()} == {
        name: tuple(value.shape) for name, value in second.items()
    }
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert first["color0/2"].shape == (3, SIZE[1] // 4, SIZE[0] // 4)
    assert not torch.equal(first["color0/0"], second["color0/0"])
    assert 0 <= first["seen0"].min() < first["seen0"].max() <= 1
