# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_peer import ROOT, new_domain

from depth_ros.config import Config, flatten, from_dict, settings
from depth_ros.errors import ConfigError
from depth_ros.parameters import Parameters


@contextmanager
def declared(**overrides: Any) -> Iterator[tuple[Node, Parameters, list[Config]]]:
    context = Context()
    context.init(domain_id=new_domain())
    given = [Parameter(k.replace("__", "."), value=v) for k, v in overrides.items()]
    node = Node("parameters", context=context, parameter_overrides=given)
    applied: list[Config] = []
    try:
        yield node, Parameters(node, applied.append), applied
    finally:
        node.destroy_node()
        context.try_shutdown()


def change(node: Node, **values: Any) -> Any:
    changes = [Parameter(k.replace("__", "."), value=v) for k, v in values.items()]
    return node.set_parameters_atomically(changes)


def test_every_setting_is_a_parameter_with_its_default_description_and_range() -> None:
    with declared() as (node, parameters, _):
        for s in settings():
            d = node.describe_parameter(s.name)
            assert node.get_parameter(s.name).value == s.default
            assert d.description.startswith(s.text)
            assert ("Fixed" in d.description) == (not s.live)
            for choice in s.choices:
                assert choice in d.additional_constraints
            if s.low is not None:
                limits = (d.integer_range if s.kind is int else d.floating_point_range)[0]
                assert (limits.from_value, limits.to_value) == (s.low, s.high)
        assert parameters.lock() == Config()


def test_overrides_reach_the_config_and_whole_numbers_do_for_floats() -> None:
    with declared(depth__max_m=10, engine__backend="onnxruntime") as (_, parameters, _):
        config = parameters.lock()
        assert config.depth.max_m == 10.0 and type(config.depth.max_m) is float
        assert config.engine.backend == "onnxruntime"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("depth__max_m", 1e6, "max_m: expected 0.0 to 1000.0, got 1000000.0"),
        ("points__stride", 2.5, "stride: expected a int, got 2.5"),
        ("engine__backend", "tensorflow", "expected one of auto, tensorrt, openvino"),
        ("depth__maxm", 3.0, "Did you mean depth.max_m?"),
        ("depth__min_m", 60.0, "expected less than depth.max_m"),
    ],
)
def test_what_a_parameter_file_says_wrong_is_refused_by_lock(
    name: str, value: Any, said: str
) -> None:
    with declared(**{name: value}) as (_, parameters, _), pytest.raises(ConfigError) as refusal:
        parameters.lock()
    assert said in str(refusal.value)


def test_a_wrong_value_can_be_corrected() -> None:
    with declared(depth__max_m=1e6, points__stride="two") as (node, parameters, _):
        assert change(node, depth__max_m=20.0).successful
        assert change(node, points__stride=4).successful
        config = parameters.lock()
        assert (config.depth.max_m, config.points.stride) == (20.0, 4)
        assert not change(node, depth__max_m=1e6).successful


def test_live_settings_are_applied_and_the_others_refused_while_locked() -> None:
    with declared() as (node, parameters, applied):
        before = parameters.lock()
        assert change(node, points__stride=5, depth__max_m=9.0).successful
        assert [(c.points.stride, c.depth.max_m) for c in applied] == [(5, 9.0)]
        refusal = change(node, engine__path="other")
        assert not refusal.successful and "engine.path cannot change while" in refusal.reason
        assert change(node, engine__path=before.engine.path).successful  # no change, no harm
        assert not change(node, points__stride=3, input__info="exact").successful
        assert node.get_parameter("points.stride").value == 5
        parameters.unlock()
        count = len(applied)
        assert change(node, engine__path="other").successful
        assert len(applied) == count
        assert parameters.lock().engine.path == "other"


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth__encoding", "8UC1"),
        ("depth__min_m", 50.0),
        ("points__stride", "4"),
        ("points__stride", True),
        ("points__stride", 0),
        ("color__near_m", float("nan")),
        ("depth__max_m", None),
    ],
)
def test_wrong_values_are_refused_with_a_sentence(locked: bool, name: str, value: Any) -> None:
    with declared() as (node, parameters, applied):
        if locked:
            parameters.lock()
        result = change(node, **{name: value})
        assert not result.successful and len(result.reason) > 10
        assert applied == []
        values = {s.name: node.get_parameter(s.name).value for s in settings()}
        assert values == flatten(Config())


def test_two_limits_move_together() -> None:
    with declared() as (node, parameters, applied):
        parameters.lock()
        assert not change(node, depth__min_m=60.0).successful
        assert change(node, depth__min_m=60.0, depth__max_m=100.0).successful
        assert applied[-1].depth.min_m == 60.0


def test_the_shipped_file_is_empty_and_its_examples_are_right() -> None:
    text = (ROOT / "config" / "mono.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == {"/**": {"ros__parameters": {}}}
    lines = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    example = "\n".join(lines[lines.index("/**:") :])
    values = yaml.safe_load(example)["/**"]["ros__parameters"]
    assert from_dict(values) != Config()


def test_parameters_of_others_pass() -> None:
    overrides = {"qos_overrides./image.subscription.depth": 7, "use_sim_time": False}
    with declared(**overrides) as (node, parameters, applied):
        parameters.lock()
        assert change(node, use_sim_time=True).successful
        assert applied == []
