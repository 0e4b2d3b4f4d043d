# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""docs/adding_a_network.md does what it says: the page's own code, line, card and commands."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
for package in ("onnx", "openvino", "safetensors"):
    pytest.importorskip(package)

from depth_ros.cli import main  # noqa: E402
from depth_ros.config import Config, EngineConfig  # noqa: E402
from depth_ros.engines import networks  # noqa: E402
from depth_ros.engines.spec import EngineSpec  # noqa: E402
from depth_ros.engines.weights import load_network  # noqa: E402
from depth_ros.frame import Camera, Frame  # noqa: E402
from depth_ros.pipeline import make_pipeline  # noqa: E402
from depth_ros.training.cli import main as depth_train  # noqa: E402

PAGE = Path(__file__).resolve().parent.parent / "docs" / "adding_a_network.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def load(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The network's file as a module; it lies elsewhere, but says that it belongs here."""
    name = "depth_ros.engines.networks.pocket"
    assert source.startswith(f"# {name.replace('.', '/')}.py\n")
    path = folder / "pocket.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # dataclasses and get_type_hints look there
    spec.loader.exec_module(module)
    return module


def pictures(folder: Path) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    folder.mkdir()
    images = []
    for k in range(3):
        small = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
        images.append(cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC))
        cv2.imwrite(str(folder / f"{k}.png"), images[-1][..., ::-1])
    return images


def test_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPTH_ROS_ZOO", str(tmp_path / "zoo"))
    monkeypatch.setenv("DEPTH_ROS_CACHE", str(tmp_path / "cache"))
    file, line, weights = blocks("python")
    registered = eval(f"{{{line}}}", {"pocket": load(file, tmp_path, monkeypatch)})
    assert set(registered) == {"pocket"}
    for name, architecture in registered.items():
        monkeypatch.setitem(networks.NETWORKS, name, architecture)

    torch.manual_seed(0)
    exec(weights, {})
    images = pictures(tmp_path / "clip")
    (card,) = blocks("markdown")
    for command in blocks("bash")[0].splitlines():
        program, *arguments = shlex.split(command)
        assert program == "depth_cli"
        assert main(arguments) == 0, command
        if arguments[0] == "import":  # section 4: the card is completed
            written = tmp_path / "zoo/pocket/CARD.md"
            assert "pocket.pth" in written.read_text()
            written.write_text(card)

    entry = tmp_path / "zoo" / "pocket"
    kept = (entry / "CARD.md").read_text()
    assert kept.startswith(card.rstrip()) and "## Export" in kept
    assert json.loads(next((tmp_path / "out").glob("*.json")).read_text())
    check_depth(entry, images)


def test_the_recipe_of_the_page_trains_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps of it, to the entry that the page promises."""
    monkeypatch.chdir(tmp_path)
    file, line, _ = blocks("python")
    architecture = eval(f"{{{line}}}", {"pocket": load(file, tmp_path, monkeypatch)})["pocket"]
    monkeypatch.setitem(networks.NETWORKS, "pocket", architecture)
    (recipe,) = blocks("yaml")
    (tmp_path / "pocket.yaml").write_text(recipe)
    program, *arguments = shlex.split(blocks("bash")[1])
    assert program == "depth_train"
    less = ["--steps", "2", "--stages.0.batch", "2", "--validation.0.stop", "2", "--workers", "0"]
    assert depth_train([*arguments, *less, "--threads", "1"]) == 0
    spec = EngineSpec.load(tmp_path / "build/pocket/zoo/pocket/spec.json")
    assert (spec.architecture, spec.input_size) == ("pocket", (160, 120))
    card = (tmp_path / "build/pocket/zoo/pocket/CARD.md").read_text()
    assert spec.description in card and "All of these licences permit commercial use." in card


def check_depth(entry: Path, images: list[np.ndarray]) -> None:
    """The pipeline's depth is that of the torch module, by the page's own normalisation."""
    spec = EngineSpec.load(entry / "spec.json")
    assert (spec.architecture, spec.kind, Path(spec.weights).suffix) == (
        "pocket",
        "log_depth",
        ".onnx",
    )
    _, network = load_network(entry, spec)
    camera = Camera.from_fov(160, 120, 1.1)
    config = Config(engine=EngineConfig(path="pocket", precision="fp32"))
    pipeline = make_pipeline(config)
    for k, image in enumerate(images):
        result = pipeline.process(Frame(k * 33_333_333, "", image, camera))
        normal = (image / 255 - 0.5) / 0.25
        with torch.no_grad():
            log_depth = network(torch.tensor(normal.transpose(2, 0, 1)[None], dtype=torch.float32))
        expected = log_depth.exp()[0, 0].numpy()
        assert expected.std() > 1e-3
        np.testing.assert_allclose(result.depth, expected, rtol=1e-4)
    pipeline.close()


def test_the_example_is_no_network_of_ours() -> None:
    """Else the page would prove nothing."""
    assert "pocket" not in networks.NETWORKS
