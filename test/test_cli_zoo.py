# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The zoo's commands, as a user types them: import, export, add-onnx, zoo."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import write_tiny_engine

from depth_ros import share
from depth_ros.cli import main
from depth_ros.engines.spec import EngineSpec, sha256
from depth_ros.errors import EngineError

NARROW = {"encoder": [8] * 14, "decoder": [8, 8, 8, 8, 8, 1]}
OPTIONS = [f"--option={key}={json.dumps(value)}" for key, value in NARROW.items()]
Cli = Callable[..., str]


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPTH_ROS_ZOO", str(tmp_path / "zoo"))
    return tmp_path / "zoo"


@pytest.fixture
def cli(zoo: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """cli("import", ...): what depth_cli prints; EngineError with what it says when it refuses."""

    def run(*arguments: object) -> str:
        code, said = main(list(map(str, arguments))), capsys.readouterr()
        if code:
            assert code == 2 and said.err.startswith("depth_cli: ") and said.err.count("\n") == 1
            raise EngineError(said.err)
        return said.out

    return run


def fastdepth(path: Path, *, whole: bool = False) -> Any:
    """A narrow FastDepth's file in the official layout; returns the module."""
    torch = pytest.importorskip("torch")
    from depth_ros.engines.networks.fastdepth import FastDepth, FastDepthConfig

    torch.manual_seed(3)
    module = FastDepth(FastDepthConfig(encoder=(8,) * 14, decoder=(8, 8, 8, 8, 8, 1))).eval()
    with torch.no_grad():
        module.decode_conv6[1].bias.fill_(1.0)
    saved = torch.nn.DataParallel(module) if whole else module.state_dict()
    beside = {"epoch": 9, "arch": "mobilenet-nnconv5dw-skipadd"}
    torch.save({**beside, "model": saved}, path, _use_new_zipfile_serialization=False)
    return module


def loaded(folder: Path) -> dict[str, Any]:
    from depth_ros.engines.weights import load_network

    _, module = load_network(folder, EngineSpec.load(folder / "spec.json"))
    state: dict[str, Any] = module.state_dict()
    return state


def equal(state: dict[str, Any], expected: dict[str, Any]) -> None:
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        assert (state[name] == value).all(), name


@pytest.mark.parametrize("whole", [False, True])
def test_fastdepth_is_imported_exported_and_listed(
    cli: Cli, zoo: Path, tmp_path: Path, whole: bool
) -> None:
    pytest.importorskip("safetensors")
    source = tmp_path / "mobilenet-nnconv5dw-skipadd.pth.tar"
    module = fastdepth(source, whole=whole)
    said = cli("import", "fastdepth", source, "--name", "narrow", "--size", 96, 64, *OPTIONS)
    assert f"read {source}" in said and "parameters" in said and "depth_cli export narrow" in said
    spec = EngineSpec.load(zoo / "narrow" / "spec.json")
    assert spec.weights == f"narrow-{spec.sha256[:8]}.safetensors"
    assert (spec.input_size, spec.kind, spec.architecture) == ((96, 64), "metres", "fastdepth")
    assert spec.options == NARROW
    equal(loaded(zoo / "narrow"), module.state_dict())
    card = (zoo / "narrow" / "CARD.md").read_text()
    count = sum(p.numel() for p in module.parameters())
    for text in (source.name, sha256(source), "Wofk et al.", f"{count:,}", "ask the authors"):
        assert text in card
    assert "narrow" in share.engine_names()
    assert "safetensors" in cli("zoo")
    if whole:
        return  # the rest would be the same again
    pytest.importorskip("onnx")
    pytest.importorskip("openvino")
    said = cli("export", "narrow", "--dynamic")
    assert "against torch on 4 images (smooth noise" in said and "tolerance 0.0001" in said
    spec = EngineSpec.load(zoo / "narrow" / "spec.json")
    assert spec.weights.endswith(".onnx") and spec.opset == 17
    found = {k: v for k, v in loaded(zoo / "narrow").items() if "num_batches" not in k}
    equal(found, {k: module.state_dict()[k] for k in found})
    [row] = [r for r in json.loads(cli("zoo", "--json")) if r["name"] == "narrow"]
    assert (
        row["weights"] == "ONNX"
        and row["size"] == "96x64"
        and row["folder"] == str(zoo / "narrow")
    )


def monodepth2(folder: Path, *, pose: bool, stereo: bool = False) -> dict[str, Any]:
    """Monodepth2's official files in a folder; returns the state of the whole."""
    torch = pytest.importorskip("torch")
    from depth_ros.engines.networks import NETWORKS, read_options

    architecture = NETWORKS["monodepth2"]
    torch.manual_seed(4)
    state = architecture.build(read_options(architecture.config, {"pose": pose})).state_dict()
    folder.mkdir()
    classifier = {"encoder.fc.weight": torch.ones(10, 512), "encoder.fc.bias": torch.ones(10)}
    sizes = {"height": 96, "width": 320, "use_stereo": stereo}
    for stem in ("encoder", "depth", "pose_encoder", "pose")[: 4 if pose else 2]:
        own = {k.removeprefix(f"{stem}."): v for k, v in state.items() if k.startswith(f"{stem}.")}
        extra = {"encoder": {**classifier, **sizes}, "pose_encoder": classifier}.get(stem, {})
        torch.save({**own, **extra}, folder / f"{stem}.pth", _use_new_zipfile_serialization=False)
    (folder / "poses.npz").write_bytes(b"not ours")
    return dict(state)


@pytest.mark.parametrize("pose", [True, False])
def test_monodepth2s_folder_becomes_depth_and_pose(
    cli: Cli, zoo: Path, tmp_path: Path, pose: bool
) -> None:
    pytest.importorskip("safetensors")
    state = monodepth2(tmp_path / "mono", pose=pose, stereo=not pose)
    cli("import", "monodepth2", tmp_path / "mono", "--licence", "Niantic, non-commercial")
    folder = zoo / "monodepth2"
    spec = EngineSpec.load(folder / "spec.json")
    assert (spec.input_size, spec.kind) == ((320, 96), "inverse_depth")  # as encoder.pth says
    assert spec.metric is not pose and spec.licence == "Niantic, non-commercial"
    assert (spec.pose is not None) is pose
    equal(loaded(folder), state)
    if spec.pose is not None:
        assert (spec.pose.kind, spec.pose.inputs[0].shape) == ("motion", (1, 6, 96, 320))
        assert (folder / spec.pose.weights).stat().st_size > 4e7
    assert "encoder.pth" in (folder / "CARD.md").read_text()


def test_files_may_be_named_one_by_one_and_none_may_be_missing(
    cli: Cli, zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from depth_ros.engines.networks import NETWORKS
    from depth_ros.engines.zoo.importer import find_files

    architecture = NETWORKS["monodepth2"]
    names = ("encoder", "depth", "pose_encoder", "pose", "other")
    paths = {name: tmp_path / f"{name}.pth" for name in names}
    for path in paths.values():
        path.write_bytes(b"x")
    two = [paths["encoder"], paths["depth"]]
    assert find_files(architecture, two) == {"encoder": two[0], "depth": two[1]}
    assert list(find_files(architecture, [tmp_path])) == sorted(names[:4])
    for wrong in ([paths["encoder"]], [*two, paths["other"]]):
        with pytest.raises(EngineError, match="files to import: expected encoder, depth"):
            find_files(architecture, wrong)
    with pytest.raises(EngineError, match="expected one file"):
        find_files(NETWORKS["fastdepth"], two)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(EngineError, match="no PyTorch file"):  # it was found
        cli("import", "fastdepth", "~/depth.pth")
    with pytest.raises(EngineError, match=r"no file .*nowhere"):
        cli("import", "fastdepth", "~/nowhere.pth")


def test_weights_of_another_network_are_listed_and_nothing_is_written(
    cli: Cli, zoo: Path, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    source = tmp_path / "a.pth.tar"
    state = fastdepth(source).state_dict()
    with pytest.raises(
        EngineError, match=r"does not fit FastDepth.*other shapes: conv0\.0\.weight"
    ):
        cli("import", "fastdepth", source)
    del state["conv3.1.weight"]
    torch.save({"model": {**state, "extra": torch.ones(1)}}, source)
    with pytest.raises(EngineError, match=r"missing: conv3\.1\.weight; unexpected: extra"):
        cli("import", "fastdepth", source, *OPTIONS)
    assert not zoo.exists() or list(zoo.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("slowdepth",), "network: expected one of fastdepth"),
        (("fastdepth", "--option", "depth=3"), "options of the network"),
        (("fastdepth", "--option", "depth"), "expected KEY=VALUE"),
        (("fastdepth", "--name", "../up"), "name of the entry"),
        (("fastdepth", "--name", "fastdepth_indoor"), "is shipped with depth_ros"),
        (("fastdepth", "--size", "90", "60", *OPTIONS), "multiples of 32, got 90x60"),
    ],
)
def test_wrong_imports(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    source = tmp_path / "a.pth.tar"
    fastdepth(source)
    with pytest.raises(EngineError, match=message):
        cli("import", arguments[0], source, *arguments[1:])


def write_images(folder: Path, count: int = 3) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        small = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), cv2.resize(small, (80, 60)))
    return folder


def test_export_compares_on_real_frames_into_another_folder(
    cli: Cli, zoo: Path, tmp_path: Path
) -> None:
    pytest.importorskip("safetensors")
    pytest.importorskip("onnx")
    pytest.importorskip("openvino")
    source = tmp_path / "a.pth.tar"
    fastdepth(source)
    cli("import", "fastdepth", source, "--name", "narrow", "--size", 64, 64, *OPTIONS)
    before = (zoo / "narrow" / "spec.json").read_text()
    images = write_images(tmp_path / "room")
    said = cli("export", "narrow", "--images", images, "--out", tmp_path / "out", "--size", 96, 64,
               "--tolerance", 0.01, "--opset", 18)  # fmt: skip
    assert "on 3 images (first of room)" in said and "tolerance 0.01" in said
    spec = EngineSpec.load(tmp_path / "out" / "spec.json")
    assert (spec.network, spec.input_size, spec.opset) == ("out", (96, 64), 18)
    assert (zoo / "narrow" / "spec.json").read_text() == before
    with pytest.raises(EngineError, match="exported depth network: expected within 0 of torch"):
        cli("export", "narrow", "--tolerance", 0)
    assert (zoo / "narrow" / "spec.json").read_text() == before
    with pytest.raises(EngineError, match="no source"):
        cli("export", "narrow", "--images", tmp_path / "nothing")
    with pytest.raises(EngineError, match="expected 2 or more, got 1"):
        cli("export", "narrow", "--images", write_images(tmp_path / "one", 1))


def test_export_of_what_is_no_network_of_ours(cli: Cli, zoo: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(EngineError, match="unknown network"):
        cli("export", "nothing")
    folder = write_tiny_engine(tmp_path / "tiny")
    with pytest.raises(EngineError, match="torch module of tiny: expected an architecture"):
        cli("export", folder)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(b"x")
    with pytest.raises(EngineError, match="Name it by --out"):
        cli("export", checkpoint)
    with pytest.raises(EngineError, match="no PyTorch file"):
        cli("export", checkpoint, "--out", tmp_path / "out")


def test_an_onnx_file_is_added(cli: Cli, zoo: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = write_tiny_engine(tmp_path / "tiny") / "tiny.onnx"
    images = write_images(tmp_path / "room", 1)
    flags = ("--kind", "metres", "--metric", "--mean", 0, 0, 0, "--std", 1, 1, 1)
    said = cli("add-onnx", path, *flags, "--images", images, "--licence", "MIT")
    assert "image (1, 3, 48, 64) -> depth (1, 1, 48, 64)" in said
    assert "ran on 1 images (first of room)" in said and "--engine.path tiny" in said
    spec = EngineSpec.load(zoo / "tiny" / "spec.json")
    assert (spec.kind, spec.metric, spec.licence) == ("metres", True, "MIT")
    assert sha256(path) == spec.sha256
    card = (zoo / "tiny" / "CARD.md").read_text()
    assert sha256(path) in card and "first of room" in card


def test_a_spec_file_says_the_same_and_flags_override_it(
    cli: Cli, zoo: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    path = write_tiny_engine(tmp_path / "tiny") / "tiny.onnx"
    said = {"kind": "disparity", "baseline_m": 0.2, "metric": True, "color": "bgr",
            "mean": [0, 0, 0], "std": [1, 1, 1], "description": "A test."}  # fmt: skip
    (tmp_path / "said.json").write_text(json.dumps(said))
    cli("add-onnx", path, "--spec", tmp_path / "said.json", "--name", "x", "--no-metric",
        "--baseline", 0.4)  # fmt: skip
    spec = EngineSpec.load(zoo / "x" / "spec.json")
    assert (spec.kind, spec.baseline_m, spec.metric, spec.color) == (
        "disparity",
        0.4,
        False,
        "bgr",
    )
    assert "A test." in (zoo / "x" / "CARD.md").read_text()
    for text, message in (
        ('{"kin": 1}', "keys of"),
        ('{"sha256": ""}', "keys of"),
        ("[]", "keys of"),
        ("{", "cannot read"),
        ('{"kind": "metres"}', "expected --mean, --std, got nothing.*ImageNet's mean 0.485"),
        ('{"kind": "metres", "mean": 3, "std": [1, 1, 1]}', "mean: expected three numbers, got 3"),
    ):
        (tmp_path / "said.json").write_text(text)
        with pytest.raises(EngineError, match=message):
            cli("add-onnx", path, "--spec", tmp_path / "said.json")


def test_the_table_shows_both_zoos_broken_entries_and_clashes(cli: Cli, zoo: Path) -> None:
    lines = cli("zoo").splitlines()
    assert lines[0].split()[:4] == ["name", "network", "size", "kind"]
    [line] = [line for line in lines if line.startswith("fastdepth_indoor")]
    assert " 256x192 " in line and " log_depth " in line and line.endswith("fastdepth_indoor")
    (zoo / "broken").mkdir(parents=True)
    (zoo / "broken" / "spec.json").write_text("{")
    shutil.copytree(share.share_dir() / "engines" / "fastdepth_indoor", zoo / "fastdepth_indoor")
    text = cli("zoo")
    assert "fastdepth_indoor: two entries have this name" in text
    assert text.count("\nfastdepth_indoor ") == 2 and "broken" in text
    rows = json.loads(cli("zoo", "--json"))
    assert "cannot read" in next(r for r in rows if r["name"] == "broken")["error"]
