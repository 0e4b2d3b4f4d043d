# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ST-CLSTM: the published size, the official state, and that the stream is the clip."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from depth_ros.engines import open_engine  # noqa: E402
from depth_ros.engines.checkpoints import read_state  # noqa: E402
from depth_ros.engines.networks import NETWORKS, default_spec, read_options  # noqa: E402
from depth_ros.engines.networks.stclstm import (  # noqa: E402
    MEAN,
    STD,
    CellName,
    StClstm,
    StClstmConfig,
)
from depth_ros.engines.spec import EngineSpec, sha256  # noqa: E402
from depth_ros.engines.weights import load_state  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402
from depth_ros.preprocess import ToInput  # noqa: E402
from depth_ros.recurrence import make_recurrence  # noqa: E402

ARCHITECTURE = NETWORKS["stclstm"]
CELLS = get_args(CellName)


def randomised(network: StClstm) -> StClstm:
    """Random batch norm, and a state that matters."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for values, low in (
                    (module.running_mean, -0.2),
                    (module.running_var, 0.7),
                    (module.weight, 0.7),
                    (module.bias, -0.2),
                ):
                    values.copy_(torch.rand(values.shape, generator=generator) * 0.5 + low)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> StClstm:
    torch.manual_seed(1)
    return randomised(StClstm())


def stream(network: StClstm, clip: Any) -> Any:
    hidden, cell = network.start(clip[:, :, 0])
    depths = []
    for image in clip.unbind(2):
        depth, hidden, cell = network.step(image, hidden, cell)
        depths.append(depth)
    return torch.stack(depths, 2)


def real_clip(folder: Path, spec: EngineSpec, count: int) -> Any:
    """The first frames of a folder, as the node feeds them: (1, 3, count, H, W)."""
    to_input = ToInput(spec)
    frames = []
    for path in sorted((folder / "rgb").glob("*.jpg"))[:count]:
        pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        frames.append(to_input(pixels)["image"].copy())
    assert len(frames) == count
    return torch.from_numpy(np.stack(frames, 2))


def spec_of(network: StClstm, width: int = 304, height: int = 228) -> EngineSpec:
    return default_spec("s", ARCHITECTURE, ARCHITECTURE.parts(network, width, height)["depth"])


def test_has_the_published_number_of_parameters(network: StClstm) -> None:
    assert sum(p.numel() for p in network.parameters()) == 15_040_073  # 15.04 M


def test_state_has_the_official_keys_and_shapes(network: StClstm) -> None:
    state = {k: tuple(v.shape) for k, v in network.state_dict().items()}
    assert {k.split(".")[0] for k in state} == {"E", "D", "MFF", "R"}
    assert state["E.layer4.1.conv2.weight"] == (512, 512, 3, 3)
    assert state["D.conv.weight"] == (256, 512, 1, 1)
    assert state["D.up1.conv1.weight"] == (128, 256, 5, 5)
    assert state["D.up4.conv1_2.weight"] == (16, 16, 3, 3)
    assert state["MFF.up4.conv2.weight"] == (16, 512, 5, 5)
    assert state["MFF.conv.weight"] == (64, 64, 5, 5)
    assert state["R.F_t.0.weight"] == (8, 88, 3, 3)
    assert state["R.Q_t.0.weight"] == (80, 88, 3, 3)
    assert state["R.Refine.conv0.weight"] == (88, 88, 5, 5)
    assert state["R.Refine.conv2.bias"] == (1,)
    assert state["R.Refine.convh.weight"] == (8, 88, 3, 3)


def test_official_file_is_read_with_and_without_prefix(network: StClstm, tmp_path: Path) -> None:
    state, path = network.state_dict(), tmp_path / "checkpoint.pkl"
    prefixed = {f"module.{k}": v for k, v in state.items()}
    for file in (prefixed, dict(state)):
        torch.save(file, path)
        other = StClstm()
        load_state(other, ARCHITECTURE.read({"checkpoint": read_state(path)[0]}), "file")
        for key, value in state.items():
            assert torch.equal(other.state_dict()[key], value), key
    torch.save({**prefixed, "module.stray": torch.zeros(1)}, path)
    with pytest.raises(EngineError, match="stray"):
        load_state(StClstm(), ARCHITECTURE.read({"f": read_state(path)[0]}), "file")


@pytest.mark.parametrize("cell", CELLS)
def test_stream_equals_clip_and_remembers(cell: CellName) -> None:
    torch.manual_seed(2)
    network = randomised(StClstm(StClstmConfig(cell=cell)))
    clip = torch.randn(1, 3, 3, 48, 68)
    with torch.no_grad():
        whole = network(clip)
        assert torch.equal(stream(network, clip), whole)
        alone = network(clip[:, :, 2:])
    assert whole.shape == (1, 1, 3, 24, 34)
    difference = (whole[:, :, 2] - alone[:, :, 0]).abs().max()
    assert difference > 1e-4  # the frames before made a difference


def test_clips_of_a_batch_do_not_mix(network: StClstm) -> None:
    clips = torch.randn(2, 3, 2, 64, 64)
    with torch.no_grad():
        both = network(clips)
        for i in range(2):
            torch.testing.assert_close(
                network(clips[i : i + 1]), both[i : i + 1], atol=1e-5, rtol=0
            )


def test_training_sees_the_clip_as_one_batch(network: StClstm) -> None:
    """Its batch statistics are those of all frames; each frame alone would have its own."""
    made = StClstm()
    made.load_state_dict(network.state_dict())
    made.train()
    clip = torch.randn(1, 3, 2, 64, 64)
    clip[:, :, 1] *= 5
    with torch.no_grad():
        made(clip)
        stem = made.E.conv1(clip[0].transpose(0, 1))
    expected = 0.9 * network.E.bn1.running_mean + 0.1 * stem.mean((0, 2, 3))
    torch.testing.assert_close(made.E.bn1.running_mean, expected)


def test_gradients_reach_every_weight() -> None:
    made = StClstm().train()
    made(torch.randn(1, 3, 2, 64, 64)).square().mean().backward()
    without = [k for k, p in made.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize(("width", "height"), [(304, 228), (92, 64), (640, 480)])
def test_spec_pairs_states_of_the_right_size(network: StClstm, width: int, height: int) -> None:
    spec = spec_of(network, width, height)
    assert spec.states == (("hidden", "hidden_next"), ("cell", "cell_next"))
    assert [t.name for t in spec.inputs] == ["image", "hidden", "cell"]
    assert [t.name for t in spec.outputs] == ["depth", "hidden_next", "cell_next"]
    assert spec.outputs[0].shape == (1, 1, height // 2, width // 2)
    assert spec.inputs[1].shape == spec.inputs[2].shape == (1, 8, height // 2, width // 2)
    assert (spec.kind, spec.metric, spec.mean, spec.std) == ("metres", True, MEAN, STD)
    assert spec_of(network).resized(width, height).inputs == spec.inputs
    with pytest.raises(EngineError):
        spec.resized(width + 2, height)


def test_states_have_the_cells_own_widths() -> None:
    widths = {}
    for cell in CELLS:
        spec = spec_of(StClstm(StClstmConfig(cell=cell)), 64, 64)
        widths[cell[-1]] = tuple(t.shape[1] for t in spec.inputs[1:])
    assert widths == {
        **{"1": (80, 80), "2": (80, 40), "3": (4, 4), "4": (4, 4), "5": (8, 8)},
        **{"6": (8, 8), "7": (12, 12), "8": (16, 16), "9": (32, 32)},
    }


@pytest.mark.parametrize("options", [{"layers": 101}, {"cell": "R_CLSTM_10"}, {"depth": 3}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(EngineError):
        read_options(ARCHITECTURE.config, options)


@pytest.mark.parametrize(("count", "size"), [(5, (304, 228)), (30, (96, 72))])
def test_stream_equals_clip_on_real_video(
    network: StClstm, data_dir: Callable[[str], Path], count: int, size: tuple[int, int]
) -> None:
    """A hand-held camera, bit for bit."""
    clip = real_clip(data_dir("icl_livingroom1"), spec_of(network, *size), count)
    with torch.no_grad():
        streamed = stream(network, clip)
        assert torch.equal(network(clip), streamed)
        alone = network(clip[:, :, -1:])
    assert streamed.shape == (1, 1, count, size[1] // 2, size[0] // 2)
    assert streamed.std() > 1e-3
    assert (streamed[:, :, -1] - alone[:, :, 0]).abs().max() > 1e-4


@pytest.fixture(scope="module")
def exported(network: StClstm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An entry with the network as ONNX of any size."""
    pytest.importorskip("onnx")
    from depth_ros.engines.export import to_onnx

    folder = tmp_path_factory.mktemp("stclstm")
    parts = ARCHITECTURE.parts(network, 304, 228)
    to_onnx(network, parts, "depth", folder / "s.onnx", dynamic=True)
    known = {"weights": "s.onnx", "sha256": sha256(folder / "s.onnx"), "opset": 17}
    dataclasses.replace(spec_of(network), **known).save(folder / "spec.json")
    return folder


@pytest.mark.parametrize(("count", "size"), [(5, (304, 228)), (30, (96, 72))])
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_exported_stream_equals_torch_on_real_video(
    network: StClstm,
    exported: Path,
    data_dir: Callable[[str], Path],
    backend: str,
    count: int,
    size: tuple[int, int],
) -> None:
    """Each side carries its own state."""
    pytest.importorskip(backend)
    engine = open_engine(exported, backend, precision="fp32", size=size)
    recurrence = make_recurrence(engine.spec)
    clip = real_clip(data_dir("icl_livingroom1"), engine.spec, count)
    with torch.no_grad():
        expected = stream(network, clip)
    for k, image in enumerate(clip.unbind(2)):
        outputs = engine.infer(recurrence.add({"image": np.ascontiguousarray(image.numpy())}))
        recurrence.keep(outputs)
        np.testing.assert_allclose(outputs["depth"], expected[:, :, k].numpy(), atol=1e-4)
    engine.close()
