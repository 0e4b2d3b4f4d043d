# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a network may start from, and what is said of weights that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

from torch import Tensor, nn  # noqa: E402

from depth_ros.engines.networks import NETWORKS, default_spec  # noqa: E402
from depth_ros.engines.networks.resnet import ResNet  # noqa: E402
from depth_ros.engines.spec import sha256  # noqa: E402
from depth_ros.errors import ConfigError, EngineError  # noqa: E402
from depth_ros.training.config import StartConfig  # noqa: E402
from depth_ros.training.methods.common import build_network  # noqa: E402
from depth_ros.training.start import load_start  # noqa: E402


def network(seed: int, name: str = "fastdepth_pruned", **options: object) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(name, options)


def no_images() -> Iterator[Tensor]:
    raise AssertionError("images were asked for")


def differing(a: nn.Module, b: nn.Module) -> set[str]:
    """The names of the tensors that are not equal."""
    other = b.state_dict()
    return {k for k, v in a.state_dict().items() if not torch.equal(v, other[k])}


def with_statistics(module: nn.Module) -> nn.Module:
    """As after training: batch norms that have seen something."""
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.running_mean, 0.1, 0.5)
            nn.init.uniform_(m.running_var, 0.5, 2.0)
    return module


def entry(folder: Path, name: str, module: nn.Module) -> Path:
    """A zoo entry in safetensors."""
    folder.mkdir()
    safetensors_torch.save_file(
        {k: v.contiguous() for k, v in module.state_dict().items()}, folder / "w.safetensors"
    )
    architecture = NETWORKS[name]
    part = architecture.parts(module, 64, 64)["depth"]
    facts = {"weights": "w.safetensors", "sha256": sha256(folder / "w.safetensors")}
    default_spec("mine", architecture, part, architecture=name, **facts).save(folder / "spec.json")
    return folder


def test_nothing_named_changes_nothing(tmp_path: Path) -> None:
    a = network(0)
    load_start(a, StartConfig(), tmp_path, no_images)
    assert not differing(a, network(0))


def test_an_entry_gives_all_its_weights(tmp_path: Path) -> None:
    trained = with_statistics(network(1))
    folder = entry(tmp_path / "zoo_entry", "fastdepth_pruned", trained)
    a = network(0)
    load_start(a, StartConfig(entry=str(folder)), tmp_path, no_images)
    assert not differing(a, trained)


def test_folded_batch_norms_learn_again_and_the_output_stays(tmp_path: Path) -> None:
    """A file whose statistics are 0 and 1; images give them back, and nothing else changes."""
    trained = network(1, output="log_depth")
    for module in trained.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -0.2, 0.2)  # what folding leaves of a batch norm
    folder = entry(tmp_path / "folded", "fastdepth_pruned", trained)
    a = network(0, output="log_depth")
    torch.manual_seed(2)
    images = [torch.randn(2, 3, 64, 64) for _ in range(3)]
    load_start(a, StartConfig(entry=str(folder)), tmp_path, lambda: images)
    with torch.no_grad():
        expected = trained.eval()(images[0])
        torch.testing.assert_close(a.eval()(images[0]), expected, rtol=1e-3, atol=1e-4)
    seen = a.get_submodule("conv0.0")(torch.cat(images))
    norm = a.get_submodule("conv0.1")
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)
    assert a.get_submodule("decode_conv6.1").running_mean == 0  # a head of log depth stands still


def test_a_checkpoint_gives_its_average_or_parts_of_it(tmp_path: Path) -> None:
    trained = with_statistics(network(1))
    path = tmp_path / "checkpoint.pt"
    saved = {"network": "fastdepth_pruned", "config": {"steps": 3, "stages": ({"width": 4},)}}
    live = network(2).state_dict()
    torch.save({**saved, "state": trained.state_dict(), "live": live, "step": 7}, path)
    a = network(0)
    load_start(a, StartConfig(checkpoint=str(path)), tmp_path, no_images)
    assert not differing(a, trained)

    b = with_statistics(network(0))
    load_start(
        b, StartConfig(checkpoint=str(path), parts=("conv", "decode_conv1.")), tmp_path, no_images
    )
    assert all(k.startswith(("decode_conv2", "decode_conv3", "decode_conv4", "decode_conv5",
        "decode_conv6")) for k in differing(b, trained))  # fmt: skip
    assert any(k.startswith("decode_conv2") for k in differing(b, trained))


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"state": network(1, "fastdepth").state_dict()}, path)
    whole = StartConfig(checkpoint=str(path))
    with pytest.raises(EngineError, match=r"conv0\.0\.weight: \(32, 3, 3, 3\), expected \(16, 3"):
        load_start(network(0), whole, tmp_path, no_images)
    parts = StartConfig(checkpoint=str(path), parts=("conv0.", "nose."))
    with pytest.raises(EngineError, match=r"no such part: nose\.; other shapes: conv0\.0\.weight"):
        load_start(network(0), parts, tmp_path, no_images)
    with pytest.raises(ConfigError, match="entry or checkpoint, got both"):
        load_start(network(0), StartConfig(entry="a", checkpoint="b"), tmp_path, no_images)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_resnet_of_torchvision_starts_every_encoder(tmp_path: Path, suffix: str) -> None:
    """Two stacked images that are equal give the features of one; the classifier is left out."""
    torch.manual_seed(4)
    resnet = with_statistics(ResNet(18)).eval()
    state = resnet.state_dict() | {
        "fc.weight": torch.zeros(1000, 512),
        "fc.bias": torch.zeros(1000),
    }
    path = tmp_path / f"resnet18{suffix}"
    save = safetensors_torch.save_file if suffix == ".safetensors" else torch.save
    save(state, path)
    a = network(0, "monodepth2").eval()
    load_start(a, StartConfig(encoder=path.name), tmp_path, no_images)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = resnet(image)
        pairs = a.get_submodule("pose_encoder.encoder")(torch.cat([image, image], 1))
        for features in (a.get_submodule("encoder.encoder")(image), pairs):
            for found, right in zip(features, expected, strict=True):
                torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-4)

    b, untouched = network(0, "monodepth2"), network(0, "monodepth2")
    load_start(b, StartConfig(encoder=path.name, parts=("encoder.",)), tmp_path, no_images)
    assert {k.split(".")[0] for k in differing(b, untouched)} == {"encoder"}

    c = network(0, "stclstm")
    load_start(c, StartConfig(encoder=path.name), tmp_path, no_images)
    torch.testing.assert_close(
        c.get_submodule("E").state_dict()["conv1.weight"], state["conv1.weight"]
    )


def test_encoders_of_other_networks_are_refused(tmp_path: Path) -> None:
    safetensors_torch.save_file(ResNet(18).state_dict(), tmp_path / "r18.safetensors")
    start = StartConfig(encoder="r18.safetensors")
    with pytest.raises(EngineError, match=r"expected a ResNet, got none.*\.tflite"):
        load_start(network(0), start, tmp_path, no_images)
    with pytest.raises(EngineError, match=r"layer1\.0\.conv1\.weight"):
        load_start(network(0, "monodepth2_r50"), start, tmp_path, no_images)
    with pytest.raises(EngineError, match=r"expected a MobileNet, got none"):
        load_start(network(0, "monodepth2"), StartConfig(encoder="m.tflite"), tmp_path, no_images)
    with pytest.raises(EngineError, match=r"gone\.safetensors"):
        load_start(network(0), StartConfig(encoder="gone.safetensors"), tmp_path, no_images)


def test_a_checkpoint_that_wants_to_run_code_is_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    path = tmp_path / "bad.pt"
    torch.save({"state": Payload()}, path)
    with pytest.raises(EngineError, match="run"):
        load_start(network(0), StartConfig(checkpoint=str(path)), tmp_path, no_images)
    assert not (tmp_path / "ran").exists()
