# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The state that a recurrent network hands from one frame to the next, and its null twin."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from depth_ros.engines.spec import Arrays, EngineSpec


class Recurrence(Protocol):
    """Carries what a network wants to know of the frames before."""

    def add(self, inputs: Arrays) -> Arrays:
        """The inputs with the state of the last frame: zeros at first and after reset()."""
        ...

    def keep(self, outputs: Arrays) -> None:
        """Takes the state out of the outputs, by copy: they are valid until the next call only."""
        ...

    def reset(self) -> None:
        """Starts anew."""
        ...


class State:
    """The tensors that ``spec.states`` pairs."""

    def __init__(self, spec: EngineSpec) -> None:
        self._pairs = spec.states
        names = {name for name, _ in spec.states}
        self._arrays = {t.name: np.zeros(t.shape, t.dtype) for t in spec.inputs if t.name in names}

    def add(self, inputs: Arrays) -> Arrays:
        """See Recurrence.add."""
        return {**inputs, **self._arrays}

    def keep(self, outputs: Arrays) -> None:
        """See Recurrence.keep."""
        for name, source in self._pairs:
            np.copyto(self._arrays[name], outputs[source])

    def reset(self) -> None:
        """See Recurrence.reset."""
        for array in self._arrays.values():
            array.fill(0)


class NoState:
    """For networks that see each image for itself."""

    def add(self, inputs: Arrays) -> Arrays:
        """See Recurrence.add."""
        return inputs

    def keep(self, outputs: Arrays) -> None:
        """See Recurrence.keep."""

    def reset(self) -> None:
        """See Recurrence.reset."""


def make_recurrence(spec: EngineSpec) -> Recurrence:
    """The carrier that the spec asks for."""
    return State(spec) if spec.states else NoState()
