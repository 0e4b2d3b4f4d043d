# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What an example is made of: a source by its share, a scene by its weight, a frame that is whole.

All that is drawn comes from the generator that is given, so that an example is a function of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from depth_ros.errors import ConfigError, SourceError
from depth_ros.training.data.readers.reading import DataSet, scenes_of

TRIES = 1000  # broken frames in a row, after which the sources count as broken
EQUAL: Mapping[str, float] = MappingProxyType({})

Made = TypeVar("Made")


class Chances:
    """Draws one of several by weight. ConfigError, with the setting's name, if all are 0."""

    def __init__(self, weights: Sequence[float], setting: str) -> None:
        sums = np.cumsum(np.asarray(weights, np.float64))
        if not (len(sums) and sums[-1] > 0):
            raise ConfigError(setting, expected="one above 0", got="none")
        self._below = sums / sums[-1]

    def draw(self, rng: np.random.Generator) -> int:
        """The place of one of the weights."""
        drawn = int(np.searchsorted(self._below, rng.random(), side="right"))
        return min(drawn, len(self._below) - 1)


class Source:
    """A data set, and how often it is drawn beside others.

    Where it has scenes, one of them is drawn by its weight (1 where ``scene_weights`` does not
    name it), then one of its frames: a long burst of one place is still one place. SourceError
    for a data set without readings.
    """

    def __init__(
        self, data: DataSet, share: float = 1.0, scene_weights: Mapping[str, float] = EQUAL
    ) -> None:
        if len(data) == 0:
            raise SourceError(f"{data.name} is empty", expected="images", got="none")
        self.data, self.share = data, share
        scenes = scenes_of(data)
        names = sorted(name for name in scenes if len(scenes[name]))
        self._scenes = [scenes[name] for name in names]
        weights = [scene_weights.get(name, 1.0) for name in names]
        self._chances = Chances(weights, "scene_weights") if names else None

    def draw(self, rng: np.random.Generator) -> int:
        """The index of a reading."""
        if self._chances is None:
            return int(rng.integers(len(self.data)))
        scene = self._scenes[self._chances.draw(rng)]
        return scene[int(rng.integers(len(scene)))]


class Mixture:
    """Sources, drawn by share; those with the share 0 never. ConfigError where none is left."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = [source for source in sources if source.share > 0]
        if not self._sources:
            raise ConfigError("sources", expected="a share above 0", got="none")
        self._chances = Chances([source.share for source in self._sources], "share")

    def draw(self, rng: np.random.Generator) -> Source:
        """One of them."""
        return self._sources[self._chances.draw(rng)]


def first_whole(make: Callable[[], Made | None], what: str) -> tuple[Made, int]:
    """What ``make`` draws and reads, and how many broken ones it came to before.

    It is asked again after a SourceError, and after None, for one that nothing can be learned
    from. SourceError, with the last one's reason, after 1000 of them in a row; ``what`` they are.
    """
    skipped, reason = 0, ""
    for _ in range(TRIES):
        try:
            made = make()
        except SourceError as error:
            skipped, reason = skipped + 1, f"; the last: {error}"
            continue
        if made is not None:
            return made, skipped
    raise SourceError(
        f"{TRIES} {what} in a row",
        expected="one to learn from",
        got=f"{skipped} broken and {TRIES - skipped} that show nothing{reason}",
    )
