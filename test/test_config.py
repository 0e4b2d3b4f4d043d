# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The config tree: defaults, ranges, unknown names, dotted and nested forms."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from depth_ros import config
from depth_ros.config import Config, from_dict
from depth_ros.errors import ConfigError


def test_nothing_given_is_the_default() -> None:
    assert from_dict({}) == Config()


def test_settings_list_every_leaf_once_with_a_description() -> None:
    settings = list(config.settings())
    assert [s.name for s in settings] == list(config.flatten(Config()))
    assert all(s.text.endswith(".") for s in settings)
    assert {s.name: s.default for s in settings} == config.flatten(Config())


def test_numbers_have_ranges_that_hold_their_defaults() -> None:
    numbers = [s for s in config.settings() if s.kind in (int, float)]
    assert numbers
    for s in numbers:
        assert s.low is not None and s.high is not None and s.low <= s.default <= s.high, s.name


def test_dotted_and_nested_names_mean_the_same() -> None:
    assert from_dict({"depth.max_m": 7.0}) == from_dict({"depth": {"max_m": 7.0}})


def test_flatten_round_trips() -> None:
    changed = from_dict({"points.stride": 3, "input.info": "exact"})
    assert from_dict(config.flatten(changed)) == changed


def test_replace_keeps_the_rest() -> None:
    changed = config.replace(from_dict({"points.stride": 3}), {"depth.max_m": 9.0})
    assert changed == from_dict({"points.stride": 3, "depth.max_m": 9.0})


def test_an_integer_is_a_float_where_one_is_wanted() -> None:
    assert from_dict({"depth.max_m": 7}).depth.max_m == 7.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"depth.maxm": 1.0}, "unknown parameter depth.maxm. Did you mean depth.max_m?"),
        ({"zzz": 1}, "unknown parameter zzz. Known: autostart, fault_after_s, engine.path"),
        ({"depth.max_m": -1.0}, "depth.max_m: expected 0.0 to 1000.0, got -1.0"),
        ({"depth.max_m": float("nan")}, "depth.max_m: expected 0.0 to 1000.0, got nan"),
        ({"points.stride": 1.5}, "points.stride: expected a int, got 1.5"),
        ({"points.stride": True}, "points.stride: expected a int, got True"),
        ({"autostart": 1}, "autostart: expected a bool, got 1"),
        ({"input.info": "best"}, "input.info: expected one of latest, exact, got 'best'"),
        ({"depth": 3}, "unknown parameter depth. Did you mean depth."),
        ({"depth.min_m": 60.0}, "depth.min_m: expected less than depth.max_m 50.0, got 60.0"),
    ],
)
def test_wrong_values_say_what_was_expected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        from_dict(values)
    assert str(raised.value).startswith(message)


def test_the_tree_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().depth.max_m = 3.0  # type: ignore[misc]
