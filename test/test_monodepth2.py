# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Monodepth2: the published sizes, the official files, scales, padding, both engines."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from depth_ros.engines.networks import NETWORKS, default_spec, read_options  # noqa: E402
from depth_ros.engines.networks.monodepth2 import Monodepth2, Monodepth2Config  # noqa: E402
from depth_ros.engines.networks.monodepth2_decoders import Conv3x3  # noqa: E402
from depth_ros.engines.spec import EngineSpec  # noqa: E402
from depth_ros.engines.weights import load_state  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402

ARCHITECTURE = NETWORKS["monodepth2"]


@pytest.fixture(scope="module")
def network() -> Monodepth2:
    torch.manual_seed(3)
    made = Monodepth2().eval()
    with torch.no_grad():  # so that no scale is nearly constant
        for head in made.depth.decoder[10:]:
            head.conv.weight.mul_(3)
    return made


def official_files(network: Monodepth2) -> dict[str, dict[str, Any]]:
    """The four files as the official code writes them, with what it adds."""
    files: dict[str, dict[str, Any]] = {}
    for key, value in network.state_dict().items():
        stem, _, rest = key.partition(".")
        files.setdefault(stem, {})[rest] = value.clone()
    for stem in {"encoder", "pose_encoder"} & files.keys():
        files[stem]["encoder.fc.weight"] = torch.rand(1000, 512)
        files[stem]["encoder.fc.bias"] = torch.rand(1000)
    files["encoder"].update(height=192, width=640, use_stereo=False)
    return files


def test_has_the_published_number_of_parameters(network: Monodepth2) -> None:
    counts = {name: sum(p.numel() for p in m.parameters()) for name, m in network.named_children()}
    fc = 512 * 1000 + 1000
    assert counts["encoder"] + fc == 11_689_512
    assert counts["pose_encoder"] + fc == 11_689_512 + 3 * 64 * 49  # three more channels
    assert round(counts["depth"] / 1e6, 3) == 3.153
    assert round(counts["pose"] / 1e6, 3) == 1.315


def test_state_has_the_official_keys_behind_the_files_names(network: Monodepth2) -> None:
    state = {k: tuple(v.shape) for k, v in network.state_dict().items()}
    assert state["encoder.encoder.conv1.weight"] == (64, 3, 7, 7)
    assert state["depth.decoder.0.conv.conv.weight"] == (256, 512, 3, 3)
    assert state["depth.decoder.1.conv.conv.weight"] == (256, 512, 3, 3)
    assert state["depth.decoder.9.conv.conv.weight"] == (16, 16, 3, 3)
    assert [state[f"depth.decoder.{i}.conv.weight"][1] for i in range(10, 14)] == [16, 32, 64, 128]
    assert state["pose_encoder.encoder.conv1.weight"] == (64, 6, 7, 7)
    assert [state[f"pose.net.{i}.weight"][:2] for i in range(4)] == [
        (256, 512),
        (256, 256),
        (256, 256),
        (12, 256),
    ]


def test_official_files_are_read_and_nothing_else_is_dropped(network: Monodepth2) -> None:
    files = official_files(network)
    assert ARCHITECTURE.options(files) == {}
    state = ARCHITECTURE.read(files)
    other = Monodepth2()
    load_state(other, state, "files")
    for key, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key
    for stem, stray in (("encoder", "stray"), ("depth", "height"), ("pose_encoder", "height")):
        bad = {k: dict(v) for k, v in files.items()}
        bad[stem][stray] = torch.ones(1)
        with pytest.raises(EngineError, match=rf"{stem}\.{stray}"):
            load_state(other, ARCHITECTURE.read(bad), "files")
    del files["depth"]["decoder.13.conv.bias"]
    with pytest.raises(EngineError, match=r"depth\.decoder\.13\.conv\.bias"):
        load_state(other, ARCHITECTURE.read(files), "files")


def test_files_without_pose_make_a_network_without() -> None:
    files = official_files(Monodepth2(Monodepth2Config(pose=False)))
    assert set(files) == {"encoder", "depth"}
    assert ARCHITECTURE.options(files) == {"pose": False}
    config = read_options(ARCHITECTURE.config, ARCHITECTURE.options(files))
    made = ARCHITECTURE.build(config)
    load_state(made, ARCHITECTURE.read(files), "files")
    assert set(ARCHITECTURE.parts(made, 640, 192)) == {"depth"}


def test_stereo_files_are_metric_and_their_unit_is_known() -> None:
    files = {"encoder": {"use_stereo": True}, "depth": {}, "pose_encoder": {}, "pose": {}}
    options = ARCHITECTURE.options(files)
    assert options == {"unit_m": 5.4}
    parts = ARCHITECTURE.parts(Monodepth2(Monodepth2Config(**options)), 96, 64)
    depth = default_spec("m", ARCHITECTURE, parts["depth"])
    pose = default_spec("p", ARCHITECTURE, parts["pose"])
    assert depth.metric and pose.metric
    assert depth.gain == pytest.approx(1 / 5.4)  # of inverse depth: 5.4 times as far
    assert pose.gain == 5.4
    plain = ARCHITECTURE.parts(Monodepth2(), 96, 64)
    assert not default_spec("m", ARCHITECTURE, plain["depth"]).metric


def test_the_spec_knows_the_smallest_image(tmp_path: Path) -> None:
    """Below it, mirrored borders do not exist, and libraries say so only while they run."""
    part = ARCHITECTURE.parts(Monodepth2(Monodepth2Config(pose=False)), 96, 64)["depth"]
    default_spec("m", ARCHITECTURE, part).save(tmp_path / "spec.json")
    spec = EngineSpec.load(tmp_path / "spec.json")
    assert spec.resized(64, 64).input_size == (64, 64)
    for size in ((32, 64), (64, 32)):
        with pytest.raises(EngineError, match="multiples of 32 and at least 64, as in 96x64"):
            spec.resized(*size)


@pytest.mark.parametrize("size", [(96, 160), (64, 64)])
def test_training_gives_four_scales_and_the_engine_the_first(
    network: Monodepth2, size: tuple[int, int]
) -> None:
    image = torch.randn(2, 3, *size)
    part = ARCHITECTURE.parts(network, size[1], size[0])["depth"]
    with torch.no_grad():
        scales = network(image)
        (deployed,) = (part.module(image),)
    assert [s.shape for s in scales] == [(2, 1, size[0] >> k, size[1] >> k) for k in range(4)]
    assert torch.equal(deployed, scales[0])
    for scale in scales:
        assert scale.min() >= 0.01 and scale.max() <= 10  # 1 / 100 m to 1 / 0.1 m
        assert scale.std() > 0.01


def test_range_follows_the_config() -> None:
    config = Monodepth2Config(min_depth=0.5, max_depth=20.0, scales=(0,), pose=False)
    made = Monodepth2(config).eval()
    for bias, expected in ((-99.0, 1 / 20), (99.0, 1 / 0.5), (0.0, (1 / 20 + 1 / 0.5) / 2)):
        with torch.no_grad():
            made.depth.decoder[10].conv.weight.zero_()
            made.depth.decoder[10].conv.bias.fill_(bias)
            (out,) = made(torch.rand(1, 3, 64, 64))
        torch.testing.assert_close(out, torch.full_like(out, expected))


def test_convolutions_see_the_mirrored_border() -> None:
    conv = Conv3x3(1, 1)
    with torch.no_grad():
        conv.conv.weight.zero_()
        conv.conv.weight[0, 0, 0, 0] = 1  # the pixel above, to the left
        conv.conv.bias.zero_()
    image = torch.arange(12.0).view(1, 1, 3, 4)
    padded = np.pad(image[0, 0].numpy(), 1, mode="reflect")
    assert np.array_equal(conv(image)[0, 0].detach().numpy(), padded[:-2, :-2])


def test_images_too_small_to_mirror_are_refused(network: Monodepth2) -> None:
    with pytest.raises(EngineError, match="at least 64x64"):
        ARCHITECTURE.parts(network, 96, 32)


def test_pose_is_a_hundredth_of_the_mean_over_the_image(network: Monodepth2) -> None:
    pair = torch.randn(2, 6, 96, 160)
    part = ARCHITECTURE.parts(network, 160, 96)["pose"]
    with torch.no_grad():
        motion = network.motion(pair)
        assert torch.equal(part.module(pair), motion)
        assert not torch.allclose(network.motion(pair.roll(3, 1)), motion)  # the order matters
        last = network.pose.net[3]
        kept = last.weight.clone(), last.bias.clone()
        last.weight.zero_()
        last.bias.copy_(torch.arange(12.0))
        constant = network.motion(pair)
        last.weight.copy_(kept[0])
        last.bias.copy_(kept[1])
    assert motion.shape == (2, 6)
    torch.testing.assert_close(constant, torch.arange(6.0).expand(2, 6) / 100)


def test_specs_of_both_engines(network: Monodepth2) -> None:
    parts = ARCHITECTURE.parts(network, *ARCHITECTURE.size)
    depth = default_spec("m", ARCHITECTURE, parts["depth"])
    pose = default_spec("p", ARCHITECTURE, parts["pose"])
    spec = dataclasses.replace(depth, pose=pose)
    assert spec.input_size == (640, 192) and spec.size_multiple == 32
    assert (spec.kind, spec.metric, spec.gain) == ("inverse_depth", False, 1.0)
    assert (pose.kind, pose.gain) == ("motion", 1.0)
    assert spec.mean == pose.mean == (0.45,) * 3 and spec.std == pose.std == (0.225,) * 3
    assert math.prod(pose.outputs[0].shape) == 6
    assert spec.resized(320, 96).pose.inputs[0].shape == (1, 6, 96, 320)


@pytest.mark.parametrize(
    "options",
    [{"layers": 34}, {"scales": [1, 2]}, {"scales": [0, 4]}, {"min_depth": 200.0}, {"unit_m": 0}],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(EngineError):
        read_options(ARCHITECTURE.config, options)


@pytest.mark.parametrize("part", ["depth", "pose"])
def test_onnx_of_any_size_equals_torch(network: Monodepth2, part: str, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from depth_ros.engines.export import to_onnx

    parts = ARCHITECTURE.parts(network, 96, 64)
    path = tmp_path / "m.onnx"
    to_onnx(network, parts, part, path, dynamic=True)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    channels = parts[part].inputs[0].shape[1]
    for shape in ((1, channels, 64, 96), (2, channels, 96, 128)):
        image = torch.randn(*shape)
        with torch.no_grad():
            expected = parts[part].module(image).numpy()
        (got,) = session.run(None, {parts[part].inputs[0].name: image.numpy()})
        assert expected.std() > 1e-5
        np.testing.assert_allclose(got, expected, atol=1e-5)
