# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Export: the file computes what torch computes, the spec describes it, the runtime opens it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("openvino")

from depth_ros.decode import Decode  # noqa: E402
from depth_ros.engines import EngineSpec, open_engine  # noqa: E402
from depth_ros.engines import export as exporting  # noqa: E402
from depth_ros.engines.networks.fastdepth import FastDepth, FastDepthConfig  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402
from depth_ros.frame import Camera  # noqa: E402
from depth_ros.preprocess import ToInput  # noqa: E402

ZOO = Path(__file__).resolve().parent.parent / "engines"


def _network() -> FastDepth:
    """Random, with statistics that differ from 0 and 1, so that folding them matters."""
    torch.manual_seed(0)
    network = FastDepth(FastDepthConfig(output="log_depth"))
    with torch.no_grad():
        for name, value in network.named_buffers():
            if "running" in name:
                value.uniform_(0.5, 1.5)
    return network.eval()


def _export(network: FastDepth, folder: Path) -> float:
    return exporting.export(
        network,
        folder,
        name="trial",
        size=(96, 64),
        canonical_focal_px=75.0,
        licence="none",
        description="random",
        images=exporting.noise_images((96, 64), 2),
    )


def test_exported_entry_runs_in_the_runtime(tmp_path: Path) -> None:
    network = _network()
    assert _export(network, tmp_path / "trial") <= exporting.TOLERANCE
    assert sorted(p.name for p in (tmp_path / "trial").iterdir()) == ["spec.json", "trial.onnx"]
    engine = open_engine(tmp_path / "trial", precision="fp32")
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    to_input = ToInput(engine.spec)(image)
    with torch.no_grad():
        expected = network(torch.from_numpy(to_input["image"])).numpy()
    outputs = engine.infer(to_input)
    np.testing.assert_allclose(outputs["log_depth"], expected, atol=1e-4)
    camera = Camera(160, 120, 150, 150, 79.5, 59.5)
    depth, _, _ = Decode(engine.spec, "network")(outputs, camera)
    scale = camera.scaled(96, 64).focal / 75.0
    np.testing.assert_allclose(depth, np.exp(expected[0, 0]) * scale, rtol=1e-3)
    engine.close()


def test_batch_norm_is_folded_and_the_size_is_fixed(tmp_path: Path) -> None:
    _export(_network(), tmp_path)
    model = onnx.load(tmp_path / "trial.onnx")
    kinds = [node.op_type for node in model.graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") == 27 + 11
    assert model.opset_import[0].version == exporting.OPSET == 17
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in dims] == [1, 3, 64, 96]
    assert (tmp_path / "trial.onnx").stat().st_size < 20e6


def test_a_file_that_differs_from_torch_is_refused_and_nothing_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = _network()
    _export(network, tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    write = exporting.to_onnx

    def damaged(network: FastDepth, path: Path, *size: object) -> None:
        with torch.no_grad():
            network.decode_conv6[1].bias.add_(0.01)
        write(network, path, *size)  # type: ignore[arg-type]
        with torch.no_grad():
            network.decode_conv6[1].bias.sub_(0.01)

    monkeypatch.setattr(exporting, "to_onnx", damaged)
    with pytest.raises(EngineError, match="exported network"):
        _export(network, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_checkpoint_round_trip_and_refusals(tmp_path: Path) -> None:
    network = _network()
    path = tmp_path / "checkpoint.pt"
    torch.save({"network": "fastdepth", "state": network.state_dict()}, path)
    loaded, _ = exporting.load_checkpoint(path)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded(image), network(image))
    with pytest.raises(EngineError, match=r"checkpoint\.pt"):
        exporting.load_checkpoint(tmp_path / "missing.pt")
    torch.save({"network": "fastdepth", "state": {}}, path)
    with pytest.raises(EngineError, match="cannot use"):
        exporting.load_checkpoint(path)


def test_zoo_entry_is_complete_and_within_its_limits() -> None:
    folder = ZOO / "fastdepth_indoor"
    spec = EngineSpec.load(folder / "spec.json")
    assert spec.input_size == (256, 192)
    assert spec.canonical_focal_px == 200.0
    assert spec.kind == "log_depth"
    assert spec.metric
    assert (folder / spec.weights).stat().st_size < 20e6
    assert (folder / "CARD.md").read_text(encoding="utf-8").startswith("# fastdepth_indoor")
    engine = open_engine(folder, precision="fp32")
    engine.close()


def test_zoo_entry_does_not_collapse_to_one_depth() -> None:
    engine = open_engine(ZOO / "fastdepth_indoor", precision="fp32")
    outputs = [engine.infer({"image": i})["log_depth"].copy() for i in
               exporting.noise_images((256, 192), 3)]  # fmt: skip
    engine.close()
    for log_depth in outputs:
        assert math.log(0.2) < np.median(log_depth) < math.log(20)
        assert log_depth.std() > 0.02
    assert np.abs(outputs[0] - outputs[1]).mean() > 0.02
