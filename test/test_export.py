# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Export: the file computes what torch computes, keeps its names, and the runtime opens it."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("openvino")

from depth_ros.cli.shared import noise_images, prepared  # noqa: E402
from depth_ros.decode import Decode  # noqa: E402
from depth_ros.engines import EngineSpec, open_engine  # noqa: E402
from depth_ros.engines import export as exporting  # noqa: E402
from depth_ros.engines.export import Exportable, export, from_checkpoint, from_entry  # noqa: E402
from depth_ros.engines.networks import NETWORKS, Architecture, Part  # noqa: E402
from depth_ros.engines.networks.fastdepth import FastDepth, FastDepthConfig  # noqa: E402
from depth_ros.engines.spec import TensorSpec  # noqa: E402
from depth_ros.engines.weights import load_network, state_of  # noqa: E402
from depth_ros.engines.zoo.importer import spec_of_parts  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402
from depth_ros.frame import Camera  # noqa: E402
from depth_ros.preprocess import ToInput  # noqa: E402

ZOO = Path(__file__).resolve().parent.parent / "engines"
OPTIONS = {
    "encoder": (8, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16, 16),
    "decoder": (16, 16, 8, 8, 8, 1),
    "output": "log_depth",
}


def tiny(size: tuple[int, int] = (96, 64)) -> Exportable:
    """A narrow FastDepth of random weights and statistics, so that all of them matter."""
    architecture = NETWORKS["fastdepth"]
    torch.manual_seed(0)
    module = FastDepth(FastDepthConfig(**OPTIONS)).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.ndim == 4:
                torch.nn.init.kaiming_normal_(value)
            elif "running_mean" in name or "bias" in name:
                value.normal_(0, 0.1)
            elif "running_var" in name:
                value.uniform_(0.5, 1.5)
    facts = {"architecture": "fastdepth", "options": OPTIONS, "canonical_focal_px": 75.0}
    spec = spec_of_parts("trial", architecture, architecture.parts(module, *size), facts)
    return Exportable(architecture, module, spec, None)


def images(item: Exportable) -> list[Any]:
    width, height = item.spec.input_size
    return [prepared(item.spec, image).copy() for image in noise_images(width, height, 3)]


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of tiny(), exported for any size."""
    folder = tmp_path_factory.mktemp("zoo") / "trial"
    item = tiny()
    export(item, folder, images(item), dynamic=True)
    return folder


def check_names(item: Exportable, folder: Path, dims: list[int]) -> None:
    """The ONNX file has the module's tensors under their names, unfolded, for any batch."""
    spec = EngineSpec.load(folder / "spec.json")
    model = onnx.load(folder / spec.weights)
    kinds = [node.op_type for node in model.graph.node]
    assert (kinds.count("BatchNormalization"), kinds.count("Conv")) == (38, 37)
    assert "Identity" not in kinds
    assert model.opset_import[0].version == spec.opset
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in shape] == dims and shape[0].dim_param == "batch"
    own = {k: v for k, v in item.module.state_dict().items() if "num_batches" not in k}
    state = state_of(folder / spec.weights)
    assert state.keys() == own.keys()
    assert all(torch.equal(state[k], v) for k, v in own.items())
    _, module = load_network(folder, spec)
    image = torch.from_numpy(images(item)[0])
    with torch.no_grad():
        assert torch.equal(module(image), item.module(image))


def test_an_exported_entry_runs_in_the_runtime(tmp_path: Path) -> None:
    item, said = tiny(), []
    spec, difference = export(item, tmp_path / "trial", images(item), say=said.append)
    assert difference <= exporting.TOLERANCE and f"{difference:.2e}" in said[0]
    assert "OpenVINO fp32 against torch on 3 images (smooth noise)" in said[0]
    assert names(tmp_path / "trial") == ["CARD.md", "spec.json", f"trial-{spec.sha256[:8]}.onnx"]
    card = (tmp_path / "trial" / "CARD.md").read_text()
    assert "## Export" in card and "opset 17" in card
    assert spec.opset == exporting.OPSET == 17
    check_names(item, tmp_path / "trial", [0, 3, 64, 96])
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    for backend in ("openvino", "onnxruntime"):
        pytest.importorskip(backend)
        engine = open_engine(tmp_path / "trial", backend, precision="fp32")
        to_input = ToInput(engine.spec)(image)
        with torch.no_grad():
            expected = item.module.forward_half(torch.from_numpy(to_input["image"])).numpy()
        outputs = engine.infer(to_input)
        assert expected.std() > 0.01
        np.testing.assert_allclose(outputs["log_depth"], expected, atol=1e-4)
        camera = Camera(160, 120, 150, 150, 79.5, 59.5)
        depth, _, _ = Decode(engine.spec, "network")(outputs, camera)
        scale = camera.scaled(96, 64).focal / 75.0
        np.testing.assert_allclose(depth, np.exp(expected[0, 0]) * scale, rtol=1e-3)
        engine.close()


def test_a_dynamic_file_runs_at_other_sizes_and_is_exported_again(
    dynamic: Path, tmp_path: Path
) -> None:
    item = tiny()
    check_names(item, dynamic, [0, 3, 0, 0])
    engine = open_engine(dynamic, "openvino", precision="fp32", size=(128, 96))
    image = np.random.default_rng(0).random((1, 3, 96, 128), np.float32)
    with torch.no_grad():
        expected = item.module.forward_half(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(engine.infer({"image": image})["log_depth"], expected, atol=1e-4)
    engine.close()
    again = from_entry(dynamic, (128, 96))
    assert again.spec.input_size == (128, 96) and again.spec.canonical_focal_px == 75.0
    spec, _ = export(again, tmp_path / "b", images(again), opset=18)
    engine = open_engine(tmp_path / "b", "openvino", precision="fp32")
    assert (engine.spec, spec.opset) == (spec, 18)
    np.testing.assert_allclose(engine.infer({"image": image})["log_depth"], expected, atol=1e-4)
    engine.close()
    with pytest.raises(EngineError, match="multiples of 32"):
        from_entry(dynamic, (100, 96))


class Leaky(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Recurrent: a running mean of grey images; and a pose network of the pair's difference."""

    def __init__(self, forgets: bool = False) -> None:
        super().__init__()
        self.mix = torch.nn.Conv2d(3, 1, 1)
        self.turn = torch.nn.Linear(3, 6)
        self.spare = torch.nn.Parameter(torch.arange(3.0))  # only training uses it
        self.config = LeakyConfig()
        self.forgets = forgets


@dataclasses.dataclass(frozen=True)
class LeakyConfig:
    pose: bool = True


class LeakyDepth(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, whole: Leaky) -> None:
        super().__init__()
        self.blend, self.forgets = whole.mix, whole.forgets  # another name than in the whole

    def forward(self, image: Any, mean: Any) -> Any:
        mean = 0.5 * mean + torch.sigmoid(self.blend(image))
        return 1 + mean, mean * (0.9 if self.forgets and torch.onnx.is_in_onnx_export() else 1)


class LeakyPose(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, whole: Leaky) -> None:
        super().__init__()
        self.turn = whole.turn

    def forward(self, images: Any) -> Any:
        return self.turn((images[:, 3:] - images[:, :3]).mean((2, 3)))


def leaky_parts(whole: Any, width: int, height: int) -> dict[str, Part]:
    def tensor(name: str, channels: int) -> TensorSpec:
        return TensorSpec(name, (1, channels, height, width))

    facts = {"kind": "metres", "metric": True, "states": (("mean", "mean_next"),)}
    depth = Part(
        LeakyDepth(whole),
        (tensor("image", 3), tensor("mean", 1)),
        (tensor("depth", 1), tensor("mean_next", 1)),
        facts,
    )
    motion = (TensorSpec("motion", (1, 6)),)
    facts = {"kind": "motion", "metric": True}
    pose = Part(LeakyPose(whole), (tensor("images", 6),), motion, facts)
    return {"depth": depth, "pose": pose}


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exportable]:
    architecture = Architecture(
        LeakyConfig(), lambda _: Leaky(), leaky_parts, (64, 48), 16, "none, 2026"
    )
    monkeypatch.setitem(NETWORKS, "leaky", architecture)
    torch.manual_seed(1)
    module = Leaky().eval()
    parts = leaky_parts(module, 64, 48)
    spec = spec_of_parts("leaky", architecture, parts, {"architecture": "leaky"})
    yield Exportable(architecture, module, spec, None)


@pytest.mark.parametrize("dynamic", [False, True])
def test_states_and_pose_are_exported_and_compared_over_several_frames(
    leaky: Exportable, tmp_path: Path, dynamic: bool
) -> None:
    spec, _ = export(leaky, tmp_path, images(leaky), dynamic=dynamic)
    assert spec.states == (("mean", "mean_next"),) and spec.pose is not None
    assert spec.pose.weights.startswith("leaky_pose-") and spec.pose.opset == 17
    assert len(names(tmp_path)) == 4
    _, module = load_network(tmp_path, EngineSpec.load(tmp_path / "spec.json"))
    for name, value in leaky.module.state_dict().items():
        assert torch.equal(module.state_dict()[name], value), name
    size = (80, 64) if dynamic else None
    engine = open_engine(tmp_path, "openvino", precision="fp32", size=size)
    mean = np.zeros(engine.spec.inputs[1].shape, np.float32)
    image = np.ones(engine.spec.inputs[0].shape, np.float32)
    with torch.no_grad():
        one = float(torch.sigmoid(leaky.module.mix(torch.ones(1, 3, 1, 1))))
    for share in (1.0, 1.5, 1.75):
        outputs = engine.infer({"image": image, "mean": mean})
        mean = outputs["mean_next"].copy()
        np.testing.assert_allclose(outputs["depth"], 1 + share * one, rtol=1e-5)
    engine.close()
    pose = open_engine(tmp_path, "openvino", precision="fp32", part="pose", size=size)
    shape = pose.spec.inputs[0].shape
    pair = np.random.default_rng(0).random(shape, np.float32)
    with torch.no_grad():
        expected = LeakyPose(leaky.module)(torch.from_numpy(pair)).numpy()
    np.testing.assert_allclose(pose.infer({"images": pair})["motion"], expected, atol=1e-5)
    pose.close()


def test_a_state_that_drifts_is_found(leaky: Exportable, tmp_path: Path) -> None:
    """The first frame's depth agrees: only what is carried on differs."""
    leaky.module.forgets = True
    with pytest.raises(EngineError, match="exported depth network"):
        export(leaky, tmp_path / "x", images(leaky))
    assert names(tmp_path) == ["x"] or names(tmp_path) == []
    assert not (tmp_path / "x" / "spec.json").exists()


def test_an_entry_that_is_exported_onto_itself_keeps_its_card(
    leaky: Exportable, tmp_path: Path
) -> None:
    item = leaky
    export(item, tmp_path, images(item))
    card = (tmp_path / "CARD.md").read_text().replace("## Not measured", "## Measured\n\nyes")
    (tmp_path / "CARD.md").write_text(card)
    again = from_entry(tmp_path)
    spec, _ = export(again, tmp_path, images(again), images_are="my room")
    assert spec == EngineSpec.load(tmp_path / "spec.json") and spec.opset == 17
    new = (tmp_path / "CARD.md").read_text()
    assert "## Measured\n\nyes" in new and new.count("## Export") == 1 and "my room" in new


def test_a_file_that_differs_from_torch_is_refused_and_nothing_replaced(
    leaky: Exportable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = leaky
    export(item, tmp_path / "z" / "trial", images(item))
    before = {p.name: p.read_bytes() for p in (tmp_path / "z" / "trial").iterdir()}
    write = exporting.to_onnx

    def damaged(module: Any, *rest: Any, **options: Any) -> None:
        bias = module.mix.bias
        with torch.no_grad():
            bias.add_(0.01)
            write(module, *rest, **options)
            bias.sub_(0.01)

    monkeypatch.setattr(exporting, "to_onnx", damaged)
    with pytest.raises(EngineError, match=r"exported depth network: expected within 0.0001"):
        export(item, tmp_path / "z" / "trial", images(item))
    assert {p.name: p.read_bytes() for p in (tmp_path / "z" / "trial").iterdir()} == before
    assert names(tmp_path / "z") == ["trial"]
    export(item, tmp_path / "z" / "trial", images(item), tolerance=0.1)


def test_a_comparison_that_says_little_is_called_so(leaky: Exportable, tmp_path: Path) -> None:
    said: list[str] = []
    export(leaky, tmp_path, images(leaky), say=said.append)
    assert len(said) == 2
    torch.nn.init.zeros_(leaky.module.turn.weight)
    export(leaky, tmp_path, images(leaky), say=said.append)
    torch.nn.init.zeros_(leaky.module.turn.bias)
    export(leaky, tmp_path, images(leaky), say=said.append)
    assert [text for text in said if "says little" in text] == [
        "pose network: torch returns one number everywhere, so that says little"
    ]


def test_onnx_runtime_compares_where_openvino_is_missing(
    leaky: Exportable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(sys.modules, "depth_ros.engines.ov", None)
    said: list[str] = []
    export(leaky, tmp_path / "x", images(leaky), say=said.append)
    assert all("ONNX Runtime fp32 against torch" in text for text in said)
    monkeypatch.setitem(sys.modules, "depth_ros.engines.ort", None)
    with pytest.raises(EngineError, match="nothing here can run the exported file"):
        export(leaky, tmp_path / "y", images(leaky))


def test_one_image_is_not_enough(leaky: Exportable, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="2 or more"):
        export(leaky, tmp_path, images(leaky)[:1])


def test_an_opset_that_does_not_exist_is_refused(leaky: Exportable, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="opset 99"):
        export(leaky, tmp_path, images(leaky), opset=99)


def test_a_checkpoint_says_all_that_its_entry_needs(tmp_path: Path) -> None:
    """As test_finish.py exports it, here without a run: options, facts, the last stage's size."""
    item, path = tiny(), tmp_path / "checkpoint.pt"
    stages = [{"width": 64, "height": 32}, {"width": 128, "height": 96}]
    saved = {
        "network": "fastdepth",
        "options": OPTIONS,
        "facts": {"canonical_focal_px": 100.0, "metric": False},
        "config": {"stages": stages, "licence": "ours", "description": ""},
        "state": item.module.state_dict(),
    }
    torch.save(saved, path)
    found = from_checkpoint(path, "trial", licence="", description="mine")
    assert found.spec.input_size == (128, 96) and found.spec.canonical_focal_px == 100.0
    assert (found.spec.licence, found.spec.description) == ("ours", "mine")
    assert not found.spec.metric and found.sources == (path,)
    assert found.spec.options == json.loads(json.dumps(OPTIONS))  # as it is read back
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(found.module(image), item.module(image))
    larger = from_checkpoint(path, "trial", (256, 192))
    assert larger.spec.input_size == (256, 192) and larger.spec.canonical_focal_px == 200.0
    for key in saved:
        torch.save({k: v for k, v in saved.items() if k != key}, path)
        if key != "options":  # without them it is of the first trainer, whose head was another
            with pytest.raises(EngineError, match=r"checkpoint\.pt of depth_train"):
                from_checkpoint(path, "trial")
    for wrong in ({**saved, "network": "unheard"}, [1, 2], {"state": {}}):
        torch.save(wrong, path)
        with pytest.raises(EngineError, match=r"checkpoint\.pt of depth_train"):
            from_checkpoint(path, "trial")


def test_a_checkpoint_of_the_first_trainer_becomes_an_entry(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = FastDepth(FastDepthConfig(output="log_depth")).eval()
    path = tmp_path / "checkpoint.pt"
    stages = [{"width": 64, "height": 32}, {"width": 128, "height": 96}]
    config = {"stages": stages, "canonical_focal_px": 200.0}
    saved = {"network": "fastdepth", "config": config, "state": network.state_dict(), "step": 3}
    torch.save(saved, path)
    item = from_checkpoint(path, "trial", licence="mine")
    assert item.spec.input_size == (128, 96)
    assert item.spec.canonical_focal_px == pytest.approx(100.0)
    assert item.spec.licence == "mine" and item.spec.options == {"output": "log_depth"}
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(item.module(image), network(image))
    larger = from_checkpoint(path, "trial", (256, 192))
    assert larger.spec.input_size == (256, 192)
    assert larger.spec.canonical_focal_px == pytest.approx(200.0)
    with pytest.raises(EngineError, match="no file"):
        from_checkpoint(tmp_path / "missing.pt", "trial")
    torch.save({**saved, "state": {}}, path)
    with pytest.raises(EngineError, match="missing: conv0"):
        from_checkpoint(path, "trial")


def test_numbers_that_are_none_are_never_like_torch(leaky: Exportable, tmp_path: Path) -> None:
    """NaN differs from everything by NaN, and the largest of 0 and NaN is 0."""
    with torch.no_grad():
        leaky.module.mix.bias.fill_(float("nan"))
    with pytest.raises(EngineError, match="output of torch: expected finite numbers"):
        export(leaky, tmp_path / "x", images(leaky), tolerance=1e9)
    assert not (tmp_path / "x" / "spec.json").exists()


def test_the_shipped_entry_is_complete_and_within_its_limits() -> None:
    folder = ZOO / "fastdepth_indoor"
    spec = EngineSpec.load(folder / "spec.json")
    assert spec.input_size == (256, 192)
    assert spec.canonical_focal_px == 200.0
    assert (spec.kind, spec.architecture) == ("log_depth", "fastdepth")
    assert spec.metric
    assert (folder / spec.weights).stat().st_size < 20e6
    assert names(folder) == ["CARD.md", spec.weights, "spec.json"]
    card = (folder / "CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# fastdepth_indoor") and spec.weights in card
    _, module = load_network(folder, spec)
    image = np.random.default_rng(0).random((1, 3, 192, 256), np.float32) * 2 - 1
    with torch.no_grad():
        expected = module.forward_half(torch.from_numpy(image)).numpy()
    engine = open_engine(folder, "openvino", precision="fp32")
    np.testing.assert_allclose(engine.infer({"image": image})["log_depth"], expected, atol=1e-5)
    engine.close()


def test_the_shipped_entry_does_not_collapse_to_one_depth() -> None:
    engine = open_engine(ZOO / "fastdepth_indoor", precision="fp32")
    inputs = [prepared(engine.spec, image).copy() for image in noise_images(256, 192, 3)]
    outputs = [engine.infer({"image": image})["log_depth"].copy() for image in inputs]
    engine.close()
    for log_depth in outputs:
        assert math.log(0.2) < np.median(log_depth) < math.log(20)
        assert log_depth.std() > 0.02
    assert np.abs(outputs[0] - outputs[1]).mean() > 0.02
