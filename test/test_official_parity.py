# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The networks against the official code, with the same random weights.

Runs where $DEPTH_ROS_OFFICIAL names a folder with checkouts of dwofk/fast-depth,
nianticlabs/monodepth2 and hkzhang-git/ST-CLSTM, each in a folder of its repository's name. Nothing
of theirs is part of this project. monodepth2 builds on torchvision's ResNet; where that is not
installed, the one that ST-CLSTM's repository brings stands in for it, so that our ResNet is
measured against code that is not ours in both cases.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from depth_ros.engines.networks import NETWORKS, Architecture, read_options  # noqa: E402
from depth_ros.engines.weights import load_state  # noqa: E402

TOLERANCE = 1e-5
CELLS = [f"R_CLSTM_{i}" for i in range(1, 10)]


def official(repository: str, *folders: str) -> Path:
    """A checkout's folder; the test is skipped where there is none."""
    base = os.environ.get("DEPTH_ROS_OFFICIAL")
    folder = Path(base or ".", repository)
    if base is None or not folder.is_dir():
        pytest.skip(f"no checkout {repository} in $DEPTH_ROS_OFFICIAL ({base})")
    return folder.joinpath(*folders)


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The official modules have names like ``layers``: they are gone after each test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    base = os.environ.get("DEPTH_ROS_OFFICIAL")
    for name, module in list(sys.modules.items()):
        if base and (getattr(module, "__file__", None) or "").startswith(base):
            del sys.modules[name]


def load(folder: Path, name: str) -> Any:
    sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def stclstm_folder() -> Path:
    return official("ST-CLSTM", "CLSTM_Depth_Estimation-master")


def stand_in_for_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import torchvision.models  # noqa: F401
    except ImportError:
        resnet = load(stclstm_folder(), "models_CLTSM.resnet")
        models = types.ModuleType("torchvision.models")
        models.__dict__.update({k: getattr(resnet, k) for k in resnet.__all__}, resnet=resnet)
        package = types.ModuleType("torchvision")
        package.models = models  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "torchvision", package)
        monkeypatch.setitem(sys.modules, "torchvision.models", models)


def randomise(network: Any, seed: int = 0, gain: float = 1.0) -> Any:
    """Random statistics and affine weights in batch norm, so that no mistake there can hide.

    ``gain`` is that of the convolutions, 2 where no shortcuts bring the signal through: values are
    to be of the order of 1 in all layers, where an absolute tolerance means something.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(values: Any, low: float, high: float) -> None:
        values.copy_(torch.rand(values.shape, generator=generator) * (high - low) + low)

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                uniform(module.running_mean, -0.3, 0.3)
                uniform(module.running_var, 0.5, 1.5)
                uniform(module.weight, 0.5, 1.2)
                uniform(module.bias, -0.3, 0.3)
            elif isinstance(module, torch.nn.Conv2d):
                fan = module.weight[0].numel()
                module.weight.normal_(0, (gain / fan) ** 0.5, generator=generator)
                if module.bias is not None:
                    uniform(module.bias, -0.2, 0.2)
    return network.eval()


def ours(architecture: Architecture, files: Mapping[str, Any], **options: Any) -> Any:
    """Our network with the weights of the official files, every key of which must fit."""
    options = {**architecture.options(files), **options}
    network = architecture.build(read_options(architecture.config, options))
    load_state(network, architecture.read(files), "the official state")
    return network.eval()


def compare(name: str, expected: Any, got: Any, record: Any) -> None:
    worst = float((expected - got).abs().max())
    print(f"{name}: {worst:.1e}, of values from {expected.min():.3g} to {expected.max():.3g}")
    record(name, worst)
    assert expected.shape == got.shape
    assert expected.std() > 1e-4  # else nothing is compared
    assert worst <= TOLERANCE


@pytest.mark.parametrize("size", [(224, 224), (96, 160)])
def test_fastdepth(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    folder = official("fast-depth")
    stand_in_for_torchvision(monkeypatch)
    theirs = load(folder, "models").MobileNetSkipAdd((224, 224), pretrained=False)
    randomise(theirs, gain=2)
    torch.nn.init.constant_(
        theirs.decode_conv6[1].bias, 2.0
    )  # the last ReLU has to let it through
    network = ours(NETWORKS["fastdepth"], {"checkpoint": theirs.state_dict()})
    image = torch.rand(2, 3, *size)
    with torch.no_grad():
        compare(f"fastdepth {size}", theirs(image), network(image), record_property)


def monodepth2_files(networks: Any, layers: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The official modules, and the files that they would be saved as."""
    encoder = networks.ResnetEncoder(layers, False)
    pose_encoder = networks.ResnetEncoder(layers, False, num_input_images=2)
    modules = {
        "encoder": encoder,
        "depth": networks.DepthDecoder(encoder.num_ch_enc, range(4)),
        "pose_encoder": pose_encoder,
        "pose": networks.PoseDecoder(pose_encoder.num_ch_enc, 1, num_frames_to_predict_for=2),
    }
    for seed, module in enumerate(modules.values()):
        randomise(module, seed)
    files = {name: dict(module.state_dict()) for name, module in modules.items()}
    files["encoder"].update(height=192, width=640, use_stereo=False)
    return modules, files


@pytest.mark.parametrize("layers", [18, 50])
def test_monodepth2(layers: int, monkeypatch: pytest.MonkeyPatch, record_property: Any) -> None:
    folder = official("monodepth2")
    stand_in_for_torchvision(monkeypatch)
    theirs, files = monodepth2_files(load(folder, "networks"), layers)
    to_depth = importlib.import_module("layers").disp_to_depth
    network = ours(NETWORKS["monodepth2" if layers == 18 else "monodepth2_r50"], files)
    for size in ((192, 640), (96, 160)):
        images = torch.rand(2, 6, *size)
        normal = (images - 0.45) / 0.225  # the official encoder does that itself
        with torch.no_grad():
            scales = theirs["depth"](theirs["encoder"](images[:, :3]))
            got = network(normal[:, :3])
            rotation, translation = theirs["pose"]([theirs["pose_encoder"](images)])
            motion = network.motion(normal)
        for s in range(4):
            disparity = scales[("disp", s)]
            assert disparity.std() > 0.01
            inverse_depth = to_depth(disparity, 0.1, 100)[0]
            compare(
                f"monodepth2 {layers} scale {s} {size}", inverse_depth, got[s], record_property
            )
        expected = torch.cat((rotation[:, 0], translation[:, 0]), 2)[:, 0]
        name = f"monodepth2 {layers} 100 * pose {size}"  # of the order of 1, as the rest
        compare(name, 100 * expected, 100 * motion, record_property)


def test_monodepth2_motion_has_the_official_direction() -> None:
    """What the official trainer warps with is our current_from_previous, or its inverse."""
    import numpy as np

    from depth_ros.odometry.rigid import inverse, small

    make = load(official("monodepth2"), "layers").transformation_from_parameters
    turn, way = torch.tensor([[[0.2, -0.1, 0.3]]]), torch.tensor([[[0.5, 0.1, -0.7]]])
    ours = small(np.r_[way.numpy().ravel(), turn.numpy().ravel()].astype(float))
    np.testing.assert_allclose(make(turn, way[:, 0])[0].numpy(), ours, atol=1e-6)
    backwards = make(turn, way[:, 0], invert=True)[0].numpy()
    np.testing.assert_allclose(backwards, inverse(ours), atol=1e-6)


def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets code that asks for a GPU in so many words run without one."""
    to = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda t, *a, **k: t if a == ("cuda",) else to(t, *a))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)


def stclstm(layers: int, cell: str, seed: int = 0) -> Any:
    """The official network."""
    folder = stclstm_folder()
    backbones = load(folder, "models_CLTSM.backbone_dict").backbone_dict
    modules = importlib.import_module("models_CLTSM.modules")
    net = importlib.import_module("models_CLTSM.net")
    wide = 4 if layers == 50 else 1
    encoder = modules.E_resnet(backbones[f"resnet{layers}"]())
    blocks = [wide * c for c in (64, 128, 256, 512)]
    return randomise(net.model(encoder, 512 * wide, blocks, cell), seed)


NAMES = {18: "stclstm", 34: "stclstm_r34", 50: "stclstm_r50"}


@pytest.mark.filterwarnings("ignore:.*upsample.* is deprecated")
@pytest.mark.parametrize(
    ("layers", "cell"), [(18, c) for c in CELLS] + [(34, "R_CLSTM_5"), (50, "R_CLSTM_5")]
)
def test_stclstm(
    layers: int, cell: str, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    theirs = stclstm(layers, cell)
    on_cpu(monkeypatch)
    state = {f"module.{k}": v for k, v in theirs.state_dict().items()}
    network = ours(NETWORKS[NAMES[layers]], {"checkpoint": state}, cell=cell)
    sizes = [(228, 304), (100, 132), (90, 126)] if cell == "R_CLSTM_5" else [(100, 132), (64, 92)]
    for size in sizes:
        clip = torch.rand(1, 3, 3, *size)
        with torch.no_grad():
            compare(f"{cell} r{layers} {size}", theirs(clip), network(clip), record_property)


@pytest.mark.filterwarnings("ignore:.*upsample.* is deprecated")
def test_stclstm_in_training(monkeypatch: pytest.MonkeyPatch, record_property: Any) -> None:
    """Batch norm sees the whole clip, of all in the batch."""
    theirs = stclstm(18, "R_CLSTM_5")
    on_cpu(monkeypatch)
    network = ours(NETWORKS["stclstm"], {"checkpoint": theirs.state_dict()}).train()
    clip = torch.rand(2, 3, 3, 100, 132)
    with torch.no_grad():
        compare("in training", theirs.train()(clip), network(clip), record_property)
    theirs_after, ours_after = theirs.state_dict(), network.state_dict()
    torch.testing.assert_close(theirs_after["E.bn1.running_var"], ours_after["E.bn1.running_var"])
