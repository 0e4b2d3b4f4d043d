# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Config <-> ROS parameters: one parameter for each setting, with its description and range."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_ros.config import Config, Setting, flatten, from_dict, replace, settings
from depth_ros.errors import ConfigError

SETTINGS = {s.name: s for s in settings()}


class Parameters:
    """Declares all settings on the node, and checks every change.

    While the node is configured (between lock() and unlock()) live settings go to ``apply``, which
    is called in the executor's thread, and the others are refused.
    """

    def __init__(self, node: Node, apply: Callable[[Config], None]) -> None:
        self._node = node
        self._apply = apply
        self._config: Config | None = None
        for setting in SETTINGS.values():
            node.declare_parameter(setting.name, setting.default, describe(setting, False))
        self._describe_ranges()
        node.add_on_set_parameters_callback(self._on_set)

    def value(self, name: str) -> Any:
        """The parameter's value as it is, perhaps wrong."""
        return self._node.get_parameter(name).value

    def lock(self) -> Config:
        """The configuration as of now; raises ConfigError for a wrong value or an unknown name."""
        self._refuse_unknown()
        self._config = from_dict({name: self.value(name) for name in SETTINGS})
        self._describe_ranges()
        return self._config

    def unlock(self) -> None:
        """Lets every setting change until the next lock()."""
        self._config = None

    def _on_set(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        changes = {p.name: p.value for p in parameters if p.name in SETTINGS}
        try:
            if changes:
                self._change(changes)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _change(self, changes: Mapping[str, Any]) -> None:
        if self._config is None:
            others = {name: self.value(name) for name in SETTINGS if name not in changes}
            from_dict({name: v for name, v in others.items() if fits(name, v)} | dict(changes))
            return
        config = replace(self._config, changes)
        before, after = flatten(self._config), flatten(config)
        for name in changes:
            if before[name] != after[name] and not SETTINGS[name].live:
                raise ConfigError(
                    f"{name} cannot change while the node is configured",
                    fix="Deactivate and clean up the node, set it, and configure again.",
                )
        self._config = config
        self._apply(config)

    def _refuse_unknown(self) -> None:
        # rclpy keeps what a parameter file or -p says, but ignores names that nobody declares:
        # a typo would go unnoticed.
        given = cast(Mapping[str, Parameter], getattr(self._node, "_parameter_overrides", {}))
        for name, parameter in given.items():
            if not (self._node.has_parameter(name) or name.startswith("qos_overrides.")):
                from_dict({name: parameter.value})

    def _describe_ranges(self) -> None:
        for setting in SETTINGS.values():
            try:
                self._node.set_descriptor(setting.name, describe(setting, True))
            except InvalidParameterValueException:
                continue  # a wrong value from the user's file: lock() says so


def fits(name: str, value: Any) -> bool:
    """Whether the value alone is right for the setting."""
    try:
        SETTINGS[name].check(value)
    except ConfigError:
        return False
    return True


def describe(setting: Setting, with_range: bool) -> ParameterDescriptor:
    """The setting as ``ros2 param describe`` shows it.

    Types are checked by Config and not by rclpy, which would refuse 10 for 10.0.
    """
    when = "" if setting.live else " Fixed while the node is configured."
    d = ParameterDescriptor(
        name=setting.name, description=setting.text + when, dynamic_typing=True
    )
    if setting.choices:
        d.additional_constraints = "one of " + ", ".join(setting.choices)
    if with_range and setting.low is not None and setting.high is not None:
        if setting.kind is int:
            limits = IntegerRange(from_value=int(setting.low), to_value=int(setting.high), step=1)
            d.integer_range = [limits]
        else:
            d.floating_point_range = [
                FloatingPointRange(from_value=float(setting.low), to_value=float(setting.high))
            ]
    return d
