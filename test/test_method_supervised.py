# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The supervised method: what it learns, from what, and what each setting changes."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from depth_ros.decode import Decode  # noqa: E402
from depth_ros.engines.networks import NETWORKS, default_spec  # noqa: E402
from depth_ros.engines.spec import sha256  # noqa: E402
from depth_ros.errors import ConfigError, SourceError  # noqa: E402
from depth_ros.frame import Camera  # noqa: E402
from depth_ros.schema import build  # noqa: E402
from depth_ros.training import losses  # noqa: E402
from depth_ros.training.config import TrainConfig  # noqa: E402
from depth_ros.training.data.augment import AugmentConfig, Example, make_example  # noqa: E402
from depth_ros.training.data.draw import Mixture, Source  # noqa: E402
from depth_ros.training.data.pool import write_view  # noqa: E402
from depth_ros.training.data.readers.reading import Reading, Unrelated  # noqa: E402
from depth_ros.training.losses.common import normalise_trimmed  # noqa: E402
from depth_ros.training.methods import make_method  # noqa: E402
from depth_ros.training.methods.common import build_network, meaning_of  # noqa: E402
from depth_ros.training.methods.supervised.config import SupervisedConfig  # noqa: E402
from depth_ros.training.methods.supervised.heads import Head  # noqa: E402
from depth_ros.training.methods.supervised.step import Network  # noqa: E402
from depth_ros.training.methods.supervised.terms import (  # noqa: E402
    METRIC,
    Compared,
    terms,
)
from depth_ros.training.methods.supervised.validation import Validation  # noqa: E402
from depth_ros.training.running import Options, run_training  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
AWAY, TILT, FOCAL = 2.0, 0.4, 60.0
PLAIN = {  # the least augmentation that there is
    **dict.fromkeys(("gain", "contrast", "saturation", "hue_deg", "gamma", "white_balance"), 0.0),
    **dict.fromkeys(("grey_chance", "blur_chance", "noise_chance", "jpeg_chance"), 0.0),
    **{"cutout_chance": 0.0, "flip_chance": 0.0, "roll_deg": 0.0, "zoom": 1.0, "aspect": 1.0},
}
ONLY_METRIC = METRIC | {"pairwise_normal"}
IGNORES_A_FACTOR = (
    *("si_log", "gradient_log", "gradient_squared_log", "gradient_normalised"),
    *("pairwise_difference", "ranking", "structure_guided_ranking", "normalised_regression"),
)
OFF = {"l1_log": 0.0, "si_log": 0.0, "gradient_log": 0.0}


def plane(focal: float = FOCAL, far: float = 1.0, size: int = 64) -> Reading:
    """A slanted plane whose depth has a closed form, in colours that tell it."""
    middle = (size - 1) / 2
    camera = Camera(size, size, focal, focal, middle, middle)
    y, x = np.mgrid[:size, :size]
    depth = (far * AWAY / (1 - TILT * (x - middle) / focal)).astype(np.float32)
    red = 255 * (depth - depth.min()) / np.ptp(depth)
    image = np.stack([red, 255 - red, 2 * y + 40], axis=2).astype(np.uint8)
    return Reading(image, depth, camera)


def recipe(folder: Path, **changes: Any) -> TrainConfig:
    """Settings of a tiny run on a pool of two equal views."""
    (folder / "pool").mkdir(exist_ok=True)
    for i in range(2):
        write_view(folder / f"pool/{i}.npz", plane())
    values: dict[str, Any] = {
        "network": "fastdepth_pruned",
        "options": {"output": "log_depth"},
        "data": str(folder),
        "sources": [{"kind": "pool", "path": "pool"}],
        "validation": [{"kind": "pool", "path": "pool"}],
        "stages": [{"width": 64, "height": 64, "batch": 2}],
        "augment": PLAIN,
        "workers": 0,
        "threads": 1,
        "device": "cpu",
    }
    return build(TrainConfig, {**values, **changes})


class Memory(Unrelated):
    """Readings in memory, by scene."""

    def __init__(self, name: str, scenes: dict[str, list[Reading | None]]) -> None:
        self.name, self._readings = name, [r for rs in scenes.values() for r in rs]
        starts = np.cumsum([0, *map(len, scenes.values())])
        self.scenes = {n: range(starts[i], starts[i + 1]) for i, n in enumerate(scenes)}

    def __len__(self) -> int:
        return len(self._readings)

    def read(self, index: int) -> Reading:
        found = self._readings[index]
        if found is None:
            raise SourceError(f"cannot read {self.name} {index}")
        return found

    def problems(self) -> list[str]:
        return []


class TestTraining:
    """The trainer, with this method, from a wrong start to exact depth in metres."""

    @pytest.mark.parametrize(
        ("network", "options", "rate", "steps", "worst"),
        [
            ("fastdepth_pruned", {"output": "log_depth"}, 1e-2, 80, 0.02),
            ("fastdepth_pruned", {"output": "metres"}, 1e-2, 120, 0.02),
            ("monodepth2", {}, 2e-3, 20, 0.03),
            ("stclstm", {}, 1.5e-3, 26, 0.05),
        ],
    )
    def test_learns_an_exact_scene(
        self,
        tmp_path: Path,
        network: str,
        options: dict[str, Any],
        rate: float,
        steps: int,
        worst: float,
    ) -> None:
        config = recipe(
            tmp_path,
            network=network,
            options=options,
            steps=steps,
            optimizer={"learning_rate": rate, "encoder_share": 1, "ema": 0, "warmup_steps": 5},
            validate_every=steps,
            pictures_every=steps,
        )
        method, stage = make_method(config), config.stages[0]
        torch.manual_seed(config.seed)
        before = method.validate(method.build(), stage)
        run = run_training(config, tmp_path / "out", Options(entry=False), lambda _: None)
        after = method.validate(run.average, stage)
        assert before["pool/metric_abs_rel"] > 0.15
        assert after["pool/metric_abs_rel"] < worst
        assert after["score"] == after["pool/metric_abs_rel"]

        # What is exported means the same, by its spec and the runtime's own decoder.
        architecture = NETWORKS[network]
        part = architecture.parts(run.average, 64, 64)["depth"]
        spec = default_spec(network, architecture, part, **method.facts(stage))
        view = plane()
        mean, std = (np.float32(v) for v in (spec.mean, spec.std))
        image = torch.from_numpy((view.image / np.float32(255) - mean) / std).movedim(-1, 0)
        states = [torch.zeros(t.shape) for t in spec.inputs[1:]]
        with torch.no_grad():
            found = part.module(image[None], *states)
        raw = (found[0] if isinstance(found, tuple) else found).numpy()
        assert view.camera is not None and view.depth is not None
        depth, _, _ = Decode(spec, "image")({spec.outputs[0].name: raw}, view.camera)
        assert np.mean(np.abs(depth / view.depth - 1)) < worst + 0.02
        assert spec.metric

    def test_pictures_are_colours(self, tmp_path: Path) -> None:
        config = recipe(tmp_path)
        method = make_method(config)
        network = method.build()
        examples = method.examples(config.stages[0])
        batch = torch.utils.data.default_collate([examples[0]])
        found = method.pictures(network.eval(), batch)
        assert {"image", "depth", "truth"} == found.keys()
        assert all(p.shape[0] == 3 and 0 <= p.min() <= p.max() <= 1 for p in found.values())
        np.testing.assert_allclose(found["image"] * 255, batch["image"][0].movedim(-1, 0), atol=1)
        assert found["truth"].std() > 0.05  # a slanted plane

    def test_start_is_one_depth_everywhere(self, tmp_path: Path) -> None:
        for network, options in (("fastdepth", {"output": "log_depth"}), ("monodepth2", {})):
            config = recipe(tmp_path, network=network, options=options)
            method = make_method(config)
            network_ = method.build().eval()
            examples = method.examples(config.stages[0])
            image = torch.utils.data.default_collate([examples[0]])
            step = method.step(network_)
            with torch.no_grad():
                asked = step.asked
                log_depth = asked.log_depths(network_, asked.meaning.normalise(image["image"]))[0]
            assert torch.exp(log_depth).median().item() == pytest.approx(2.5, rel=0.3)

    def test_build_is_seeded_and_only_by_the_run(self, tmp_path: Path) -> None:
        config = recipe(tmp_path)
        states = []
        for asks_first in (False, True):
            method = make_method(config)
            torch.manual_seed(5)
            if asks_first:
                method.facts(config.stages[0])
                method.examples(config.stages[0])
            states.append(method.build().state_dict())
        for name, value in states[0].items():
            torch.testing.assert_close(value, states[1][name], rtol=0, atol=0)

    def test_without_any_loss_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="a loss with a weight above 0"):
            make_method(recipe(tmp_path, supervised=OFF))

    def test_encoder_and_head_learn_at_their_shares(self, tmp_path: Path) -> None:
        for network in ("fastdepth", "monodepth2", "stclstm"):
            config = recipe(
                tmp_path, network=network, options={}, optimizer={"encoder_share": 0.25}
            )
            method = make_method(config)
            names = [name for name, _ in method.step(method.build()).named_parameters()]
            shares = {name: method.share(name) for name in names}
            assert set(shares.values()) == {0.25, 1.0}
            assert shares[names[0]] == 0.25 and shares[names[-1]] == 1.0


class TestExamples:
    def test_are_a_function_of_seed_and_index(self, tmp_path: Path) -> None:
        """Whatever was read before, in whatever process, and however many there are."""
        config = recipe(tmp_path, augment={})
        examples = make_method(config).examples(config.stages[0])
        first = [examples[i] for i in range(6)]
        others = [
            [examples[i] for i in reversed(range(6))][::-1],
            [pickle.loads(pickle.dumps(examples))[i] for i in range(6)],
            list(torch.utils.data.DataLoader(examples, None, sampler=range(6), num_workers=2)),
        ]
        for other in others:
            for a, b in zip(first, other, strict=True):
                assert a.keys() == b.keys()
                for name in a:
                    torch.testing.assert_close(a[name], b[name], rtol=0, atol=0, equal_nan=True)
        assert not torch.equal(first[0]["image"], first[1]["image"])
        reseeded = make_method(dataclasses.replace(config, seed=1)).examples(config.stages[0])
        assert not torch.equal(first[0]["image"], reseeded[0]["image"])

    def test_a_broken_frame_is_replaced_and_counted(self, tmp_path: Path) -> None:
        config = recipe(tmp_path)
        broken = tmp_path / "pool/1.npz"
        broken.write_bytes(broken.read_bytes()[:500])
        examples = make_method(config).examples(config.stages[0])
        found = [examples[i] for i in range(40)]
        skipped = [int(e["skipped"]) for e in found]
        assert 15 < sum(skipped) < 80 and min(skipped) == 0 and max(skipped) > 1
        assert all(torch.equal(e["image"], found[0]["image"]) for e in found)
        (tmp_path / "pool/0.npz").write_bytes(b"")
        with pytest.raises(SourceError, match=r"in a row.*npz"):
            examples[0]

    def test_sources_are_drawn_by_share_and_scenes_by_weight(self) -> None:
        def colour(value: int) -> Reading:
            return Reading(np.full((2, 2, 3), value, np.uint8))

        a = Memory("a", {"long": [colour(1)] * 90, "short": [colour(2)] * 10})
        b = Memory("b", {"only": [colour(3)]})
        never = Memory("never", {"": [None]})
        mixture = Mixture([Source(a, 3.0, {"short": 2.0}), Source(b), Source(never, 0.0)])
        rng = np.random.default_rng(0)
        sources = [mixture.draw(rng) for _ in range(4000)]
        drawn = [source.data.read(source.draw(rng)).image[0, 0, 0] for source in sources]
        shares = [drawn.count(value) / 4000 for value in (1, 2, 3)]
        np.testing.assert_allclose(shares, [0.25, 0.5, 0.25], atol=0.03)

    def test_sources_that_cannot_be_drawn_from_are_named(self) -> None:
        with pytest.raises(SourceError, match="nothing is empty"):
            Source(Memory("nothing", {}))
        with pytest.raises(ConfigError, match="a share above 0"):
            Mixture([Source(Memory("a", {"": [None]}), 0.0)])
        with pytest.raises(ConfigError, match="scene_weights: expected one above 0"):
            Source(Memory("a", {"": [None]}), 1.0, {"": 0.0})


def pixels_of(example: Example) -> np.ndarray:
    """The rays (2, h, w) that the pixels of an example's truth see."""
    y, x = np.indices(example.log_depth.shape)
    return np.einsum("ij,jhw->ihw", example.rays, np.stack([x, y, np.ones_like(x)]))


class TestGeometry:
    def test_a_closer_look_is_the_same_to_the_canonical_camera(self) -> None:
        """The same pixels at twice the focal length are twice as far: one truth for both."""
        near = plane()
        assert near.depth is not None
        camera = Camera(64, 64, 2 * FOCAL, 2 * FOCAL, 31.5, 31.5)
        far = dataclasses.replace(near, depth=2 * near.depth, camera=camera)
        for config, seed in ((None, 0), (AugmentConfig(), 1), (AugmentConfig(), 2)):
            a, b = (
                make_example(reading, (64, 64), 50.0, config, np.random.default_rng(seed))
                for reading in (near, far)
            )
            np.testing.assert_allclose(a.log_depth, b.log_depth, atol=1e-5)
            assert b.log_metres - a.log_metres == pytest.approx(np.log(2), abs=1e-6)
            assert np.isfinite(a.log_depth).mean() > 0.5

    @pytest.mark.parametrize("stride", [1, 2])
    def test_rays_are_those_of_every_pixel(self, stride: int) -> None:
        """Under crops, stretches, rolls and flips the plane stays where it is."""
        config = AugmentConfig(roll_deg=40.0, aspect=1.6, zoom=0.4)
        flipped = set()
        for seed in range(12):
            rng = np.random.default_rng(seed)
            example = make_example(plane(size=128), (64, 48), 50.0, config, rng, stride)
            assert example.log_depth.shape == (48 // stride, 64 // stride)
            rays = pixels_of(example)
            metres = np.exp(example.log_depth + example.log_metres)
            known = np.isfinite(metres)
            assert known.mean() > 0.5
            expected = AWAY / (1 - TILT * rays[0])
            np.testing.assert_allclose(metres[known], expected[known], rtol=0.01)
            flipped.add(bool(example.rays[0, 0] < 0))
            area = abs(np.linalg.det(example.rays[:, :2].astype(np.float64)))
            assert example.log_metres == pytest.approx(
                np.log(stride / 50 / np.sqrt(area)), abs=1e-4
            )
        assert flipped == {True, False}

    def test_depth_of_another_size_falls_on_the_same_pixels(self) -> None:
        """A vertical edge in depth: the truth at twice the size has it at the same place."""
        image = np.zeros((48, 64, 3), np.uint8)
        camera = Camera(64, 48, 50, 50, 31.5, 23.5)
        depth = np.where(np.arange(64) < 24, 1.0, 3.0).astype(np.float32)
        small = Reading(image, np.tile(depth, (48, 1)), camera)
        large = Reading(image, np.tile(depth.repeat(2), (96, 1)), camera)
        found = [
            make_example(r, (64, 48), 50.0, None, np.random.default_rng(0), 1).log_depth
            for r in (small, large)
        ]
        np.testing.assert_array_equal(found[0], found[1])

    def test_without_a_camera_scale_is_unknown(self) -> None:
        reading = dataclasses.replace(plane(), camera=None)
        example = make_example(reading, (64, 64), 50.0, None, np.random.default_rng(0))
        assert not example.metric and example.log_metres == 0
        assert np.isnan(example.rays).all() and np.isfinite(example.log_depth).all()

    def test_without_a_canonical_camera_depth_is_metres(self, tmp_path: Path) -> None:
        config = recipe(tmp_path, supervised={"canonical_focal_px": 0})
        method, stage = make_method(config), config.stages[0]
        assert method.facts(stage) == {"metric": True}
        example = method.examples(stage)[0]
        assert example["log_metres"] == 0
        rays = pixels_of(make_example(plane(), (64, 64), None, None, np.random.default_rng(0)))
        expected = np.log(AWAY / (1 - TILT * rays[0]))
        np.testing.assert_allclose(example["log_depth"][0], expected, atol=0.02)

    def test_canonical_focal_length_keeps_the_field_of_view(self, tmp_path: Path) -> None:
        stages = [{"width": 128, "height": 96, "until": 0.5}, {"width": 256, "height": 192}]
        config = recipe(tmp_path, stages=stages)
        method = make_method(config)
        focal = [method.facts(stage)["canonical_focal_px"] for stage in config.stages]
        assert focal == pytest.approx([100.0, 200.0])


def compared(seed: int = 0, metric: Sequence[bool] = (True, True), **weights: float) -> Compared:
    """Two images of which a third is unknown; their depth is canonical up to 0.2 and -0.1."""
    g = torch.Generator().manual_seed(seed)

    def smooth(low: float, high: float) -> torch.Tensor:
        coarse = torch.rand(2, 1, 4, 5, generator=g)
        large = torch.nn.functional.interpolate(coarse, (12, 16), mode="bilinear")
        return low + (high - low) * large

    log_t = smooth(0.0, 1.5)
    log_t[torch.rand(log_t.shape, generator=g) < 0.1] = torch.nan
    rays = torch.tensor([[0.1, 0, -0.75], [0, 0.1, -0.55]]).expand(2, 2, 3)
    log_p = (smooth(0.2, 1.3)).requires_grad_()
    config = build(SupervisedConfig, {**OFF, "pairs": 200, **weights})
    far = torch.tensor([0.2, -0.1])
    return Compared(
        config, log_p, log_t, far, torch.tensor(metric), rays, smooth(0, 1).repeat(1, 3, 2, 2)
    )


def expected_losses(c: Compared) -> dict[str, Any]:
    """Each loss on inputs prepared by hand, of metric images; pairs need the seed first."""
    far = c.log_metres[:, None, None, None]
    log_p, log_t = c.log_p, c.log_t
    p, t = torch.exp(log_p + far), torch.exp(log_t + far)
    canonical_p = torch.where(torch.isfinite(log_t), torch.exp(log_p), torch.nan)
    relative = torch.nan_to_num(normalise_trimmed(canonical_p))
    y, x = np.mgrid[:12, :16]
    unit = torch.from_numpy(np.stack([0.1 * x - 0.75, 0.1 * y - 0.55, np.ones((12, 16))])).float()
    bins = losses.Bins(0.3, 30.0, 80)
    edges = torch.log(losses.bin_edges(bins)[1:]).float()[None, :, None, None]

    def pairs() -> torch.Tensor:
        return losses.random_pairs(log_t, 200)

    def ranking() -> torch.Tensor:
        drawn = pairs()
        return losses.ranking_loss(log_p, drawn, losses.relations(t, drawn))

    return {
        "l1_log": lambda: losses.l1_log(log_p, log_t),
        "si_log": lambda: losses.si_log(log_p, log_t),
        "gradient_log": lambda: losses.gradient_log(log_p, log_t),
        "l1": lambda: losses.l1(p, t),
        "berhu": lambda: losses.berhu(p, t),
        "scale_invariant": lambda: losses.scale_invariant(log_p, log_t),
        "silog": lambda: losses.silog(log_p, log_t),
        "gradient_squared_log": lambda: losses.gradient_squared_log(log_p, log_t),
        "gradient_normalised": lambda: losses.gradient_normalised(relative, t),
        "hu_depth": lambda: losses.hu_depth(p, t),
        "hu_gradient": lambda: losses.hu_gradient(p, t),
        "hu_normal": lambda: losses.hu_normal(p, t),
        "ordinal": lambda: losses.ordinal_loss((torch.log(p) - edges) / bins.step, t, bins),
        "pairwise_difference": lambda: losses.pairwise_difference(log_p, log_t, pairs()),
        "ranking": ranking,
        "structure_guided_ranking": lambda: losses.structure_guided_ranking(
            log_p, t, torch.nn.functional.avg_pool2d(c.image, 2), 33
        ),
        "normalised_regression": lambda: losses.normalised_regression(relative, t),
        "pairwise_normal": lambda: losses.pairwise_normal(p * unit, t * unit, pairs()),
    }


NAMES = tuple(expected_losses(compared()))


class TestTerms:
    def test_there_is_one_for_every_weight(self) -> None:
        texts = {f.name: f.metadata["text"] for f in dataclasses.fields(SupervisedConfig)}
        weights = {n for n, text in texts.items() if text.startswith("Weight of")}
        assert weights == {*NAMES, "distillation"}
        assert {n for n, text in texts.items() if "metric images only" in text} == ONLY_METRIC
        assert set(NAMES) == ONLY_METRIC | set(IGNORES_A_FACTOR)

    @pytest.mark.parametrize("name", NAMES)
    def test_each_weight_reaches_the_total(self, name: str) -> None:
        c = compared(**{name: 2.5})
        torch.manual_seed(3)
        found = terms(c)
        torch.manual_seed(3)
        expected = 2.5 * expected_losses(c)[name]()
        assert found.keys() == {name}
        torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-5)
        assert expected.abs() > 1e-4
        (slope,) = torch.autograd.grad(found[name], c.log_p)
        assert torch.isfinite(slope).all() and slope.abs().max() > 0

    @pytest.mark.parametrize("name", sorted(ONLY_METRIC))
    def test_images_of_unknown_scale_teach_no_scale(self, name: str) -> None:
        c = compared(metric=(False, True), **{name: 1.0})
        (slope,) = torch.autograd.grad(terms(c)[name], c.log_p)
        assert slope[0].abs().max() == 0 and slope[1].abs().max() > 0
        neither = compared(metric=(False, False), **{name: 1.0})
        (value,) = terms(neither).values()
        assert value == 0
        (slope,) = torch.autograd.grad(value, neither.log_p)
        assert (slope == 0).all()

    @pytest.mark.parametrize("name", IGNORES_A_FACTOR)
    def test_what_images_of_unknown_scale_see_ignores_a_factor(self, name: str) -> None:
        values = []
        for factor in (0.0, 0.7):
            c = compared(metric=(False, False), **{name: 1.0})
            torch.manual_seed(1)
            values.append(terms(dataclasses.replace(c, log_p=c.log_p + factor))[name])
        torch.testing.assert_close(values[0], values[1], rtol=1e-3, atol=1e-5)
        assert values[0] > 1e-4

    def test_the_step_averages_over_the_networks_scales(self, tmp_path: Path) -> None:
        config = recipe(tmp_path, network="monodepth2", options={}, supervised=OFF | {"l1": 2.0})
        method = make_method(config)
        torch.manual_seed(0)
        step = method.step(method.build())
        examples = method.examples(config.stages[0])
        batch = torch.utils.data.default_collate([examples[0], examples[1]])
        found = step(batch, 0)
        inverse = step.network(step.asked.meaning.normalise(batch["image"]))
        assert len(inverse) == 4
        far = batch["log_metres"][:, None, None, None]
        truth = torch.exp(batch["log_depth"] + far)
        each = []
        for i in inverse:
            log_depth = torch.nn.functional.interpolate(-torch.log(i), (64, 64), mode="bilinear")
            each.append(losses.l1(torch.exp(log_depth + far), truth))
        torch.testing.assert_close(found["l1"], 2 * torch.stack(each).mean())


class Constant(torch.nn.Module):
    """Log depth of 3 m everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(np.log(3.0), dtype=torch.float32))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.value.expand(len(image), 1, 32, 32)


def test_validation_knows_metric_relative_and_blind_sources(tmp_path: Path) -> None:
    """A constant on a wall at 4 m has a known error in metres, and none up to a factor."""
    config = recipe(tmp_path)
    stage, focal = config.stages[0], 50.0
    meaning = meaning_of("fastdepth", build_network("fastdepth", {"output": "log_depth"}))
    head = Head(lambda network, image: (network(image),), 2, lambda network, raw: None)
    camera = Camera(64, 64, FOCAL, FOCAL, 31.5, 31.5)
    wall = Reading(np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 4, np.float32), camera)
    relative, blind = (dataclasses.replace(wall, **{k: None}) for k in ("camera", "depth"))
    sources = {"metric": [wall, None], "relative": [relative], "blind": [blind]}
    opened = [(Memory(name, {"": rs}), config.validation[0]) for name, rs in sources.items()]
    found = Validation(opened, Network(head, meaning), config).measure(Constant(), stage, focal)
    error = abs(3 * FOCAL / focal / 4 - 1)
    assert found["metric/metric_abs_rel"] == pytest.approx(error, rel=1e-5)
    assert found["metric/abs_rel"] == pytest.approx(0, abs=1e-5)
    assert found["relative/abs_rel"] == pytest.approx(0, abs=1e-5)
    assert found["score"] == pytest.approx(error / 2, abs=1e-5)
    assert not any(name.startswith(("blind", "relative/metric")) for name in found)
    none = make_method(dataclasses.replace(config, validation=()))
    assert none.validate(Constant(), stage) == {}


class TestDistillation:
    def entry(self, folder: Path, network: torch.nn.Module, focal: float | None) -> Path:
        """The network as an entry of the zoo, for 64x64."""
        safetensors = pytest.importorskip("safetensors.torch")
        folder.mkdir()
        state = {k: v.contiguous() for k, v in network.state_dict().items()}
        safetensors.save_file(state, folder / "w.safetensors")
        architecture = NETWORKS["fastdepth_pruned"]
        part = architecture.parts(network, 64, 64)["depth"]
        facts: dict[str, Any] = {"weights": "w.safetensors", "architecture": "fastdepth_pruned"}
        facts["sha256"] = sha256(folder / "w.safetensors")
        facts["options"] = {"output": "log_depth"}
        spec = default_spec("teacher", architecture, part, canonical_focal_px=focal, **facts)
        spec.save(folder / "spec.json")
        return folder

    def test_images_without_truth_learn_the_teachers_depth(self, tmp_path: Path) -> None:
        """A student that is its teacher has nothing to learn; one of another focal length has."""
        (tmp_path / "images").mkdir()
        cv2.imwrite(str(tmp_path / "images/0.png"), plane().image)
        changes = {"sources": [{"kind": "folder", "path": "images"}], "validation": ()}
        torch.manual_seed(0)
        student = make_method(recipe(tmp_path, **changes)).build().eval()
        focal = 200 * np.sqrt(64 * 64 / (256 * 192))
        entries = {
            "same": self.entry(tmp_path / "same", student, focal),
            "twice": self.entry(tmp_path / "twice", student, 2 * focal),
            "metres": self.entry(tmp_path / "metres", student, None),
        }
        found = {}
        for name, folder in entries.items():
            losses_on = OFF | {"l1_log": 2.0, "distillation": 0.5, "teacher": str(folder)}
            config = recipe(tmp_path, supervised=losses_on, **changes)
            method = make_method(config)
            step = method.step(student).eval()
            examples = method.examples(config.stages[0])
            batch = torch.utils.data.default_collate([examples[0], examples[1]])
            assert torch.isnan(batch["log_depth"]).all()
            terms_ = step(batch, 0)
            assert terms_["l1_log"] == 0
            found[name] = terms_["distillation"].item()
            if name == "twice":
                known = {**batch, "log_depth": torch.zeros_like(batch["log_depth"])}
                assert step(known, 0)["distillation"] == 0  # it has a truth of its own
        assert found["same"] < 1e-3
        assert found["twice"] == pytest.approx(np.log(2), abs=1e-3)
        assert found["metres"] == 0  # of an unknown scale to a canonical camera

    def test_a_weight_needs_a_teacher(self, tmp_path: Path) -> None:
        for changes in ({"distillation": 1.0}, {"teacher": "fastdepth_indoor"}):
            with pytest.raises(ConfigError, match="a weight above 0 and a teacher, or neither"):
                recipe(tmp_path, supervised=changes)
