# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node: a lifecycle around the pipeline, and the wires to topics, services, parameters.

The executor's thread takes messages in and looks after the node; the worker's thread (worker.py)
owns the pipeline while the node is active.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from depth_ros.allocator import keep_large_blocks
from depth_ros.config import Config
from depth_ros.connections import Connections
from depth_ros.diagnostics import diagnostics
from depth_ros.errors import DepthError
from depth_ros.faults import Fault, FaultLog, find_faults
from depth_ros.health import Health
from depth_ros.inputs import InputTopics
from depth_ros.outputs import Outputs
from depth_ros.parameters import Parameters
from depth_ros.pipeline import DepthPipeline
from depth_ros.services import create_services
from depth_ros.swap.background import first_network
from depth_ros.swap.reload import Answer, Reloader
from depth_ros.worker import Worker

CHECK_S, DIAGNOSTICS_S = 0.25, 1.0
NOT_CONFIGURED = "The node is not configured, so there is no engine."


class DepthNode(LifecycleNode):  # type: ignore[misc]
    """Camera topic in; depth, cloud and ego-motion out.

    ``crashed`` is True when the worker met an error that is not a DepthError; the ROS context is
    then shut down, because rclpy would not notice.
    """

    def __init__(self, name: str = "depth_node", **options: Any) -> None:
        super().__init__(name, **options)
        self.crashed = False
        self._health = Health()
        self._connections = Connections(self)
        self._fault_log = FaultLog()
        self._faults: list[Fault] = []
        self._settings = Parameters(self, self._apply)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._told = 0.0
        # Steady time: diagnostics go on where simulated time stands still.
        self._timer = self.create_timer(
            CHECK_S, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        create_services(self, {"~/reset": self._reset, "~/reload_engine": self._reload})
        self._outputs: Outputs | None = None
        self._worker: Worker | None = None
        self._reloader: Reloader | None = None
        self._inputs: InputTopics | None = None

    # Lifecycle, in the executor's thread

    def autostart(self) -> None:
        """Configures and activates the node, unless the parameter autostart is false."""
        wanted = self._settings.value("autostart") is True
        if wanted and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Reads the parameters, opens the engine and creates the publishers."""
        return self._transition(self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes and starts the worker."""
        super().on_activate(state)
        return self._transition(self._activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Takes no more images and stops the worker."""
        self._deactivate()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Closes the engine and takes the publishers away."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops and frees everything, from any state."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After an unexpected error in a transition: back to unconfigured."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Stops the worker, closes the engine and unlocks the parameters; twice does no harm."""
        self._deactivate()
        reloader, self._reloader = self._reloader, None
        worker, self._worker = self._worker, None
        outputs, self._outputs = self._outputs, None
        if reloader is not None:
            reloader.close()
        if worker is not None:
            worker.close()
        if outputs is not None:
            outputs.destroy()
        self._settings.unlock()

    def _transition(self, action: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            action()
        except DepthError as error:
            self.get_logger().error(str(error))
            self.close()
            self._faults = [Fault("not configured", str(error))]
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would swallow it
            if self.context.ok():
                self.get_logger().error(traceback.format_exc())
            raise
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self._faults = []
        config = self._config = self._settings.lock()
        self._outputs = Outputs(self, config, self._connections)
        network, missing = first_network(config)
        pipeline = DepthPipeline(config, network)
        self._worker = Worker(config, pipeline, self._outputs, self._health, self)
        self._reloader = Reloader(config, self._worker, self.reloaded, missing)

    def _activate(self) -> None:
        if self._worker is not None:
            self._health.activated(time.monotonic())
            put = self._worker.start()
            self._inputs = InputTopics(self, self._config, self._health, self._connections, put)

    def _deactivate(self) -> None:
        inputs, self._inputs = self._inputs, None
        if inputs is not None:
            inputs.destroy()
        if self._worker is not None:
            self._worker.stop()
        self._faults = []

    # What the worker and the reloader ask for, in their threads

    def now_ns(self) -> int:
        """The node's time."""
        return int(self.get_clock().now().nanoseconds)

    def rejected(self, error: DepthError) -> None:
        """Logs it, at most once in five seconds."""
        self.get_logger().warning(f"image dropped: {error}", throttle_duration_sec=5.0)

    def reloaded(self, done: bool, said: str) -> None:
        """Logs what has come of a reload; called from the reloader's thread."""
        if done:
            self.get_logger().info(said)
        else:  # rclpy wants a line of code of its own for each severity
            self.get_logger().warning(f"the new network is refused, the old one goes on: {said}")

    def failed(self, error: Exception) -> None:
        """Takes the node down, because rclpy would not notice that the thread is dead."""
        if self.context.ok():  # otherwise the process is being stopped, and publishers with it
            self.crashed = True
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            self.get_logger().fatal("the worker has failed:\n" + "".join(lines))
            self.context.try_shutdown()

    # Services, parameters and diagnostics, in the executor's thread

    def _apply(self, config: Config) -> None:
        self._config = config
        worker = self._worker
        if worker is not None:
            worker.post(lambda: worker.reconfigure(config))

    def _reset(self, answer: Answer) -> None:
        if worker := self._worker:
            worker.post(lambda: answer(True, worker.reset()))
        else:
            answer(False, NOT_CONFIGURED)

    def _reload(self, answer: Answer) -> None:
        if self._reloader:
            self._reloader.request(answer)
        else:
            answer(False, NOT_CONFIGURED)

    def _check(self) -> None:
        now = time.monotonic()
        seen = self._health.snapshot(now)
        if self._inputs is not None and self._outputs is not None:
            active_s, after_s = now - self._health.since, self._config.fault_after_s
            self._faults = find_faults(seen, self._inputs.report(now), active_s, after_s)
            self._faults += self._outputs.broadcast.faults()
            self._faults += self._reloader.faults() if self._reloader else []
            line = self._fault_log.update(self._faults, now)
            if line is not None:
                self._told = 0.0  # diagnostics say it now, too
            if line is not None and self._faults:
                self.get_logger().warning(line)
            elif line is not None:
                self.get_logger().info(line)
        if now - self._told >= DIAGNOSTICS_S - CHECK_S / 2:
            self._told = now
            name, stamp = self.get_fully_qualified_name(), self.get_clock().now().to_msg()
            facts = self._reloader.facts() if self._reloader else {}
            active = self._inputs is not None
            self._diagnostics.publish(diagnostics(name, stamp, seen, self._faults, facts, active))


def main(args: Sequence[str] | None = None) -> int:
    """Runs the node until the process is told to stop; 1 if the worker failed."""
    keep_large_blocks()
    # rclpy's handler, which init() installs on top, ends the spinning. Python's would also raise
    # KeyboardInterrupt wherever the program is: in the clean-up when the signal comes twice, as
    # launch sends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rclpy.init(args=list(args) if args is not None else None)
    node = DepthNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        with suppress(ExternalShutdownException):
            node.autostart()
            executor.spin()
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return 1 if node.crashed else 0


if __name__ == "__main__":
    raise SystemExit(main())
