# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Anyone's ONNX: exact depths of each kind, end to end, and the shapes of known networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("openvino")

from depth_ros.cli.shared import noise_images  # noqa: E402
from depth_ros.config import from_dict  # noqa: E402
from depth_ros.engines.spec import EngineSpec  # noqa: E402
from depth_ros.engines.zoo import foreign_file  # noqa: E402
from depth_ros.engines.zoo.foreign import add_onnx  # noqa: E402
from depth_ros.engines.zoo.foreign_file import open_in_ort, open_in_ov  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402
from depth_ros.frame import Camera, Frame  # noqa: E402
from depth_ros.pipeline import make_pipeline  # noqa: E402
from depth_ros.preprocess import ToInput  # noqa: E402

F32, F16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
GREY = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
Dims = Sequence[int | str]


def write(
    path: Path,
    inputs: dict[str, Dims],
    outputs: dict[str, Dims],
    nodes: Sequence[Any],
    weights: dict[str, np.ndarray] | None = None,
    kind: int = F32,
    external: str = "",
) -> Path:
    """An ONNX file of these nodes."""
    make = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        list(nodes),
        "g",
        [make(name, kind, dims) for name, dims in inputs.items()],
        [make(name, kind, dims) for name, dims in outputs.items()],
        [onnx.numpy_helper.from_array(v, k) for k, v in (weights or {}).items()],
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    more = {"save_as_external_data": True, "location": external, "size_threshold": 0}
    onnx.save(model, path, **(more if external else {}))
    return path


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def grey_conv(channels: int = 3, dtype: type = np.float32) -> dict[str, np.ndarray]:
    """Weights of a 1x1 convolution to 0.5 + the mean of the channels."""
    return {"w": np.full((1, channels, 1, 1), 1 / 3, dtype), "b": np.full(1, 0.5, dtype)}


def conv_file(path: Path, size: tuple[int, int] = (64, 48), **options: Any) -> Path:
    """0.5 + the mean of r, g, b: (1, 3, H, W) to (1, 1, H, W)."""
    dims = (size[1], size[0])
    return write(
        path,
        {"image": (1, 3, *dims)},
        {"out": (1, 1, *dims)},
        [node("Conv", "image w b", "out")],
        grey_conv(),
        **options,
    )


def add(path: Path, tmp_path: Path, said: dict[str, Any], **more: Any) -> tuple[Path, EngineSpec]:
    fields = {"network": "f", "metric": False, "size_multiple": 1, **GREY, **said}
    images = noise_images(96, 72, 3)
    return add_onnx(path, tmp_path / "zoo", fields, images, ToInput, **more)


def depth_of(folder: Path, grey: int, backend: str, precision: str = "fp32") -> np.ndarray:
    """The pipeline's depth of an image of one grey level."""
    camera = Camera(128, 96, 100.0, 100.0, 63.5, 47.5)
    config = {
        "engine.path": str(folder),
        "engine.backend": backend,
        "engine.precision": precision,
        "odometry.enabled": False,
    }
    pipeline = make_pipeline(from_dict({**config, "depth.min_m": 0.01, "depth.max_m": 1000.0}))
    try:
        image = np.full((camera.height, camera.width, 3), grey, np.uint8)
        return pipeline.process(Frame(1, "c", image, camera)).depth
    finally:
        pipeline.close()


def value(grey: int) -> float:
    """What conv_file returns for it."""
    return 0.5 + grey / 255


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"kind": "metres", "metric": True}, lambda y: y),
        ({"kind": "metres", "metric": True, "gain": 4.0, "offset": -1.0}, lambda y: 4 * y - 1),
        ({"kind": "log_depth", "metric": True}, np.exp),
        ({"kind": "log_depth", "metric": True, "gain": 2.0, "offset": 0.5},
         lambda y: np.exp(2 * y + 0.5)),
        ({"kind": "inverse_depth", "metric": True}, lambda y: 1 / y),
        ({"kind": "inverse_depth", "gain": 0.25}, lambda y: 4 / y),
        # fx of the network's image is 100 * 64 / 128 = 50
        ({"kind": "disparity", "metric": True, "baseline_m": 0.2}, lambda y: 50 * 0.2 / y),
        ({"kind": "metres", "metric": True, "canonical_focal_px": 25.0}, lambda y: 2 * y),
    ],
)  # fmt: skip
def test_every_kind_has_exact_depths_end_to_end(
    tmp_path: Path, said: dict[str, Any], expected: Any, backend: str
) -> None:
    pytest.importorskip(backend)
    folder, _ = add(conv_file(tmp_path / "net.onnx"), tmp_path, said)
    for grey in (20, 200):
        depth = depth_of(folder, grey, backend)
        assert depth.shape == (96, 128)
        np.testing.assert_allclose(depth, expected(value(grey)), rtol=1e-5)


def test_relative_inverse_depth_gets_a_gain_of_median_two(tmp_path: Path) -> None:
    said: list[str] = []
    path = conv_file(tmp_path / "net.onnx")
    folder, spec = add(path, tmp_path, {"kind": "inverse_depth"}, say=said.append)
    raw = [ToInput(spec)(image)["image"].mean(1) + 0.5 for image in noise_images(96, 72, 3)]
    assert np.isclose(spec.gain, 0.5 / np.median(raw), rtol=1e-5)
    assert any("median depth on 3 images (smooth noise) is then 2" in text for text in said)
    assert f"gain {spec.gain:g}" in (folder / "CARD.md").read_text()
    grey = round(255 * (np.median(raw) - 0.5))
    np.testing.assert_allclose(depth_of(folder, grey, "openvino"), 2.0, rtol=0.01)
    for kept in ({"gain": 3.0}, {"metric": True}):
        _, spec = add(path, tmp_path, {"kind": "inverse_depth", **kept})
        assert spec.gain == kept.get("gain", 1.0)


# Names and shapes of well-known exports, with the tiniest of graphs: the mean of r, g and b, here
# and there at another size or beside other outputs.
def depth_anything_v2(path: Path) -> Path:
    dynamic = {"pixel_values": ("batch_size", 3, "height", "width")}
    nodes = [
        node("Conv", "pixel_values w b", "grey"),
        node("Squeeze", "grey one", "predicted_depth"),
    ]
    weights = {**grey_conv(), "one": np.array([1])}
    return write(path, dynamic, {"predicted_depth": ("batch_size", "h", "w")}, nodes, weights)


def depth_anything_3(path: Path) -> Path:
    """Batch and views in front, and four outputs."""
    nodes = [
        node("Squeeze", "image one", "flat"),
        node("Conv", "flat w b", "depth"),
        node("Sigmoid", "depth", "confidence"),
        node("GlobalAveragePool", "flat", "pooled"),
        node("Reshape", "pooled three", "extrinsics"),
        node("Exp", "extrinsics", "intrinsics"),
    ]
    weights = {**grey_conv(), "one": np.array([1]), "three": np.array([1, 1, 3])}
    outputs = {"depth": (1, 1, 42, 56), "confidence": (1, 1, 42, 56)}
    poses = {"extrinsics": (1, 1, 3), "intrinsics": (1, 1, 3)}
    return write(path, {"image": (1, 1, 3, 42, 56)}, {**outputs, **poses}, nodes, weights)


def midas(path: Path) -> Path:
    nodes = [node("Conv", "0 w b", "grey"), node("Reshape", "grey shape", "797")]
    weights = {**grey_conv(), "shape": np.array([1, 64, 64])}
    return write(path, {"0": (1, 3, 64, 64)}, {"797": (1, 64, 64)}, nodes, weights)


def glpn(path: Path) -> Path:
    """Half the size comes out."""
    nodes = [
        node("Conv", "pixel_values w b", "grey", strides=[2, 2]),
        node("Squeeze", "grey one", "predicted_depth"),
    ]
    weights = {**grey_conv(), "one": np.array([1])}
    outputs = {"predicted_depth": ("batch", "h", "w")}
    return write(path, {"pixel_values": ("batch", 3, "H", "W")}, outputs, nodes, weights)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
@pytest.mark.parametrize(
    ("make", "said", "more", "shapes"),
    [
        (depth_anything_v2, {"kind": "inverse_depth", "gain": 1.0, "size_multiple": 14},
         {"size": (70, 42)}, ((1, 3, 42, 70), (1, 42, 70))),
        (depth_anything_3, {"kind": "metres", "metric": True}, {},
         ((1, 1, 3, 42, 56), (1, 1, 42, 56))),
        (midas, {"kind": "inverse_depth", "gain": 1.0}, {}, ((1, 3, 64, 64), (1, 64, 64))),
        (glpn, {"kind": "metres", "metric": True, "size_multiple": 32}, {"size": (96, 64)},
         ((1, 3, 64, 96), (1, 32, 48))),
    ],
)  # fmt: skip
def test_files_of_known_networks_run_end_to_end(
    tmp_path: Path, make: Any, said: dict[str, Any], more: Any, shapes: Any, backend: str
) -> None:
    pytest.importorskip(backend)
    folder, spec = add(make(tmp_path / "net.onnx"), tmp_path, {**IMAGENET, **said}, **more)
    assert (spec.inputs[0].shape, spec.outputs[0].shape) == shapes
    assert len(spec.outputs) == 1
    mean, std = (np.array(IMAGENET[k]) for k in ("mean", "std"))
    for grey in (128, 250):
        raw = 0.5 + float(((grey / 255 - mean) / std).mean())
        expected = 1 / raw if spec.kind == "inverse_depth" else raw
        np.testing.assert_allclose(depth_of(folder, grey, backend), expected, rtol=1e-4)


def test_half_precision_files_are_taken_in(tmp_path: Path) -> None:
    path = write(
        tmp_path / "net.onnx",
        {"image": (1, 3, 48, 64)},
        {"depth": (1, 1, 48, 64)},
        [node("Conv", "image w b", "depth")],
        grey_conv(dtype=np.float16),
        kind=F16,
    )
    folder, spec = add(path, tmp_path, {"kind": "metres", "metric": True})
    assert (spec.inputs[0].dtype, spec.outputs[0].dtype) == ("float16", "float16")
    assert spec.precision == "fp16"
    depth = depth_of(folder, 100, "onnxruntime", precision="auto")
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, value(100), rtol=2e-3)


def test_both_libraries_read_the_same_ports(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    for make in (depth_anything_v2, depth_anything_3, midas, glpn):
        path = make(tmp_path / f"{make.__name__}.onnx")
        ort, ov = open_in_ort(path), open_in_ov(path)
        assert ort[0] == ov[0] and [p.name for p in ort[1]] == [p.name for p in ov[1]]
        shape = [d or 84 for d in ort[0][0].dims]
        shape[0] = 1
        image = np.random.default_rng(0).random(shape, np.float32)
        found, other = (run({ort[0][0].name: image}) for _, _, run in (ort, ov))
        for name in found:
            np.testing.assert_allclose(found[name], other[name], rtol=1e-4)


def test_weights_beside_the_file_are_taken_in(tmp_path: Path) -> None:
    path = conv_file(tmp_path / "net.onnx", external="net.onnx.data")
    assert (tmp_path / "net.onnx.data").stat().st_size > 0
    folder, spec = add(path, tmp_path, {"kind": "metres", "metric": True})
    (tmp_path / "net.onnx.data").unlink()
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        ["CARD.md", "spec.json", spec.weights]
    )
    np.testing.assert_allclose(depth_of(folder, 100, "openvino"), value(100), rtol=1e-5)
    with pytest.raises(EngineError, match=r"keeps its weights in net\.onnx\.data.*no such file"):
        add(path, tmp_path, {"kind": "metres"})


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_missing_library_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(foreign_file, "find_spec", lambda name: None if name == missing else True)
    said = {"kind": "metres", "metric": True}
    folder, _ = add(conv_file(tmp_path / "net.onnx"), tmp_path, said)
    np.testing.assert_allclose(depth_of(folder, 100, "openvino"), value(100), rtol=1e-5)
    if missing == "onnx":  # then nobody knows what lies beside the file: the copy does not open
        with pytest.raises(EngineError, match="cannot open"):
            add(conv_file(tmp_path / "two.onnx", external="two.data"), tmp_path, said)
        with pytest.raises(EngineError, match="cannot open"):
            add(rubbish(tmp_path / "bad.onnx"), tmp_path, said)


@pytest.mark.parametrize("place", ["/etc/passwd", "../secret.bin", "link.bin"])
def test_weights_that_lie_elsewhere_are_refused(tmp_path: Path, place: str) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"\0" * 64)
    (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    path = conv_file(inside / "net.onnx", external="data.bin")
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = place
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineError, match="leads elsewhere"):
        add(path, tmp_path, {"kind": "metres"})
    assert not (tmp_path / "zoo" / "f").exists()


def constant(path: Path) -> Path:
    nodes = [node("Conv", "image w b", "grey"), node("Mul", "grey zero", "out")]
    weights = {**grey_conv(), "zero": np.zeros(1, np.float32)}
    dims = (1, 1, 48, 64)
    return write(path, {"image": (1, 3, 48, 64)}, {"out": dims}, nodes, weights)


def not_finite(path: Path) -> Path:
    nodes = [
        node("Conv", "image w b", "grey"),
        node("Neg", "grey", "less"),
        node("Log", "less", "out"),
    ]
    dims = (1, 1, 48, 64)
    return write(path, {"image": (1, 3, 48, 64)}, {"out": dims}, nodes, grey_conv())


def negative(path: Path) -> Path:
    nodes = [node("Conv", "image w b", "grey"), node("Neg", "grey", "out")]
    return write(path, {"image": (1, 3, 48, 64)}, {"out": (1, 1, 48, 64)}, nodes, grey_conv())


def last_channel(path: Path) -> Path:
    nodes = [
        node("Conv", "image w b", "grey"),
        node("Transpose", "grey", "out", perm=[0, 2, 3, 1]),
    ]
    return write(path, {"image": (1, 3, 48, 64)}, {"out": (1, 48, 64, 1)}, nodes, grey_conv())


def two_images(path: Path) -> Path:
    dims = (1, 3, 48, 64)
    nodes = [node("Add", "left right", "both"), node("Conv", "both w b", "out")]
    inputs = {"left": dims, "right": dims}
    return write(path, inputs, {"out": (1, 1, 48, 64)}, nodes, grey_conv())


def six_channels(path: Path) -> Path:
    nodes = [node("Conv", "image w b", "out")]
    return write(path, {"image": (1, 6, 8, 8)}, {"out": (1, 1, 8, 8)}, nodes, grey_conv(6))


def rubbish(path: Path) -> Path:
    path.write_bytes(b"\x00not an onnx file")
    return path


@pytest.mark.parametrize(
    ("make", "said", "more", "message"),
    [
        (constant, {}, {}, "expected finite numbers that differ"),
        (not_finite, {}, {}, "0% finite"),
        (negative, {"kind": "inverse_depth"}, {}, "median of out.*Check --kind"),
        (last_channel, {}, {}, "output out: expected sizes of 1, then height and width"),
        (two_images, {}, {}, r"inputs of the file: expected one image.*left .*right"),
        (six_channels, {}, {}, "inputs of the file"),
        (glpn, {}, {}, "images of any size.*--size"),
        (glpn, {"size_multiple": 32}, {"size": (90, 64)}, "multiples of 32, got 90x64"),
        (midas, {}, {"size": (32, 64)}, "image size of the file: expected 64x64, got 32x64"),
        (depth_anything_3, {}, {"output": "normals"}, "one of depth, confidence, extrinsics"),
        (depth_anything_3, {}, {"output": "extrinsics"}, "output extrinsics"),
        (rubbish, {}, {}, "net.onnx is no ONNX file|cannot open"),
        (lambda path: path, {}, {}, "no file"),
        (conv_file, {"kind": "disparity"}, {}, "spec baseline_m"),
        (conv_file, {"kind": "feet"}, {}, "spec kind"),
        (conv_file, {"std": (0.0, 1.0, 1.0)}, {}, "spec numbers"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_written(
    tmp_path: Path, make: Any, said: dict[str, Any], more: Any, message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        add(make(tmp_path / "net.onnx"), tmp_path, {"kind": "metres", **said}, **more)
    assert not (tmp_path / "zoo" / "f").exists()
    assert list((tmp_path / "zoo").iterdir()) == []


def test_an_output_can_be_chosen(tmp_path: Path) -> None:
    path = depth_anything_3(tmp_path / "net.onnx")
    said = {"kind": "metres"}
    folder, spec = add(path, tmp_path, said, output="confidence")
    assert [t.name for t in spec.outputs] == ["confidence"]
    expected = 1 / (1 + np.exp(-value(100)))
    np.testing.assert_allclose(depth_of(folder, 100, "openvino"), expected, rtol=1e-4)
