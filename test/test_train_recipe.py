# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Recipes and flags: every mistake is named with the way out, and what is written reads back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("yaml")

from depth_ros.errors import ConfigError
from depth_ros.schema import Checked, build, setting, settings_of
from depth_ros.share import share_dir
from depth_ros.training.cli import main, parser, split
from depth_ros.training.config import TrainConfig
from depth_ros.training.recipe import (
    differences,
    find_recipe,
    load_config,
    to_dict,
    to_yaml,
)

RECIPE = """
network: monodepth2
steps: 30
optimizer: {learning_rate: 1e-4}
optimizer.ema: 0.9
sources:
  - {kind: rendered, share: 2}
  - {kind: folder, path: a, scene_weights: {x: 3}, scenes: [x, y]}
stages: [{until: 0.5, width: 64}, {batch: 2}]
options: {depth: 18, sizes: [1, 2]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


@dataclass(frozen=True, slots=True)
class Inner(Checked):
    size: int = setting(3, "Size.", low=1, high=9)
    share: float = setting(1.0, "Share.", low=0, high=1)


@dataclass(frozen=True, slots=True)
class Outer(Checked):
    names: tuple[str, ...] = setting((), "Names.")
    pair: tuple[int, int] = setting((1, 2), "A pair.", low=0, high=9)
    parts: tuple[Inner, ...] = setting((Inner(),), "Parts.")
    weights: dict[str, float] = setting({}, "Weights.", low=0, high=5)
    more: dict[str, object] = setting({}, "Anything.")
    inner: Inner = field(default_factory=Inner)


def test_lists_and_mappings_are_settings_too() -> None:
    made = build(
        Outer,
        {
            "names": ["a", "b"],
            "pair": [3, 4],
            "parts": [{"size": 2}, {"share": 0}],
            "weights": {"x": 2},
            "more": {"a": [1, {"b": None}], "c": True},
            "inner": {"size": 9},
        },
    )
    assert made.names == ("a", "b")
    assert made.pair == (3, 4)
    assert made.parts == (Inner(2), Inner(share=0.0))
    assert made.weights == {"x": 2.0}
    assert type(made.weights["x"]) is float
    assert made.more == {"a": (1, {"b": None}), "c": True}
    assert made.inner == Inner(9)


def test_no_two_objects_share_a_mapping() -> None:
    one, other = Outer(), Outer()
    one.weights["x"] = 1.0
    assert other.weights == {}
    assert Outer().weights == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"parts": [{"size": 2}, {"size": 10}]}, r"parts\[1\]\.size: expected 1 to 9, got 10"),
        ({"parts": [{"sise": 2}]}, r"parts\[0\]\.sise.*Did you mean parts\[0\]\.size"),
        ({"parts": {"size": 2}}, "parts: expected a list"),
        ({"names": "abc"}, "names: expected a list, got 'abc'"),
        ({"names": ["a", 1]}, r"names\[1\]: expected a str, got 1"),
        ({"pair": [1]}, "pair: expected 2 values"),
        ({"pair": [1, 10]}, r"pair\[1\]: expected 0 to 9, got 10"),
        ({"weights": [1]}, "weights: expected a mapping"),
        ({"weights": {"x": 6}}, r"weights\.x: expected 0 to 5, got 6"),
        ({"weights": {"x": "1"}}, r"weights\.x: expected a float, got '1'"),
        ({"more": {"x": {1, 2}}}, r"more\.x: expected a text, number"),
        ({"inner": 3}, "inner: expected a mapping, got 3"),
        ({"inner": {"share": 2}}, r"inner\.share: expected 0 to 1"),
    ],
)
def test_a_wrong_value_is_named_with_all_its_dots(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Outer, values)


def test_settings_have_their_defaults_and_descriptions() -> None:
    found = {s.name: s for s in settings_of(TrainConfig)}
    assert found["optimizer.learning_rate"].default == 1e-3
    assert found["options"].default == {}
    assert all(s.text.endswith(".") for s in found.values())
    text = parser().format_help()
    assert all(f"--{name}\n" in text for name in found)


def test_a_recipe_says_only_what_differs(recipe: Path) -> None:
    config = load_config(recipe)
    assert config.name == "small"
    assert config.optimizer.learning_rate == 1e-4
    assert config.optimizer.ema == 0.9
    assert config.optimizer.eps == 1e-8
    assert [s.share for s in config.sources] == [2.0, 1.0]
    assert config.sources[1].scene_weights == {"x": 3.0}
    assert config.stages[0].width == 64
    assert config.stages[1].batch == 2


def test_flags_go_before_the_recipe(recipe: Path) -> None:
    config = load_config(
        recipe,
        {
            "optimizer.learning_rate": "2e-3",
            "optimizer.name": "sgd",
            "stages.1.batch": "7",
            "sources.1.scenes": "[q]",
            "options.depth": "50",
            "options.kind": "wide",
            "name": "12",
            "deterministic": "yes",
            "self_supervised.neighbours": "[-2, 2]",
        },
    )
    assert config.optimizer.learning_rate == 2e-3
    assert config.optimizer.name == "sgd"
    assert [s.batch for s in config.stages] == [8, 7]
    assert config.sources[1].scenes == ("q",)
    assert config.options == {"depth": 50, "sizes": (1, 2), "kind": "wide"}
    assert config.name == "12"
    assert config.deterministic is True
    assert config.self_supervised.neighbours == (-2, 2)


def test_a_place_in_the_default_stages_can_be_changed(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("sources: [{kind: rendered}]")
    config = load_config(tmp_path / "r.yaml", {"stages.0.batch": "2"})
    assert [(s.batch, s.width) for s in config.stages] == [(2, 256)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("stepz", "1", "unknown parameter stepz. Did you mean steps"),
        ("learning_rate", "1", r"Did you mean optimizer\.learning_rate"),
        ("optimizer.learningrate", "1", r"Did you mean optimizer\.learning_rate"),
        ("stages.2.batch", "1", r"stages\.2: expected a place from 0 to 1, got 2"),
        ("stages.x.batch", "1", r"stages\.x: expected a place"),
        ("stages.0.bach", "1", r"Did you mean stages\.0\.batch"),
        ("steps", "many", "steps: expected a int, got 'many'"),
        ("steps", "[", "steps: expected a value as in YAML"),
        ("steps.x", "1", "steps has no parts"),
        ("deterministic", "perhaps", "deterministic: expected true or false, got perhaps"),
        ("precision", "int8", "precision: expected one of float32, bfloat16, float16"),
        ("stages", "[{until: 0.5}]", "stages: expected rising until, the last with until 1"),
        ("sources", "[]", "sources: expected at least one"),
    ],
)
def test_a_wrong_flag_is_named(recipe: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(recipe, {name: text})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leraning_rate: 1", r"unknown parameter leraning_rate"),
        ("stages: [{until: 1.0, widht: 3}]", r"stages\[0\]\.widht.*Did you mean stages\[0\]\.wi"),
        ("sources: [{kind: folder}]", r"sources\[0\]\.path: expected where the folder is"),
        ("- 1", "expected names and values, got list"),
        ("a: [", "cannot read"),
        ("optimizer: 3\noptimizer.ema: 0.5", "optimizer: expected a mapping, got 3"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "r.yaml")


def test_what_is_written_reads_back(recipe: Path, tmp_path: Path) -> None:
    config = load_config(recipe)
    (tmp_path / "again.yaml").write_text(to_yaml(config))
    again = load_config(tmp_path / "again.yaml")
    assert again == config
    assert differences(to_dict(config), to_dict(again)) == {}


def test_differences_are_dotted() -> None:
    one = {"a": 1, "b": {"c": [1], "d": 2}}
    other = {"a": 1, "b": {"c": [2], "d": 2}, "e": 3}
    assert differences(one, other) == {"b.c": ([1], [2]), "e": (None, 3)}


def test_words_are_told_apart_in_any_order() -> None:
    ours, changes = split(["--steps", "5", "--out", "o", "r.yaml", "--a.b=-1", "--changed"])
    assert ours == ["--out", "o", "r.yaml", "--changed"]
    assert changes == {"steps": "5", "a.b": "-1"}
    with pytest.raises(ConfigError, match="--steps: expected a value after it"):
        split(["r.yaml", "--steps"])
    with pytest.raises(ConfigError, match="--steps: expected a value after it"):
        split(["--steps", "--changed"])


def test_the_command_shows_the_settings_and_explains_mistakes(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(recipe), "--show", "--steps", "9"]) == 0
    assert "steps: 9" in capsys.readouterr().out
    assert main([str(recipe), "--stepz", "9"]) == 2
    assert "Did you mean steps?" in capsys.readouterr().err
    assert main(["nowhere.yaml"]) == 2
    assert "no recipe nowhere.yaml" in capsys.readouterr().err


def test_every_shipped_recipe_loads_and_finds_itself_by_name() -> None:
    shipped = sorted((share_dir() / "training").glob("*.yaml"))
    assert shipped
    for path in shipped:
        assert find_recipe(path.stem) == path
        assert load_config(path).description


# Frames of ../shared/data that numbers are quoted on: the first one, up to the end.
KEPT = {
    "icl_livingroom1": 0,
    "sevenscenes_redkitchen": 800,
    "kitti_odom00_mono": 900,
    "kitti_odom_stereo/01": 0,
    "kitti_raw_lidar_sfnd": 0,
}


@pytest.mark.parametrize("path", sorted((share_dir() / "training").glob("*.yaml")), ids=str)
def test_a_shipped_recipe_never_learns_from_what_is_kept_for_tests(path: Path) -> None:
    config = load_config(path)
    for source in config.sources:
        for name, first in KEPT.items():
            if f"/{source.path}/".endswith(f"/{name}/") or f"{name}/".startswith(
                f"{source.path}/"
            ):
                assert 0 < source.stop <= first, f"{source.path} of {path.name}"
