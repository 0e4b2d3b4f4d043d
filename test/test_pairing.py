# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random

import pytest

from depth_ros.errors import FrameError
from depth_ros.frame import Camera
from depth_ros.pairing import IMAGES, INFOS, Paired, Pairing, check_size


def test_latest_takes_the_newest_info_whatever_its_stamp() -> None:
    pairing: Pairing[str, str] = Pairing("latest")
    assert pairing.info(5, "a") == Paired()
    assert pairing.image(100, "i") == Paired(("i", "a"))
    pairing.info(6, "b")
    assert pairing.image(101, "j") == Paired(("j", "b"))


def test_latest_lets_images_wait_for_the_first_info_and_then_takes_the_newest() -> None:
    pairing: Pairing[str, str] = Pairing("latest")
    assert pairing.image(1, "i") == Paired()
    assert pairing.image(2, "j") == Paired()
    assert pairing.info(1, "a") == Paired(("j", "a"), 1)
    assert pairing.flush() == 0


@pytest.mark.parametrize("info_first", [True, False])
def test_exact_pairs_equal_stamps_in_either_order(info_first: bool) -> None:
    pairing: Pairing[str, str] = Pairing("exact")
    calls = [lambda: pairing.info(7, "a"), lambda: pairing.image(7, "i")]
    first, second = calls if info_first else calls[::-1]
    assert first() == Paired()
    assert second() == Paired(("i", "a"))


def test_exact_gives_up_older_images_when_a_newer_one_is_paired() -> None:
    pairing: Pairing[str, str] = Pairing("exact")
    for stamp in (1, 2, 3):
        pairing.image(stamp, f"i{stamp}")
    assert pairing.info(2, "a") == Paired(("i2", "a"), 1)
    assert pairing.info(3, "b") == Paired(("i3", "b"))


def test_exact_never_matching_counts_all_and_says_the_gap() -> None:
    pairing: Pairing[int, int] = Pairing("exact")
    lost = 0
    for k in range(20):
        stamp = k * 33_000_000
        lost += pairing.info(stamp + 12_500_000, k).unmatched
        lost += pairing.image(stamp, k).unmatched
    assert lost == 20 - IMAGES
    assert pairing.gap_ns() == 12_500_000
    assert pairing.flush() == IMAGES


def test_gap_is_known_before_anything_is_given_up() -> None:
    pairing: Pairing[int, int] = Pairing("exact")
    assert pairing.gap_ns() is None
    pairing.image(1000, 0)
    assert pairing.gap_ns() is None
    pairing.info(1400, 0)
    assert pairing.gap_ns() == 400


def test_optional_goes_on_without_info_until_there_is_one() -> None:
    pairing: Pairing[str, str] = Pairing("latest", optional=True)
    assert pairing.image(1, "i") == Paired(("i", None))
    pairing.info(2, "a")
    assert pairing.image(3, "j") == Paired(("j", "a"))


@pytest.mark.parametrize("policy", ["latest", "exact"])
def test_every_image_is_ready_lost_or_waiting_once(policy: str) -> None:
    rng = random.Random(3)
    pairing: Pairing[int, int] = Pairing(policy)  # type: ignore[arg-type]
    sent = ready = lost = 0
    for _ in range(5000):
        stamp = rng.randrange(200)
        if rng.random() < 0.5:
            sent += 1
            paired = pairing.image(stamp, stamp)
        else:
            paired = pairing.info(stamp, stamp)
        ready += paired.ready is not None
        lost += paired.unmatched
        assert len(pairing._images) <= IMAGES and len(pairing._infos) <= INFOS
        if policy == "exact" and paired.ready is not None:
            assert paired.ready[0] == paired.ready[1]
    assert ready + lost + pairing.flush() == sent


def test_sizes_that_differ_are_both_named() -> None:
    camera = Camera.from_fov(640, 480, 1.0)
    check_size(640, 480, camera)
    with pytest.raises(FrameError, match=r"640x480.*320x240"):
        check_size(320, 240, camera)
