# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node's services. An answer comes when the work is done; images come in meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.task import Future
from std_srvs.srv import Trigger

from depth_ros.swap.reload import Answer

Command = Callable[[Answer], None]  # does something, and then answers, from any thread


def create_services(node: LifecycleNode, commands: dict[str, Command]) -> None:
    """Creates a Trigger service for each name."""
    group = ReentrantCallbackGroup()  # so that images come in while an answer is awaited
    for name, command in commands.items():
        callback = _callback(node, command)
        node.create_service(Trigger, name, callback, callback_group=group)


def _callback(node: LifecycleNode, command: Command) -> Callable[..., Any]:
    async def serve(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        done = Future(executor=node.executor)

        def answer(success: bool, message: str) -> None:
            response.success, response.message = success, message
            done.set_result(None)
            if node.executor is not None:
                node.executor.wake()

        command(answer)
        await done
        return response

    return serve
