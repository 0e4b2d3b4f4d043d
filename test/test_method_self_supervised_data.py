# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Examples of the method "self_supervised": exact under crop and mirror, repeatable, real."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planes import BASELINE_M, CAMERA, STEPS, PlaneVideo, look, motion
from synthetic import pose, render_box_room

torch = pytest.importorskip("torch")

from depth_ros.engines.networks.monodepth2 import Monodepth2, Monodepth2Config  # noqa: E402
from depth_ros.errors import ConfigError, SourceError  # noqa: E402
from depth_ros.training.config import StartConfig, TrainConfig  # noqa: E402
from depth_ros.training.data.source_config import SourceConfig  # noqa: E402
from depth_ros.training.losses.icp import as_motion  # noqa: E402
from depth_ros.training.losses.photometric import photometric_error  # noqa: E402
from depth_ros.training.methods.self_supervised.augment import (  # noqa: E402
    Window,
    draw_color,
    shown,
    shown_camera,
    shown_motion,
)
from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig  # noqa: E402
from depth_ros.training.methods.self_supervised.examples import (  # noqa: E402
    Recording,
    ViewExamples,
    targets_of,
)
from depth_ros.training.methods.self_supervised.hints import stereo_hint  # noqa: E402
from depth_ros.training.methods.self_supervised.method import make  # noqa: E402
from depth_ros.training.methods.self_supervised.networks import Reading  # noqa: E402
from depth_ros.training.methods.self_supervised.pictures import pictures  # noqa: E402
from depth_ros.training.methods.self_supervised.step import colored  # noqa: E402
from depth_ros.training.methods.self_supervised.tracks import Tracks, triangulated  # noqa: E402
from depth_ros.training.methods.self_supervised.validation import validate  # noqa: E402
from depth_ros.training.methods.self_supervised.views import Shots, View  # noqa: E402
from depth_ros.training.warp import synthesise  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (CAMERA.width, CAMERA.height)
K = np.array([CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy])


def examples(video: PlaneVideo, size: tuple[int, int] = SIZE, **changes: Any) -> ViewExamples:
    own = SelfSupervisedConfig(**{"jitter_chance": 0.0, "flip_chance": 0.0, **changes})
    stored = (round(size[0] / own.zoom), round(size[1] / own.zoom))
    shots = Shots(video, stored, 60.0, 64, hints=own.proxy > 0)
    tracks = Tracks() if own.sparse_points > 0 else None
    return ViewExamples([Recording(shots, targets_of(shots, own), 1.0, tracks)], size, own, 0)


def error_at(example: dict[str, Any], depth: np.ndarray, place: int) -> float:
    """The photometric error of the target made out of a source by this depth (h, w)."""
    images = example["images"].float() / 255
    view = synthesise(
        images[1 + place][None],
        torch.from_numpy(np.ascontiguousarray(depth, np.float32))[None, None],
        example["source_from_target"][place][None],
        example["k"][None],
    )
    error = photometric_error(view.image, images[:1])
    return float(error[view.valid].mean())


def test_mirrored_examples_are_the_mirrored_scene() -> None:
    """The mirrored depth explains the mirrored images exactly as well, pixel by pixel."""
    video = PlaneVideo(stereo=True)
    plain, mirrored = examples(video), examples(video, flip_chance=1.0)
    for index in range(6):
        one, other = plain[index], mirrored[index]
        np.testing.assert_array_equal(one["images"].flip(-1), other["images"])
        depth = _depth_of(one)
        for place in range(int(one["exists"].sum())):
            ours = error_at(one, depth, place)
            assert ours < 0.02
            assert error_at(other, depth[:, ::-1], place) == pytest.approx(ours, abs=1e-5)
            unmirrored = {**other, "source_from_target": one["source_from_target"]}
            assert error_at(unmirrored, depth[:, ::-1], place) > 3 * ours


def _depth_of(example: dict[str, Any]) -> np.ndarray:
    """The true depth of the frame, and side, whose image the target is."""
    for step in STEPS:
        for shift in (0.0, BASELINE_M):
            image, depth = look(motion(*step) @ motion(shift, 0, 0, 0, 0, 0))
            if np.array_equal(image, example["images"][0].permute(1, 2, 0).numpy()):
                return depth
    raise AssertionError("the target is no image of the recording")


def test_a_crop_is_a_camera_of_its_own() -> None:
    """What the intrinsics of the crop say is what it sees: the plane, rendered again."""
    place = motion(*STEPS[2])
    window = Window(left=7, top=5, width=48, height=36, mirrored=False)
    k = shown_camera(K, window, (32, 24))
    camera = type(CAMERA)(32, 24, *k)
    again, _ = look(place, camera)
    seen = shown(look(place)[0], window, (32, 24)).astype(float)
    assert np.abs(seen - again).mean() < 4
    flipped = shown_camera(K, window._replace(mirrored=True), (32, 24))
    assert flipped[2] == 31 - k[2]


def test_cropped_examples_stay_exact() -> None:
    """The plane's depth for the crop's intrinsics explains it."""
    made = examples(PlaneVideo(), size=(64, 48), zoom=0.5, stereo=False)
    tried = 0
    for index in range(12):
        one = made[index]
        camera = type(CAMERA)(64, 48, *one["k"].double().tolist())
        if camera.fx < 80:
            continue
        fits = [error_at(one, look(motion(*step), camera)[1], 0) for step in STEPS]
        tried += 1
        assert min(fits) < 0.03
    assert tried > 3


def test_motions_are_mirrored_as_points_are() -> None:
    """M T M p = M (T M p): to move and then mirror is to mirror and then move."""
    transform = motion(0.3, -0.2, 0.5, 0.1, -0.2, 0.3)
    mirrored = shown_motion(transform, Window(0, 0, 4, 4, True))
    point = np.array([0.4, 0.7, 2.0, 1.0])
    flip = np.array([-1, 1, 1, 1])
    np.testing.assert_allclose(mirrored @ (flip * point), flip * (transform @ point), atol=1e-12)


def test_examples_repeat() -> None:
    """Index by index, in any order, after pickling, and differently for another index or seed."""
    made = examples(PlaneVideo(stereo=True), flip_chance=0.5, jitter_chance=0.5, zoom=0.7)
    copied = pickle.loads(pickle.dumps(made))
    for index in (5, 0, 10**9, 5):
        one, two = made[index], copied[index]
        assert one.keys() == two.keys()
        for name, values in one.items():
            torch.testing.assert_close(values, two[name], rtol=0, atol=0)
    assert not torch.equal(made[1]["images"], made[2]["images"])
    made.seed = 1
    assert any(not torch.equal(made[i]["k"], copied[i]["k"]) for i in range(4))


def test_a_broken_frame_is_replaced_and_counted() -> None:
    broken = examples(PlaneVideo(broken=(3,)), stereo=False)
    skipped = 0
    for index in range(30):
        one = broken[index]
        skipped += int(one["skipped"])
        assert one["exists"].any()
    assert skipped > 5
    with pytest.raises(SourceError, match="1000 broken"):
        _ = examples(PlaneVideo(broken=tuple(range(6))), stereo=False)[0]


def test_neighbours_at_the_ends_and_at_rest() -> None:
    """Frame 0 has no earlier neighbour; one that moved less than still_m is no source."""
    made = examples(PlaneVideo(), stereo=False)
    counts = {int(made[i]["exists"].sum()) for i in range(40)}
    assert counts == {1, 2}
    still = PlaneVideo(poses=[motion(*STEPS[0])] * 4 + [motion(*STEPS[1])])
    resting = examples(still, stereo=False, still_m=0.05)
    for index in range(10):
        moved = resting[index]
        (place,) = moved["exists"].nonzero()[:, 0]
        assert float(moved["source_from_target"][place, :3, 3].norm()) > 0.05
        assert int(moved["skipped"]) == 0  # none of them is broken


def test_given_poses_leave_unknown_neighbours_out() -> None:
    made = examples(PlaneVideo(known=False, stereo=True), poses="given")
    for index in range(8):
        one = made[index]
        assert one["order"][one["exists"]].tolist() == [0]
    mixed = examples(PlaneVideo(known=False, stereo=True), poses="mixed")[0]
    assert mixed["known"][mixed["exists"]].sum() == 1 and mixed["exists"].sum() > 1


def test_colours_change_alike_and_only_for_the_networks() -> None:
    own = SelfSupervisedConfig(jitter_chance=1.0)
    rng = np.random.default_rng(0)
    image = torch.rand(2, 3, 4, 5)
    for _ in range(5):
        color = torch.from_numpy(draw_color(own, rng)).float()
        seen = colored(image, color[None])
        assert (seen - image).abs().max() > 0.01
        assert seen.min() >= 0 and seen.max() <= 1
        expected = (color[:, :3] @ image[1].flatten(1) + color[:, 3:]).clamp(0, 1)
        torch.testing.assert_close(seen[1].flatten(1), expected)
    grey = SelfSupervisedConfig(jitter_chance=0.0, grey_chance=1.0)
    seen = colored(image, torch.from_numpy(draw_color(grey, rng)).float()[None])
    assert float(seen.std(1).max()) < 1e-6
    plain = SelfSupervisedConfig(jitter_chance=0.0)
    untouched = colored(image, torch.from_numpy(draw_color(plain, rng)).float()[None])
    torch.testing.assert_close(untouched, image)


def test_stereo_matching_finds_the_plane() -> None:
    camera = type(CAMERA)(320, 240, 300.0, 300.0, 159.5, 119.5)
    place = motion(*STEPS[1])
    left, depth = look(place, camera)
    right, of_right = look(place @ motion(BASELINE_M, 0, 0, 0, 0, 0), camera)
    for hint, truth in zip(
        stereo_hint(left, right, camera.fx * BASELINE_M, (320, 240)),
        (depth, of_right),
        strict=True,
    ):
        known = np.isfinite(hint)
        assert known.mean() > 0.7
        assert np.median(np.abs(hint[known] * truth[known] - 1)) < 0.02
    small, _ = stereo_hint(left, right, camera.fx * BASELINE_M, (80, 60))
    assert small.shape == (60, 80)
    assert abs(np.nanmedian(small) * np.median(depth) - 1) < 0.05


def test_followed_corners_lie_on_the_walls() -> None:
    """In metres with a known motion, up to one factor without; of a room, not of a plane."""
    camera = type(CAMERA)(320, 240, 300.0, 300.0, 159.5, 119.5)
    first, second = pose(z=-0.5), pose(x=0.15, z=-0.4, yaw=0.02)
    (left, depth), (right, _) = render_box_room(camera, first), render_box_room(camera, second)
    k = np.array([300.0, 300.0, 159.5, 119.5])
    views = View(left, k), View(right, k)
    truth = np.linalg.inv(second) @ first
    for known in (truth, None):
        points = triangulated(*views, known)
        assert points.metric == (known is not None)
        assert len(points.pixels) > 50
        x, y = np.rint(points.pixels).astype(int).T
        ratio = points.inverse_depth * depth[y, x]
        scale = np.median(ratio)
        if known is not None:
            assert scale == pytest.approx(1, abs=0.01)
        assert np.median(np.abs(ratio / scale - 1)) < (0.06 if known is None else 0.03)
        assert (points.variance > 0).all()


def config_of(**changes: Any) -> TrainConfig:
    own = {"poses": "given", "pose": 0.1, **changes.pop("own", {})}
    fields = {
        "method": "self_supervised",
        "network": "monodepth2",
        "sources": (SourceConfig(path="kitti_odom00_mono", stop=20),),
        "self_supervised": SelfSupervisedConfig(**own),
    }
    return TrainConfig(**{**fields, **changes})


def test_depth_begins_where_it_is_told_to() -> None:
    config = config_of(
        own={"start_depth_m": 12.0},
        options={"unit_m": 20.0, "min_depth": 0.05, "max_depth": 5.0},
    )
    torch.manual_seed(0)
    method = make(config)
    network = method.build().train()
    reading = Reading("monodepth2", network)
    with torch.no_grad():
        for inverse in reading.inverse_depths(network, torch.randn(2, 3, 64, 64), 4):
            assert float((1 / inverse).median()) == pytest.approx(12, rel=0.2)
    assert method.options()["unit_m"] == 20.0
    assert make(config_of()).options()["unit_m"] == 1.0
    with pytest.raises(ConfigError, match="start_depth_m"):
        make(config_of(own={"start_depth_m": 200.0})).build()


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"pose": 0.0}, "self_supervised.pose"),
        ({"neighbours": (0, 1)}, "neighbours"),
        ({"neighbours": (), "stereo": False}, "stereo"),
        ({"explainability": 0.1}, "combine"),
    ],
)
def test_settings_that_cannot_work_are_refused(own: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make(config_of(own=own))


REAL = Callable[[str], Path]


def test_real_video_and_pairs_with_poses(data_dir: REAL) -> None:
    """Both kinds in one batch; matched stereo depth explains pairs and neighbours alike."""
    root = data_dir("kitti_odom00_mono").parent
    config = config_of(
        data=str(root),
        sources=(
            SourceConfig(path="kitti_odom00_mono", stop=6),
            SourceConfig(kind="stereo", path="kitti_odom_stereo/06", stop=2),
        ),
        own={"proxy": 1.0, "jitter_chance": 0.0},
    )
    method = make(config)
    stage = config.stages[0]
    made = method.examples(type(stage)(width=192, height=64, batch=4))
    pairs = videos = 0
    for index in range(16):
        one = made[index]
        known = one["exists"] & (one["order"] != 0)
        assert one["known"][one["exists"]].all()
        assert (one["source_from_target"][known][:, :3, 3].norm(dim=1) > 0.3).all()
        hint = one["hint"][0]
        if not (one["order"][one["exists"]] == 0).any():
            videos += 1
            assert hint.isnan().all()
            continue
        pairs += 1
        assert hint.isfinite().float().mean() > 0.5
        for place in range(int(one["exists"].sum())):
            assert _explained(one, hint, place) > 0.2
    assert pairs > 2 and videos > 2


def _explained(one: dict[str, Any], hint: Any, place: int) -> float:
    """How much less error the hint leaves where it is known, as a share of the unmoved one."""
    images = one["images"].float() / 255
    known = hint.isfinite()
    view = synthesise(
        images[1 + place][None],
        1 / torch.where(known, hint, 0.1)[None, None],
        one["source_from_target"][place][None],
        one["k"][None],
    )
    use = view.valid[0, 0] & known
    fits = photometric_error(view.image, images[:1])[0, 0][use].mean()
    still = photometric_error(images[1 + place][None], images[:1])[0, 0][use].mean()
    return float(1 - fits / still)


class Exact(torch.nn.Module):
    """Says the plane's true depth of the frames it is shown, times a factor, and their motion."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.config = Monodepth2Config(unit_m=1.0)
        self.encoder = self.depth = self.pose_encoder = self.pose = torch.nn.Identity()
        self.unused = torch.nn.Parameter(torch.zeros(()))
        self.factor = factor
        seen = [look(motion(*step)) for step in STEPS]
        self.images = torch.stack([torch.from_numpy(i).permute(2, 0, 1) for i, _ in seen]) / 255
        self.depths = torch.stack([torch.from_numpy(d)[None] for _, d in seen])

    def frames(self, images: Any) -> list[int]:
        shown = images * 0.225 + 0.45
        return [int((self.images - s).abs().flatten(1).mean(1).argmin()) for s in shown]

    def forward(self, images: Any) -> tuple[Any, ...]:
        return (1 / (self.factor * self.depths[self.frames(images)]),)

    def motion(self, images: Any) -> Any:
        pairs = zip(self.frames(images[:, :3]), self.frames(images[:, 3:]), strict=True)
        moved = [np.linalg.inv(motion(*STEPS[b])) @ motion(*STEPS[a]) for a, b in pairs]
        twist = as_motion(torch.from_numpy(np.stack(moved))).float()
        return twist * torch.tensor([1.0] * 3 + [self.factor] * 3)


def test_validation_measures_depth_motion_and_fit() -> None:
    config = config_of(validation_items=6)
    shots = {"plane": Shots(PlaneVideo(), SIZE, 60.0, 64, truth=True)}
    exact = validate(Exact(), config, shots)
    assert exact["abs_rel"] < 1e-4 and exact["metric_abs_rel"] < 1e-4
    assert exact["delta1"] == 1.0 and exact["ate"] < 1e-4
    assert exact["score"] == exact["abs_rel"]
    twice = validate(Exact(2.0), config, shots)
    assert twice["abs_rel"] < 1e-4 and twice["ate"] < 1e-4  # both forgive one factor
    assert twice["metric_abs_rel"] == pytest.approx(1.0, abs=1e-4)
    assert twice["photometric"] > exact["photometric"]  # by the given poses, which do not


def test_validation_against_stereo_matching() -> None:
    """A network that says twice the depth is twice as far as the pair says."""
    config = config_of(validation_items=3)
    shots = {"plane": Shots(PlaneVideo(stereo=True), SIZE, 60.0, 64, hints=True)}
    exact, twice = (validate(Exact(f), config, shots) for f in (1.0, 2.0))
    assert exact["stereo_abs_rel"] < 0.15
    assert exact["stereo_scale"] == pytest.approx(1, abs=0.1)
    assert twice["stereo_scale"] == pytest.approx(2 * exact["stereo_scale"], rel=1e-4)
    assert "abs_rel" not in exact and exact["score"] == exact["photometric"]


def test_validation_without_truth_is_how_well_views_fit() -> None:
    config = config_of(own={"poses": "network", "pose": 0.0})
    shots = {"plane": Shots(PlaneVideo(known=False), SIZE, 60.0, 64)}
    found = validate(Exact(), config, shots)
    assert found.keys() == {"photometric", "score"}
    assert found["score"] == found["photometric"]


def test_pictures_are_pictures() -> None:
    made = examples(PlaneVideo(), stereo=False)
    batch = {k: torch.stack([made[i][k] for i in range(3)]) for k in made[0]}
    shown = pictures(Exact(), config_of(), batch)
    assert shown.keys() == {"image", "depth", "synthesised", "error", "counts"}
    for picture in shown.values():
        assert picture.shape == (3, SIZE[1], SIZE[0])
        assert float(picture.min()) >= 0 and float(picture.max()) <= 1
    inner = (shown["image"] - shown["synthesised"]).abs()[:, 12:-12, 16:-16]
    assert float(inner.mean()) < 0.03


def test_a_start_with_depth_alone_gives_the_pose_encoder_its_features(tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained = Monodepth2(Monodepth2Config(pose=False))
    torch.save({"state": trained.state_dict()}, tmp_path / "checkpoint.pt")
    start = StartConfig(checkpoint=str(tmp_path / "checkpoint.pt"), parts=("encoder.", "depth."))
    network = make(config_of(start=start)).build().eval()
    trained.eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(image)[0], trained(image)[0])
        ours = network.pose_encoder(torch.cat([image, image], 1))[-1]
        torch.testing.assert_close(ours, trained.encoder(image)[-1], rtol=1e-4, atol=1e-4)
