# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a clip is made of: frames that belong together, one change for all, exact geometry."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import write_recording
from synthetic import render_box_room, walk

from depth_ros.errors import SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.augment import AugmentConfig
from depth_ros.training.data.draw import Source
from depth_ros.training.data.readers.reading import Numbered, OneRecording, Reading, Unrelated

torch = pytest.importorskip("torch")

from depth_ros.training.config import TrainConfig  # noqa: E402
from depth_ros.training.data.source_config import SourceConfig  # noqa: E402
from depth_ros.training.methods import make_method  # noqa: E402
from depth_ros.training.methods.clips.carry import carried  # noqa: E402
from depth_ros.training.methods.clips.config import ClipsConfig  # noqa: E402
from depth_ros.training.methods.clips.draw import clip_of, draw_frames  # noqa: E402
from depth_ros.training.methods.clips.examples import ClipExamples  # noqa: E402
from depth_ros.training.methods.clips.light import relight  # noqa: E402
from depth_ros.training.methods.clips.validation import stream, stretches  # noqa: E402

PLAIN = AugmentConfig(
    gain=0, contrast=0, saturation=0, hue_deg=0, gamma=0, white_balance=0, grey_chance=0,
    blur_chance=0, noise_chance=0, jpeg_chance=0, cutout_chance=0,
)  # fmt: skip
CAMERA = Camera(320, 240, 210.0, 210.0, 150.0, 126.0)


class Memory(OneRecording):
    """Readings that are there already; some are broken."""

    name = "memory"

    def __init__(self, readings: list[Reading], broken: tuple[int, ...] = ()) -> None:
        self.readings, self.broken = readings, broken

    def __len__(self) -> int:
        return len(self.readings)

    def read(self, index: int) -> Reading:
        if index in self.broken:
            raise SourceError(f"frame {index} is cut off")
        return self.readings[index]

    def problems(self) -> list[str]:
        return []


class Places(Numbered, Memory):
    """The same, in recordings with gaps."""

    def __init__(self, readings: list[Reading], places: list[tuple[str, int]]) -> None:
        super().__init__(readings)
        self.places = places

    def _places(self) -> list[tuple[str, int]]:
        return self.places


class Pictures(Unrelated, Memory):
    """Single pictures."""


@pytest.fixture(scope="module")
def room() -> list[Reading]:
    """Eight frames of a furnished room, 10 cm and some degrees apart, with exact truth."""
    out = []
    for number, pose in enumerate(walk(8, 0.1)):
        image, depth = render_box_room(CAMERA, pose)
        out.append(Reading(image, depth, CAMERA, pose, name=f"frame {number}"))
    return out


def numbered(count: int) -> list[Reading]:
    """Tiny frames of which each is as bright as its number says, times ten."""
    camera = Camera(16, 12, 20.0, 20.0, 7.5, 5.5)
    depth = np.full((12, 16), 2.0, np.float32)
    images = (np.full((12, 16, 3), 10 * i, np.uint8) for i in range(count))
    return [Reading(image, depth, camera, np.eye(4)) for image in images]


def examples(data: Any, augment: AugmentConfig = PLAIN, **changes: Any) -> ClipExamples:
    size = changes.pop("size", (16, 12))
    frames, focal = changes.pop("frames", 3), changes.pop("focal", None)
    config = ClipsConfig(**{"noise": 0.0, "flicker": 0.0, **changes})
    return ClipExamples([Source(data)], size, frames, focal, config, augment, 5)


def levels(clip: dict[str, Any]) -> list[int]:
    """The numbers of the frames in a clip of numbered()."""
    return [round(float(frame.float().mean()) / 10) for frame in clip["image"]]


def test_an_example_is_a_function_of_its_index_here_and_in_another_process() -> None:
    augment = AugmentConfig()
    first = examples(Memory(numbered(20)), augment, noise=0.05, flicker=0.1)
    other = pickle.loads(pickle.dumps(first))
    for index in (3, 0, 10**12):
        a, b = first[index], other[index]
        assert set(a) == set(b)
        for name in a:
            assert torch.equal(torch.nan_to_num(a[name]), torch.nan_to_num(b[name])), name
    assert levels(first[3]) != levels(first[4]) or levels(first[4]) != levels(first[5])


def test_a_clip_has_the_shapes_that_it_says(room: list[Reading]) -> None:
    clip = examples(Memory(room), size=(64, 48), frames=4)[0]
    assert clip["image"].shape == (4, 48, 64, 3) and clip["image"].dtype == torch.uint8
    assert clip["depth"].shape == (1, 4, 24, 32) and clip["depth"].dtype == torch.float32
    assert clip["intrinsics"].shape == (4, 4) and clip["motion"].shape == (4, 4, 4)
    assert clip["metric"].item() is True and clip["skipped"] == 0
    assert clip["motion"][0].isnan().all() and clip["motion"][1:].isfinite().all()


def test_strides_and_directions() -> None:
    made = examples(Memory(numbered(20)), stride_max=3, frames=3)
    steps = set()
    for index in range(120):
        numbers = levels(made[index])
        steps.add(numbers[1] - numbers[0])
        assert numbers[2] - numbers[1] == numbers[1] - numbers[0]
    assert steps == {-3, -2, -1, 1, 2, 3}
    forwards = examples(Memory(numbered(25)), stride_max=1, reverse_chance=0.0)
    ways = [(n[0], n[1] - n[0]) for n in (levels(forwards[i]) for i in range(60))]
    assert all(way == (1 if start < 23 else -1) for start, way in ways)  # none goes on at the end


def test_clips_never_cross_recordings_or_gaps() -> None:
    """Two recordings of which one has a gap: 0 1 2 | 4 5 6 | other 0 1 2."""
    places = [("a", 0), ("a", 1), ("a", 2), ("a", 4), ("a", 5), ("a", 6)]
    places += [("b", 0), ("b", 1), ("b", 2)]
    data = Places(numbered(9), places)
    whole = ({0, 1, 2}, {3, 4, 5}, {6, 7, 8})
    made = examples(data, stride_max=1, pan_px=0.0)
    seen = {tuple(sorted(set(levels(made[i])))) for i in range(150)}
    assert {numbers for numbers in seen if len(numbers) > 1} == {tuple(sorted(w)) for w in whole}
    assert all(len(numbers) in (1, 3) for numbers in seen)  # else a still, of one frame
    assert clip_of(data, 1, 3, 1) is None and clip_of(data, 5, 2, 1) is None
    assert clip_of(data, 0, 3, 2) == [0, 2, 3]  # frames 0, 2 and 4 are as far apart as they say


def test_clip_of_takes_every_second_frame_across_a_missing_one() -> None:
    data = Places(numbered(3), [("a", 0), ("a", 2), ("a", 4)])
    assert clip_of(data, 0, 3, 2) == [0, 1, 2] and clip_of(data, 0, 2, 1) is None


def test_a_cut_within_a_recording_is_refused() -> None:
    readings = numbered(4)
    far = np.eye(4)
    far[0, 3] = 30.0
    readings[2] = Reading(readings[2].image, readings[2].depth, readings[2].camera, far)
    rng = np.random.default_rng(0)
    with pytest.raises(SourceError, match="a jump"):
        draw_frames(Source(Memory(readings)), 4, 1, 0.0, rng)
    other = Reading(readings[0].image, None, Camera(16, 12, 30, 30, 7.5, 5.5))
    with pytest.raises(SourceError, match="one camera"):
        draw_frames(Source(Memory([readings[0], other])), 2, 1, 0.0, rng)


def test_clips_with_a_broken_frame_are_skipped_and_counted() -> None:
    made = examples(Memory(numbered(12), broken=(4,)), stride_max=2)
    clips = [made[i] for i in range(60)]
    assert all(4 not in levels(clip) for clip in clips)
    assert sum(int(clip["skipped"]) for clip in clips) > 5
    broken = examples(Memory(numbered(3), broken=(0, 1, 2)))
    with pytest.raises(SourceError, match="is cut off"):
        broken[0]


def test_depth_of_one_frame_moves_onto_the_next_in_every_augmented_clip(
    room: list[Reading],
) -> None:
    """Crop, stretch, roll, flip, stride, direction and canonical camera: intrinsics, motion and
    depth agree. The flipped motion of an unflipped clip is off by more than ten times as much."""
    augment = AugmentConfig(**{**fields(PLAIN), "roll_deg": 20.0, "zoom": 0.6, "aspect": 1.25})
    made = examples(Memory(room), augment, size=(160, 120), frames=2, stride_max=2, focal=100.0)
    mirrored = torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0]))
    errors, wrong = [], []
    for index in range(24):
        clip = made[index]
        motion = clip["motion"][1]
        assert torch.linalg.det(motion) == pytest.approx(1, abs=1e-5)
        for where, value in ((errors, motion), (wrong, mirrored @ motion @ mirrored)):
            where.append(disagreement(clip, value))
    assert max(errors) < 0.004
    assert np.median(wrong) > 10 * np.median(errors)


def fields(config: AugmentConfig) -> dict[str, float]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def disagreement(clip: dict[str, Any], motion: Any) -> float:
    """The median share by which the first frame's depth, carried, misses the second's."""
    before, now = clip["depth"][:, 0][None], clip["depth"][:, 1][None]
    k = clip["intrinsics"]
    moved = carried(before, now, before, motion[None], (k[1:], k[:1]), 1.0)
    seen = moved.isfinite()
    assert seen.float().mean() > 0.2
    return float(((moved - now).abs() / now)[seen].median())


def test_depth_is_that_of_the_canonical_camera(room: list[Reading]) -> None:
    """Half of the focal length of the image: depth and motion are halved."""
    plain = examples(Memory(room), size=(160, 120), frames=2)[7]
    focal = 2 * float(torch.sqrt(plain["intrinsics"][0, 0] * plain["intrinsics"][0, 1]))
    other = examples(Memory(room), size=(160, 120), frames=2, focal=focal / 2)[7]
    assert torch.allclose(other["depth"], plain["depth"] / 2, rtol=1e-5, equal_nan=True)
    assert torch.allclose(other["motion"][1, :3, 3], plain["motion"][1, :3, 3] / 2, rtol=1e-5)
    assert torch.allclose(other["motion"][1, :3, :3], plain["motion"][1, :3, :3])


def test_a_picture_becomes_a_pan_whose_motion_is_known(room: list[Reading]) -> None:
    """Nothing moves but the principal point; depth carried from frame to frame is the same."""
    for camera in (CAMERA, None):
        picture = Reading(room[0].image, room[0].depth, camera)
        made = examples(Pictures([picture]), size=(160, 120), frames=3, pan_px=6.0)
        clip = made[1]
        k = clip["intrinsics"]
        shift = k[1, 2:] - k[0, 2:]
        assert shift.abs().max() > 0.2 and torch.allclose(k[2, 2:] - k[1, 2:], shift, atol=1e-4)
        assert torch.allclose(clip["motion"][1:], torch.eye(4), atol=1e-6)
        assert clip["metric"].item() is (camera is not None)
        assert not torch.equal(clip["image"][0], clip["image"][1])
        pair = {name: clip[name][..., :2, :, :] for name in ("depth",)} | {"intrinsics": k[:2]}
        assert disagreement(pair, torch.eye(4)) < 0.004


def test_one_light_for_the_clip_and_new_noise_for_each_frame() -> None:
    still = np.broadcast_to(np.arange(48, dtype=np.uint8)[None, :, None, None] * 4, (3, 48, 64, 3))
    calm = AugmentConfig(noise_chance=0.0, jpeg_chance=0.0)
    for seed in range(4):
        lit = relight(still, calm, 0.0, 0.0, np.random.default_rng(seed))
        assert (lit == lit[:1]).all()
        assert (lit[0] != still[0]).any()
    noisy = AugmentConfig(**{**fields(PLAIN), "noise_chance": 1.0})
    lit = relight(still, noisy, 0.04, 0.0, np.random.default_rng(0)).astype(float)
    apart = (lit[0] - lit[1])[8:40]  # away from black and white, where noise is cut off
    assert 0.2 * 0.04 * 255 < apart.std() / np.sqrt(2) < 0.04 * 255
    flicker = relight(still, PLAIN, 0.0, 0.1, np.random.default_rng(0)).astype(float)
    assert np.ptp(flicker[:, 8:40].mean((1, 2, 3))) > 1


def test_stretches_for_validation_are_spread_and_never_cross_a_gap() -> None:
    places = [("a", i) for i in range(30)] + [("b", i) for i in range(30)]
    found = stretches(Places(numbered(20) * 3, places), 48)
    starts = [stretch[0] for stretch in found]
    assert starts == [0, 16, 32, 48]
    assert [len(stretch) for stretch in found] == [12, 12, 12, 12]
    tight = stretches(Places(numbered(20) * 3, places), 12 * 30)
    assert all(len({places[i][0] for i in stretch}) == 1 for stretch in tight)
    assert any(len(stretch) < 12 for stretch in tight)
    assert stretches(Memory(numbered(5)), 96) == [[0, 1, 2, 3, 4]]


def write(folder: Path, readings: list[Reading]) -> None:
    """The uniform layout, depth in millimetres."""
    depths = [np.rint(1000 * r.depth) for r in readings if r.depth is not None]
    poses = [r.world_from_camera for r in readings if r.world_from_camera is not None]
    c = readings[0].camera
    assert c is not None
    meta = {"fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy, "width": c.width, "height": c.height}
    meta |= {"fps": 30, "depth_unit_m": 0.001, "name": folder.name, "frames": len(readings)}
    write_recording(folder, [r.image for r in readings], depths, np.array(poses), **meta)


def test_streamed_depth_is_in_metres_of_the_real_camera(room: list[Reading]) -> None:
    """The untrained network says about 2.5 m of a camera of 50 px; this one has 42 at 64x48."""
    config = TrainConfig(method="clips", network="stclstm", sources=(SourceConfig("rendered"),))
    torch.manual_seed(0)
    network = make_method(config).build().eval()
    seen = list(stream(config, network, Memory(room, broken=(1,)), [0, 1, 2], (64, 48), 50.0))
    assert len(seen) == 2  # the broken one is left out
    for one in seen:
        assert np.median(one.streamed) == pytest.approx(2.5 * 42 / 50, rel=0.2)
        assert np.array_equal(one.streamed, one.alone)  # a broken frame ends what is remembered
        assert one.truth is not None and one.truth.shape == one.streamed.shape == (24, 32)
    onwards = list(stream(config, network, Memory(room), [0, 1], (64, 48), 50.0))
    assert not np.array_equal(onwards[1].streamed, onwards[1].alone)


def test_the_whole_method_on_a_recording(tmp_path: Path, room: list[Reading]) -> None:
    """From files to examples, terms, validation, pictures and facts."""
    write(tmp_path / "room", room)
    source = SourceConfig(kind="folder", path=str(tmp_path / "room"))
    config = TrainConfig(
        method="clips",
        network="stclstm",
        sources=(source,),
        validation=(source,),
        clips=ClipsConfig(frames=3, consistency=1.0),
    )
    stage = type(config.stages[0])(width=64, height=48, batch=1)
    config = TrainConfig(**{**shallow(config), "stages": (stage,)})
    torch.manual_seed(0)
    method = make_method(config)
    network = method.build()
    batch = torch.utils.data.default_collate([method.examples(stage)[0]])
    terms = method.step(network).train()(batch, 0)
    assert set(terms) == {"l1_log", "si_log", "gradient_log", "consistency"}
    assert all(term.isfinite() and term.shape == () for term in terms.values())
    found = method.validate(network.eval(), stage)
    accuracy = (found["abs_rel"] + found["metric_abs_rel"]) / 2
    assert found["score"] == pytest.approx(accuracy + found["self_consistency"])
    assert 0 < found["abs_rel"] < 1 and found["steadiness"] > 0
    assert found["metric_abs_rel"] > 0
    shown = method.pictures(network, batch)
    assert set(shown) == {"image", "depth", "truth", "memory"}
    assert all(p.shape[0] == 3 and p.min() >= 0 and p.max() <= 1 for p in shown.values())
    assert method.facts(stage)["canonical_focal_px"] == pytest.approx(200 * 64 / 256)
    assert method.options() == {}


def shallow(config: TrainConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}
