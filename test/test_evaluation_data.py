# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_eval on data sets: any layout, several at once, disturbed images, memory, cards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import write_counting_engine
from test_readers_kitti import DRIVE, write_raw
from test_readers_recordings import write_uniform

pytest.importorskip("onnxruntime")

from depth_ros.errors import ConfigError, SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.pool import write_view
from depth_ros.training.data.readers.reading import Reading
from depth_ros.training.evaluation.cli import main
from depth_ros.training.evaluation.disturb import Disturbance
from depth_ros.training.evaluation.truth import named_source, read_truth

ZOO = Path(__file__).resolve().parent.parent / "engines"
DataDir = Callable[[str], Path]
RUNTIME = ("--backend", "onnxruntime")


def _evaluate(folder: Path, *arguments: object) -> dict[str, Any]:
    """What the command writes to its JSON file."""
    out = folder / "out.json"
    assert main([*map(str, arguments), "--json", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def _view(level: int, depth_m: float) -> Reading:
    camera = Camera(64, 48, 60, 60, 31.5, 23.5)
    depth = np.full((48, 64), depth_m, np.float32)
    depth[:4] = np.nan
    return Reading(np.full((48, 64, 3), level, np.uint8), depth, camera)


def _pool(folder: Path, *views: Reading) -> Path:
    folder.mkdir()
    for number, view in enumerate(views):
        write_view(folder / f"{number}.npz", view)
    return folder


def test_a_constant_depth_and_dark_images_beside_the_network(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The network sees grey 51 (0.2) as 1.8 m; the truth is 2 m and 1.5 m; the constant 2.5 m."""
    pool = _pool(tmp_path / "pool", _view(51, 2.0), _view(51, 1.5))
    asked = "--engine", tiny_engine, *RUNTIME, "--truth", pool, "--baseline", "constant"
    metric = _evaluate(tmp_path, "--protocol", "metric", *asked)
    assert metric["frames"] == 2
    assert metric["abs_rel"] == pytest.approx((0.1 + 0.2) / 2, abs=1e-3)
    assert metric["baseline"]["abs_rel"] == pytest.approx((0.25 + 2 / 3) / 2, abs=1e-3)
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("  abs_rel")]
    assert [float(x) for x in line.split()[1:]] == pytest.approx([0.15, 0.4583], abs=1e-3)
    scaled = _evaluate(tmp_path, "--protocol", "scaled", *asked)
    assert scaled["abs_rel"] == pytest.approx(0, abs=1e-3)
    dark = _evaluate(tmp_path, "--protocol", "metric", *asked, "--gain", "0.25")
    expected = 1 + 4 * round(51 * 0.25 ** (1 / 2.2)) / 255
    error = (abs(expected - 2) / 2 + abs(expected - 1.5) / 1.5) / 2
    assert dark["abs_rel"] == pytest.approx(error, abs=1e-3)
    assert dark["baseline"] == metric["baseline"]
    assert "images: light times 0.25, blurred by 0 px" in dark["done"][-1]


def test_a_crop_is_the_same_scene_through_a_narrower_camera() -> None:
    view = _view(100, 2.0)
    assert view.camera is not None
    cropped = Disturbance(crop=0.5)(view)
    assert cropped.image.shape == (24, 32, 3)
    assert cropped.camera == view.camera.cropped(16, 12, 32, 24)
    assert cropped.depth is not None
    assert np.isfinite(cropped.depth).all()  # the unknown rows are outside


def test_blur_keeps_the_light_and_widens_an_edge() -> None:
    view = _view(0, 2.0)
    view.image[:, 32:] = 200
    blurred = Disturbance(blur=2.0)(view).image[24, :, 0].astype(float)
    assert blurred.mean() == pytest.approx(100, abs=1)
    assert blurred[30] == pytest.approx(200 * 0.2266, abs=4)  # Phi(-1.5 / 2)
    for wrong in ({"gain": 0.0}, {"blur": -1.0}, {"crop": 1.5}, {"crop": float("nan")}):
        with pytest.raises(ConfigError, match="expected"):
            Disturbance(**wrong)


def test_several_truths_in_one_call(tiny_engine: Path, tmp_path: Path) -> None:
    near, far = _pool(tmp_path / "near", _view(51, 1.8)), _pool(tmp_path / "far", _view(51, 3.6))
    found = _evaluate(
        tmp_path, "--protocol", "metric", "--engine", tiny_engine, *RUNTIME,
        "--truth", near, far,
    )  # fmt: skip
    assert found["protocol"] == "metric"
    errors = [found["truths"][str(truth)]["abs_rel"] for truth in (near, far)]
    assert errors == pytest.approx([0, 0.5], abs=1e-3)


def test_a_row_in_the_card_for_each_truth(tiny_engine: Path, tmp_path: Path) -> None:
    """Twice the same measurement is one row; the command names no place of this machine."""
    card = tiny_engine / "CARD.md"
    card.write_text("# tiny\n", encoding="utf-8")
    near, far = _pool(tmp_path / "near", _view(51, 1.8)), _pool(tmp_path / "far", _view(51, 3.6))
    for _ in range(2):
        _evaluate(
            tmp_path, "--protocol", "metric", "--engine", tiny_engine, *RUNTIME,
            "--truth", near, far, "--card", tiny_engine,
        )  # fmt: skip
    text = card.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| metric")]
    assert len(rows) == 2
    first, second = rows
    assert "| near, 1 frame | fp32 |" in first
    assert float(second.partition("abs_rel ")[2].partition(",")[0]) == pytest.approx(0.5, abs=1e-3)
    command = "`depth_eval --protocol metric --engine engines/tiny --backend onnxruntime --truth "
    assert f"{command}DATA/near`" in first and f"{command}DATA/far`" in second
    assert str(tmp_path) not in text


def test_memory_is_cleared_at_every_frame_if_asked(tmp_path: Path) -> None:
    """The network's depth is the number of frames it remembers."""
    entry = write_counting_engine(tmp_path / "counting")
    pool = _pool(tmp_path / "pool", _view(0, 1.0), _view(0, 1.0))
    clip = write_uniform(tmp_path / "clip", 3)
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 2, 3] = 0.5 * np.arange(3)
    np.savetxt(clip / "poses.txt", poses.reshape(3, 16))
    for i, depth in enumerate((1000, 2000, 3000)):
        cv2.imwrite(str(clip / f"depth/{i:06d}.png"), np.full((48, 64), depth, np.uint16))
    asked = "--protocol", "metric", "--engine", entry, *RUNTIME, "--truth"
    streamed = _evaluate(tmp_path, *asked, clip)
    assert streamed["abs_rel"] == pytest.approx(0, abs=1e-6)
    alone = _evaluate(tmp_path, *asked, clip, "--frame-by-frame")
    assert alone["abs_rel"] == pytest.approx((0 + 1 / 2 + 2 / 3) / 3, abs=1e-6)
    assert alone["done"][-1].endswith("which forgets at every frame")
    assert _evaluate(tmp_path, *asked, pool)["abs_rel"] == pytest.approx(0)  # no video
    consistency = "--protocol", "self_consistency", *asked[2:], clip, "--scale", "none"
    still = _evaluate(tmp_path, *consistency, "--frame-by-frame")  # always 1 m, and we go on
    assert still["opw"] == pytest.approx(0, abs=1e-6)
    assert _evaluate(tmp_path, *consistency)["opw"] == pytest.approx(1, abs=1e-6)


def test_memory_ends_at_a_gap_and_between_recordings(tmp_path: Path) -> None:
    entry = write_counting_engine(tmp_path / "counting")
    for name in "ab":
        clip = write_uniform(tmp_path / "clips" / name, 4)
        (clip / "poses.txt").unlink()
        for i in range(4):
            truth = np.full((48, 64), (1000, 2000, 0, 1000)[i], np.uint16)
            cv2.imwrite(str(clip / f"depth/{i:06d}.png"), truth)
        (clip / "rgb/000002.png").unlink()
    asked = "--engine", entry, *RUNTIME, "--truth", f"folder:{tmp_path / 'clips'}"
    found = _evaluate(tmp_path, "--protocol", "metric", *asked)
    assert (found["frames"], found["abs_rel"]) == (6, pytest.approx(0, abs=1e-6))


def test_kitti_raw_with_a_list_of_frames_is_truth(tiny_engine: Path, tmp_path: Path) -> None:
    """One lidar point at 10.002 m in a frame; the picture's colours say what is predicted."""
    root = write_raw(tmp_path / "kitti", 3)
    (root / "test.txt").write_text(f"{DRIVE} 1 l\n{DRIVE} 2 l\n", encoding="utf-8")
    truth = read_truth(f"kitti_raw:{root}:test.txt")
    assert (len(truth.maps), truth.reading(0).name) == (2, f"{DRIVE} 1 l")
    assert read_truth(f"kitti_raw:{root}:test.txt:1:2").reading(0).name == f"{DRIVE} 2 l"
    assert read_truth(f"kitti_raw:{root}:{DRIVE}:1:3").reading(0).name == f"{DRIVE} 1 l"
    assert not np.isfinite(read_truth(f"kitti_raw:{root}", depth="none").maps.read(0)).any()
    found = _evaluate(
        tmp_path, "--protocol", "metric", "--engine", tiny_engine, *RUNTIME,
        "--truth", f"kitti_raw:{root}:test.txt",
    )  # fmt: skip
    assert found["frames"] == 2
    predicted = 1 + 4 * (np.array([20, 40]) + 10 + 200) / 3 / 255
    assert found["abs_rel"] == pytest.approx(np.mean(1 - predicted / 10.002), abs=1e-3)


def test_nyu_file_with_its_split_is_truth(tmp_path: Path) -> None:
    """The second frame is the only one to test on."""
    scipy_io = pytest.importorskip("scipy.io")
    from test_readers_indoor import write_labelled

    path = tmp_path / "nyu.mat"
    write_labelled(path)
    scipy_io.savemat(tmp_path / "splits.mat", {"trainNdxs": [[1], [3]], "testNdxs": [[2]]})
    whole, test = read_truth(f"nyu:{path}"), read_truth(f"nyu:{path}:test")
    assert (len(whole.maps), len(test.maps)) == (3, 1)
    np.testing.assert_array_equal(test.maps.read(0), whole.maps.read(1))
    assert test.maps.read(0)[7, 5] == 2
    assert np.isnan(read_truth(f"nyu:{path}:test", depth="raw").maps.read(0)).all()


def test_ibims_files_are_truth_for_an_engine(tiny_engine: Path, tmp_path: Path) -> None:
    """Images and truth are of the same file; grey levels of 1, 2, 3 are 1.03 m everywhere."""
    scipy_io = pytest.importorskip("scipy.io")
    from test_readers_indoor import ibims_struct

    folder = tmp_path / "core"
    folder.mkdir()
    for name in ("a", "b"):
        scipy_io.savemat(folder / f"{name}.mat", {"data": ibims_struct()})
    (folder / "imagelist.txt").write_text("b\na\n", encoding="utf-8")
    asked = "--engine", tiny_engine, *RUNTIME, "--truth"
    planes = _evaluate(tmp_path, "--protocol", "ibims", *asked, folder)
    metric = _evaluate(tmp_path, "--protocol", "metric", *asked, f"ibims:{folder}")
    assert [row["name"] for row in planes["per_frame"]] == ["b", "a"]
    depth = read_truth(f"ibims:{folder}").maps.read(0)
    expected = np.nanmean(np.abs(1 + 4 * 6 / 3 / 255 - depth) / depth)
    assert metric["abs_rel"] == pytest.approx(planes["abs_rel"], abs=1e-6)
    assert metric["abs_rel"] == pytest.approx(expected, abs=1e-4)
    assert planes["pe_ori"] > 1
    np.save(tmp_path / "truth.npy", np.stack([depth, depth]))
    right = _evaluate(
        tmp_path, "--protocol", "ibims", "--pred", tmp_path / "truth.npy", "--truth", folder
    )
    assert right["pe_ori"] == pytest.approx(0, abs=1e-3)


def test_an_unknown_camera_is_guessed_and_said(tiny_engine: Path, tmp_path: Path) -> None:
    clip = write_uniform(tmp_path / "clip", 2)
    meta = json.loads((clip / "meta.json").read_text())
    kept = {k: v for k, v in meta.items() if k not in ("fx", "fy", "cx", "cy")}
    (clip / "meta.json").write_text(json.dumps(kept))
    asked = "--engine", tiny_engine, *RUNTIME, "--truth", clip
    found = _evaluate(tmp_path, "--protocol", "scaled", *asked)
    said = "2 cameras unknown, taken for a field of view of 60 degrees"
    assert found["done"][-1].endswith(said)


def test_what_a_text_names(tmp_path: Path) -> None:
    """Colons may be in the path; a number behind it is a split where it is alone."""
    folder = tmp_path / "a:b"
    folder.mkdir()
    for text, expected in (
        (f"stereo:{folder}", ("stereo", str(folder), "", "")),
        (f"kitti_odometry:{folder}:00", ("kitti_odometry", str(folder), "00", "")),
        (f"kitti_odometry:{folder}:00:5:9", ("kitti_odometry", str(folder), "00", "5:9")),
        (f"nyu:{folder}:test:3:", ("nyu", str(folder), "test", "3:")),
        (f"bag:{folder}:/left /right", ("bag", str(folder), "/left /right", "")),
    ):
        named = named_source(text)
        assert named is not None
        source, part = named
        assert (source.kind, source.path, source.split, part) == expected
    assert named_source(str(folder)) is None
    assert named_source("truth.npy") is None


def test_a_part_outside_is_refused(tmp_path: Path) -> None:
    clip = write_uniform(tmp_path / "clip", 3)
    for part in ("2:5", "2:2", "-1:2", "a:b"):
        with pytest.raises(SourceError, match="within 0:3"):
            read_truth(f"{clip}:{part}")
    shutil.rmtree(clip / "depth")
    with pytest.raises(SourceError, match=r"meta\.json: expected a recording"):
        read_truth(f"{clip / 'rgb'}:0:2")


def test_the_default_network_keeps_its_promise(data_dir: DataDir, tmp_path: Path) -> None:
    """Every 40th frame of a room it never saw, and of new frames of a kitchen that it has seen."""
    pytest.importorskip("openvino")
    from depth_ros.training.data.chosen import Chosen
    from depth_ros.training.evaluation.predict import EnginePredictions, constant
    from depth_ros.training.evaluation.protocols import PROTOCOLS
    from depth_ros.training.evaluation.run import evaluate_depth
    from depth_ros.training.evaluation.truth import truth_of

    limits = {"icl_livingroom1": (0, 0.15, 0.78), "sevenscenes_redkitchen": (800, 0.13, 0.0)}
    for name, (first, abs_rel, delta1) in limits.items():
        data = read_truth(str(data_dir(name))).data
        assert data is not None
        truth = truth_of(Chosen(data, range(first, len(data), 40)))
        entry = EnginePredictions(ZOO / "fastdepth_indoor", truth, precision="fp32")
        found = evaluate_depth(PROTOCOLS["scaled"], entry, truth).measures
        assert found["abs_rel"] <= abs_rel
        assert found["delta1"] >= delta1
        nothing = evaluate_depth(PROTOCOLS["scaled"], constant(truth), truth).measures
        assert found["abs_rel"] < nothing["abs_rel"]
