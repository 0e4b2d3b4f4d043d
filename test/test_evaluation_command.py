# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_eval from the command line: golden numbers, every kind of protocol, mistakes explained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import write_counting_engine, write_tiny_engine
from recordings import SMALL, write_recording

from depth_ros.errors import FrameError
from depth_ros.frame import Camera
from depth_ros.training.evaluation.cli import main
from depth_ros.training.evaluation.depth import Judged
from depth_ros.training.evaluation.maps import read_maps, read_unit
from depth_ros.training.evaluation.plots import error_map
from depth_ros.training.evaluation.tables import Bins, bins_table
from depth_ros.training.evaluation.truth import read_truth

DataDir = Callable[[str], Path]
ZOO = Path(__file__).resolve().parent.parent / "engines"
COMMON = ("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3")


def _evaluate(folder: Path, *arguments: object) -> dict[str, Any]:
    """What the command writes to its JSON file."""
    out = folder / "out.json"
    assert main([*map(str, arguments), "--json", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def _recording(folder: Path, depths: list[float], step_m: float = 0.0) -> Path:
    """Walls at these distances, in the uniform layout; the camera goes on by ``step_m``."""
    poses = np.tile(np.eye(4), (len(depths), 1, 1))
    poses[:, 2, 3] = step_m * np.arange(len(depths))
    images = [np.full((48, 64, 3), 51, np.uint8) for _ in depths]
    walls = [np.full((48, 64), round(1000 * depth)) for depth in depths]
    meta = {"name": "walls", "frames": len(depths), **SMALL, "depth": "unit mm", "poses": "yes"}
    return write_recording(folder, images, walls, poses, suffix="jpg", **meta)


def test_golden_numbers(data_dir: DataDir, tmp_path: Path) -> None:
    folder = data_dir("fastdepth_sample")
    files = "--pred", folder / "pred.npy", "--truth", folder / "depth.npy"
    found = _evaluate(tmp_path, "--protocol", "fastdepth", *files)
    assert found["rmse"] == pytest.approx(0.6180, abs=5e-5)
    assert found["delta1"] == pytest.approx(0.77726, abs=5e-6)
    assert (found["protocol"], found["frames"]) == ("fastdepth", 1)
    assert set(COMMON) <= set(found)
    assert "no scaling: metres as predicted" in found["done"]
    assert not (tmp_path / "out.json.partial").exists()


def test_a_zoo_entry_on_real_frames(data_dir: DataDir, tmp_path: Path) -> None:
    """The same as the runtime's own decode at the image's size."""
    pytest.importorskip("openvino")
    from depth_ros.decode import Decode
    from depth_ros.engines import open_engine
    from depth_ros.metrics import average, depth_metrics
    from depth_ros.preprocess import ToInput

    entry, part = ZOO / "fastdepth_indoor", f"{data_dir('icl_livingroom1')}:100:103"
    asked = "--engine", entry, "--precision", "fp32", "--backend", "openvino", "--truth", part
    found = _evaluate(tmp_path, "--protocol", "scaled", *asked, "--plots", tmp_path / "plots")
    engine = open_engine(entry, "openvino", precision="fp32", threads=1)
    to_input, decode = ToInput(engine.spec), Decode(engine.spec, "image")
    rows = []
    for reading in map(read_truth(part).reading, range(3)):
        assert reading.camera is not None and reading.depth is not None
        depth, _, _ = decode(engine.infer(to_input(reading.image)), reading.camera)
        rows.append(depth_metrics(depth, reading.depth, scale=True))
    engine.close()
    expected = average(rows)
    assert found["frames"] == 3
    assert found["done"][-1].startswith("engine fastdepth_indoor (openvino, ")
    assert found["done"][-1].endswith(", fp32)")
    for key in COMMON:
        assert found[key] == pytest.approx(expected[key], rel=1e-3), key
    assert sum(row["share"] for row in found["ranges"]) == pytest.approx(1)
    assert len(found["per_frame"]) == 3
    drawn = {path.name for path in (tmp_path / "plots").iterdir()}
    assert {"error_000000.png", "ranges.png", "reliability.png"} <= drawn


def test_a_network_with_memory_sees_every_frame_in_order(tmp_path: Path) -> None:
    """Its depth is the number of frames so far; the second has no truth and still counts."""
    pytest.importorskip("onnxruntime")
    entry = write_counting_engine(tmp_path / "counting")
    walls = _recording(tmp_path / "walls", [9.0, 1.0, 0.0, 3.0])
    asked = "--engine", entry, "--backend", "onnxruntime", "--truth", f"{walls}:1:4"
    found = _evaluate(tmp_path, "--protocol", "metric", *asked)
    assert (found["frames"], found["skipped"]) == (2, 1)
    assert found["abs_rel"] == pytest.approx(0, abs=1e-6)


def test_the_network_sees_the_protocols_window(tmp_path: Path) -> None:
    """Grey 51 is 1.8 m to a camera of 50 px; what is white lies outside the window.

    608 of 640 columns are left for 64, so that its 500 px become 500 * 64 / 608.
    """
    from depth_ros.engines import open_engine
    from depth_ros.training.data.readers.reading import Reading
    from depth_ros.training.evaluation.depth import place
    from depth_ros.training.evaluation.predict import EnginePredictor
    from depth_ros.training.evaluation.protocols import PROTOCOLS

    pytest.importorskip("onnxruntime")
    image = np.full((480, 640, 3), 255, np.uint8)
    image[16:472, 16:624] = 51
    entry = write_tiny_engine(tmp_path / "tiny", canonical_focal_px=50.0)
    engine = open_engine(entry, "onnxruntime")
    camera = Camera(640, 480, 500, 500, 319.5, 239.5)
    seen = EnginePredictor(engine, "stclstm_input")(Reading(image, None, camera))
    engine.close()
    expected = 1.8 * (500 * 64 / 608) / 50
    assert seen.values == pytest.approx(np.full((48, 64), expected), abs=1e-5)
    placed = place(PROTOCOLS["stclstm"], seen.values, (480, 640), seen.in_window)
    assert np.isfinite(placed).sum() == 456 * 608
    assert placed[16:472, 16:624] == pytest.approx(expected, abs=1e-5)


def test_a_pool_of_rendered_views(tiny_engine: Path, tmp_path: Path) -> None:
    """1.8 m predicted for 2 m, for both or the second of two views."""
    from depth_ros.training.data.pool import write_view
    from depth_ros.training.data.readers.reading import Reading

    pytest.importorskip("onnxruntime")
    (tmp_path / "pool").mkdir()
    camera = Camera(64, 48, 60, 60, 31.5, 23.5)
    for name, depth in (("a", 1.8), ("b", 2.0)):
        image, truth = np.full((48, 64, 3), 51, np.uint8), np.full((48, 64), depth, np.float32)
        write_view(tmp_path / f"pool/{name}.npz", Reading(image, truth, camera))
    asked = "--protocol", "metric", "--engine", tiny_engine, "--backend", "onnxruntime", "--truth"
    both = _evaluate(tmp_path, *asked, tmp_path / "pool")
    assert (both["frames"], both["abs_rel"]) == (2, pytest.approx(0.05, abs=1e-3))
    second = _evaluate(tmp_path, *asked, f"{tmp_path / 'pool'}:1:2")
    assert second["abs_rel"] == pytest.approx(0.1, abs=1e-3)


def test_memory_ends_with_each_view_of_a_pool(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from depth_ros.training.data.pool import write_view
    from depth_ros.training.data.readers.reading import Reading

    (tmp_path / "pool").mkdir()
    item = Reading(
        np.zeros((48, 64, 3), np.uint8),
        np.ones((48, 64), np.float32),
        Camera(64, 48, 60, 60, 31.5, 23.5),
    )
    for name in "ab":
        write_view(tmp_path / f"pool/{name}.npz", item)
    entry = write_counting_engine(tmp_path / "counting")
    asked = "--engine", entry, "--backend", "onnxruntime", "--truth", tmp_path / "pool"
    assert _evaluate(tmp_path, "--protocol", "metric", *asked)["rmse"] == pytest.approx(0)


def test_the_frame_that_fails_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("pred", "truth"):
        (tmp_path / name).mkdir()
        for frame in ("a", "b"):
            missing = name == "pred" and frame == "b"
            np.save(tmp_path / name / f"{frame}.npy", np.full((9, 9), np.nan if missing else 2.0))
    asked = ["--pred", str(tmp_path / "pred"), "--truth", str(tmp_path / "truth")]
    assert main(["--protocol", "metric", *asked]) == 2
    assert "frame b: depth to compare" in capsys.readouterr().err


def test_consistency_of_files_with_the_true_motion(tmp_path: Path) -> None:
    """A wall that comes nearer by 0.5 m a frame; predictions at half scale; then frozen ones."""
    depths = [4.0, 3.5, 3.0]
    walls = _recording(tmp_path / "walls", depths, step_m=0.5)
    np.save(tmp_path / "right.npy", np.array([np.full((48, 64), d / 2) for d in depths]))
    np.save(tmp_path / "frozen.npy", np.full((3, 48, 64), 3.5))
    asked = "--protocol", "self_consistency", "--truth", walls
    found = _evaluate(tmp_path, *asked, "--pred", tmp_path / "right.npy")
    assert found["self_consistency"] == pytest.approx(0, abs=1e-6)
    assert (found["pairs"], found["scale"]) == (2, pytest.approx(2))
    frozen = _evaluate(tmp_path, *asked, "--pred", tmp_path / "frozen.npy")
    assert frozen["self_consistency"] == pytest.approx(0.5 / 3)
    assert frozen["abs_rel"] == pytest.approx((0.5 / 4 + 0 + 0.5 / 3) / 3)


def test_tcc_of_the_command(tmp_path: Path) -> None:
    """Changes of 0.5 m seen as 0.5 m, then as none: (2 * 0 * 0.5 + C1) / (0 + 0.25 + C1)."""
    walls = _recording(tmp_path / "walls", [4.0, 3.5])
    np.save(tmp_path / "right.npy", np.array([np.full((48, 64), d) for d in (4.0, 3.5)]))
    np.save(tmp_path / "frozen.npy", np.full((2, 48, 64), 4.0))
    asked = "--protocol", "tcc", "--scale", "none", "--truth", walls
    right = _evaluate(tmp_path, *asked, "--pred", tmp_path / "right.npy")
    assert right["tcc"] == pytest.approx(1)
    frozen = _evaluate(tmp_path, *asked, "--pred", tmp_path / "frozen.npy")
    assert frozen["tcc"] == pytest.approx(1e-4 / (0.25 + 1e-4))


def test_frames_on_both_sides_of_a_gap_are_no_pair(tmp_path: Path) -> None:
    walls = _recording(tmp_path / "walls", [4.0, 3.5, 0.0, 9.0])
    np.save(tmp_path / "ours.npy", np.array([np.full((48, 64), d) for d in (4, 3.5, 3, 3)]))
    asked = "--protocol", "tcc", "--scale", "none", "--truth", walls
    found = _evaluate(tmp_path, *asked, "--pred", tmp_path / "ours.npy")
    assert (found["pairs"], found["frames"], found["skipped"]) == (1, 3, 1)
    assert found["tcc"] == pytest.approx(1)


def test_disparity_and_completion_in_kittis_files(tmp_path: Path) -> None:
    """PNGs of 1/256: 20 px for 19 px, and 10 m for 12 m with an uncertainty."""
    for name, value in (("pred", 20.0), ("truth", 19.0), ("d", 10.0), ("g", 12.0)):
        (tmp_path / name).mkdir()
        raw = np.full((20, 1242), round(256 * value), np.uint16)
        raw[0] = 0 if name in ("truth", "g") else raw[0]
        cv2.imwrite(str(tmp_path / name / "000000_10.png"), raw)
    asked = "--pred", tmp_path / "pred", "--truth", tmp_path / "truth"
    stereo = _evaluate(tmp_path, "--protocol", "kitti_stereo_2015", *asked)
    assert (stereo["epe"], stereo["d1"], stereo["bad1"]) == (1, 0, 0)
    assert stereo["abs_rel"] == pytest.approx(1 - 19 / 20)
    np.save(tmp_path / "doubt.npy", np.ones((20, 1242)))
    asked = "--pred", tmp_path / "d", "--truth", tmp_path / "g"
    doubt = "--uncertainty", tmp_path / "doubt.npy"
    filled = _evaluate(tmp_path, "--protocol", "completion", *asked, *doubt)
    assert (filled["mae_mm"], filled["rmse_mm"]) == (2000, 2000)
    assert filled["imae"] == pytest.approx(100 - 1000 / 12)
    assert filled["ause_mm"] == 0


def test_relative_depth_of_the_command(tmp_path: Path) -> None:
    depth = np.tile(np.linspace(1, 9, 64), (64, 1))
    np.save(tmp_path / "near.npy", 1 / depth)
    np.save(tmp_path / "depth.npy", depth)
    (tmp_path / "pairs.txt").write_text("5 5 5 50 1\n5 50 5 5 1\n", encoding="utf-8")
    asked = "--protocol", "whdr", "--truth", tmp_path / "pairs.txt", "--pred"
    inverse = _evaluate(tmp_path, *asked, tmp_path / "near.npy", "--kind", "inverse")
    assert inverse["whdr"] == 0.5
    asked = "--protocol", "ordinal", "--truth", tmp_path / "depth.npy", "--pred"
    assert _evaluate(tmp_path, *asked, tmp_path / "depth.npy")["ord"] == 0
    turned = _evaluate(tmp_path, *asked, tmp_path / "near.npy")
    assert turned["ord"] > 0.9
    assert turned["d3r"] == 1


def test_ibims_of_the_command(tmp_path: Path) -> None:
    """The truth itself: planes, edges and sides are right; a constant has no edges."""
    depth = np.full((60, 80), 2.0)
    depth[:, 40:] = 4.0
    edges = np.zeros((60, 80), np.uint8)
    edges[:, 40] = 1
    calib = np.array([[80.0, 0, 0], [0, 80, 0], [40, 30, 1]])  # K transposed
    labels = np.zeros((60, 80), np.uint8)
    labels[:, :40] = 1
    paras = np.array([[1, 0, 0, 0, 0, 1.0, 0, -2]])
    truth = {"depth": depth, "edges": edges, "calib": calib}
    np.savez(tmp_path / "a.npz", **truth, mask_wall=labels, mask_wall_paras=paras)
    np.save(tmp_path / "right.npy", depth)
    np.save(tmp_path / "flat.npy", np.full((60, 80), 2.0))
    asked = "--protocol", "ibims", "--truth", tmp_path / "a.npz", "--pred"
    found = _evaluate(tmp_path, *asked, tmp_path / "right.npy")
    assert found["pe_ori"] == pytest.approx(0, abs=1e-6)
    assert found["dbe_acc"] <= 1
    assert (found["dde_0"], found["abs_rel"]) == (100, 0)
    flat = _evaluate(tmp_path, *asked, tmp_path / "flat.npy")
    assert flat["dbe_acc"] == 10
    assert (flat["dde_0"], flat["dde_minus"]) == (50, 50)


def test_motion_of_the_command(tmp_path: Path) -> None:
    """A curve of 200 m at a tenth of its size, and a data set's own poses."""
    angles = np.linspace(0, 1, 201)
    poses = np.tile(np.eye(4), (201, 1, 1))
    poses[:, 0, 3], poses[:, 2, 3] = 200 * (1 - np.cos(angles)), 200 * np.sin(angles)
    np.savetxt(tmp_path / "truth.txt", poses[:, :3].reshape(-1, 12))
    poses[:, :3, 3] *= 0.1
    np.savetxt(tmp_path / "ours.txt", poses[:, :3].reshape(-1, 12))
    asked = "--pred", tmp_path / "ours.txt", "--truth", tmp_path / "truth.txt"
    ate = _evaluate(tmp_path, "--protocol", "ate", *asked)
    assert (ate["ate"], ate["scale"]) == (pytest.approx(0, abs=1e-6), pytest.approx(10))
    assert _evaluate(tmp_path, "--protocol", "ate_snippets", *asked)["ate"] < 1e-6
    scaled = _evaluate(tmp_path, "--protocol", "kitti_odometry", *asked)
    assert scaled["t_rel"] == pytest.approx(0, abs=1e-6)
    plain = _evaluate(tmp_path, "--protocol", "kitti_odometry", *asked, "--scale", "none")
    assert plain["t_rel"] == pytest.approx(90, abs=1.5)  # chords are a little shorter than arcs
    times_ten = _evaluate(tmp_path, "--protocol", "kitti_odometry", *asked, "--scale", "10")
    assert times_ten["t_rel"] == pytest.approx(0, abs=1e-6)
    walls = _recording(tmp_path / "walls", [4.0] * 6, step_m=0.5)
    part = "--pred", walls / "poses.txt", "--truth", f"{walls}:0:6"
    assert _evaluate(tmp_path, "--protocol", "ate_snippets", *part)["snippets"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "kitti_eigne"], "Did you mean kitti_eigen?"),
        (["--protocol", "scaled", "--pred", "nothing.npy"], "no nothing.npy"),
        (["--protocol", "nyu"], "640x480, got 12x10"),
        (["--protocol", "scaled", "--pred", "two.npy"], "expected 1, one for each truth, got 2"),
        (["--protocol", "scaled", "--pred", "turned.npy"], "12x10 pixels of truth, got 10x24"),
        (["--protocol", "scaled", "--pred", "raw.png"], "Say --unit"),
        (["--protocol", "scaled", "--unit", "miles"], "got miles"),
        (["--protocol", "whdr", "--scale", "median"], "it has its own, got median"),
        (["--protocol", "scaled", "--uncertainty", "one.npy"], "--protocol completion"),
        (["--protocol", "scaled", "--gain", "0.5"], "only with --engine"),
        (["--protocol", "scaled", "--frame-by-frame"], "only with --engine"),
        (["--protocol", "scaled", "--card", "x"], "only with --engine"),
        (["--protocol", "scaled", "--truth", "one.npy", "two.npy"], "several --truth"),
        (["--protocol", "scaled", "--truth-depth", "raw"], "got maps alone"),
        (["--protocol", "whdr", "--baseline", "constant"], "a protocol of depth"),
        (["--protocol", "scaled", "--truth", "kitti_raw:nowhere"], "no nowhere"),
        (["--protocol", "stereo_scale", "--truth", "."], "no pairs in ."),
        (["--protocol", "self_consistency", "--pred", "two.npy", "--truth", "two.npy"], "folder"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("one.npy", np.ones((10, 12)))
    np.save("two.npy", np.ones((2, 10, 12)))
    np.save("turned.npy", np.ones((24, 10)))
    cv2.imwrite("raw.png", np.ones((10, 12), np.uint16))
    for name in ("--pred", "--truth"):
        if name not in arguments:
            arguments = [*arguments, name, "one.npy"]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("depth_eval: ") and said.count("\n") == 1


def test_maps_in_files(tmp_path: Path) -> None:
    raw = np.array([[0, 256], [512, 1024]], np.uint16)
    (tmp_path / "maps").mkdir()
    cv2.imwrite(str(tmp_path / "maps/a.png"), raw)
    np.savez(tmp_path / "maps/b.npz", depth=raw, other=raw)
    np.save(tmp_path / "maps/c.npy", np.ones((1, 1, 2, 2), np.float16))
    maps = read_maps(tmp_path / "maps", 1 / 256)
    assert maps.names == ["a", "b", "c"]
    assert np.isnan(maps.read(0)[0, 0])
    assert maps.read(0)[1].tolist() == [2, 4]
    assert maps.read(1)[0].tolist() == [0, 1]
    assert maps.read(2).shape == (2, 2)
    assert read_unit("1/1000") == read_unit("mm") == 0.001
    truth = read_truth(f"{_recording(tmp_path / 'walls', [1.0, 2.0, 3.0])}:1:3")
    assert truth.maps.names == ["000001", "000002"]
    assert truth.maps.read(1) == pytest.approx(np.full((48, 64), 3.0))


def test_objects_in_files_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "bad.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert main(["--protocol", "scaled", "--pred", str(path), "--truth", str(path)]) == 2


def test_errors_by_distance_and_by_confidence() -> None:
    """Four pixels in two bins, one of them unknown; the upper edge is in the last bin."""
    truth = np.array([[1.0, 2.0, 4.0, 8.0]])
    judged = Judged(np.array([[1.1, np.nan, 4.0, 12.0]]), truth, np.ones((1, 4), bool), 1.0)
    bins = Bins((0.0, 4.0, 8.0))
    bins.add(judged, truth)
    near, far = bins.rows()
    assert near["abs_rel"] == pytest.approx(0.1)
    assert near["share"] == pytest.approx(1 / 3)
    assert (near["from"], near["to"], near["delta1"]) == (0, 4, 1)
    assert far["abs_rel"] == pytest.approx(0.25)
    assert far["rmse"] == pytest.approx(np.sqrt(8))
    assert far["delta1"] == 0.5
    assert "0.25" in bins_table("by distance", bins.rows())
    assert error_map(judged)[0, [0, 3]] == pytest.approx([0.1, 0.5])
    assert np.isnan(error_map(judged)[0, 1])


def test_pictures_stay_few_and_spread(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from depth_ros.training.evaluation.plots import ErrorMaps

    maps = ErrorMaps(tmp_path, 2)
    ones = Judged(np.ones((4, 4)), np.ones((4, 4)), np.ones((4, 4), bool), 1.0)
    for index in range(5):
        maps(index, "", ones)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["error_000000.png", "error_000004.png"]


def test_truth_of_nothing_is_an_error(tmp_path: Path) -> None:
    from depth_ros.training.evaluation.predict import from_files
    from depth_ros.training.evaluation.protocols import PROTOCOLS
    from depth_ros.training.evaluation.run import evaluate_depth

    np.save(tmp_path / "none.npy", np.zeros((8, 8)))
    truth = read_truth(str(tmp_path / "none.npy"))
    with pytest.raises(FrameError, match="known truth, got none in 1"):
        evaluate_depth(PROTOCOLS["metric"], from_files(truth.maps), truth)
