# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The end of a run: a checkpoint becomes an entry that runs, with a card that tells the truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from recordings import write_recording

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("openvino")

from depth_ros.cli.__main__ import main as depth_cli  # noqa: E402
from depth_ros.engines import EngineSpec, open_engine  # noqa: E402
from depth_ros.engines.networks import NETWORKS  # noqa: E402
from depth_ros.engines.weights import load_network  # noqa: E402
from depth_ros.engines.zoo.card import section_of  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402
from depth_ros.schema import build  # noqa: E402
from depth_ros.training.card import FORBIDDEN, PERMITTED, UNCLEAR, licence_of  # noqa: E402
from depth_ros.training.config import TrainConfig  # noqa: E402
from depth_ros.training.finish import examples_seen, finish  # noqa: E402
from depth_ros.training.licences import Licence, licences_of, use_of, worst_of  # noqa: E402
from depth_ros.training.methods import make_method  # noqa: E402
from depth_ros.training.origins import parts_of  # noqa: E402
from depth_ros.training.parallel import Team  # noqa: E402
from depth_ros.training.provenance import provenance  # noqa: E402
from depth_ros.training.recipe import to_dict  # noqa: E402
from depth_ros.training.state import assemble, save  # noqa: E402

NARROW = {
    "encoder": [8, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16, 16],
    "decoder": [16, 16, 8, 8, 8, 1],
    "output": "log_depth",
}
PERMISSIVE, FORBIDDING = "CC BY 4.0", "Some Lab: non-commercial"
FRAMES = 6


def write_room(folder: Path, licence: str) -> Path:
    """A recording of a tilted plane with stripes, 96x64, in the uniform layout."""
    rows, columns = np.mgrid[0:64, 0:96]
    images = []
    for i in range(FRAMES):
        stripes = 128 + 100 * np.sin((columns + 3 * i) / 5) * np.cos(rows / 7)
        image = np.stack([rows + columns, 0.5 * stripes, stripes], -1).clip(0, 255)
        images.append(image.astype(np.uint8))
    depths = [1000 + 20 * rows + 10 * i for i in range(FRAMES)]
    poses = np.repeat(np.eye(4)[None], FRAMES, 0)
    poses[:, 0, 3] = 0.02 * np.arange(FRAMES)
    meta = {"name": "room", "frames": FRAMES, "width": 96, "height": 64, "licence": licence}
    meta |= {"fx": 80.0, "fy": 80.0, "cx": 47.5, "cy": 31.5, "fps": 30}
    meta |= {"depth": "uint16 PNG, 0 = no value, unit mm", "poses": "camera to world"}
    return write_recording(folder, images, depths, poses, suffix="jpg", **meta)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data: free/ and bound/, each of the other licence."""
    monkeypatch.delenv("DEPTH_ROS_DATA", raising=False)
    write_room(tmp_path / "data" / "free", PERMISSIVE)
    write_room(tmp_path / "data" / "bound", FORBIDDING)
    return tmp_path / "data"


def settings(data: Path, **changes: Any) -> TrainConfig:
    """A run on frames 0 to 3 of free/, validated on its frames 4 and 5."""
    values: dict[str, Any] = {
        "name": "pocket_depth",
        "description": "A narrow network for tests.",
        "network": "fastdepth",
        "options": NARROW,
        "data": str(data),
        "sources": [{"kind": "folder", "path": "free", "stop": 4}],
        "validation": [{"kind": "folder", "path": "free", "first": 4}],
        "steps": 10,
        "stages": [
            {"until": 0.4, "width": 64, "height": 64, "batch": 3},
            {"width": 96, "height": 64, "batch": 2},
        ],
        "device": "cpu",
        "threads": 1,
        "workers": 0,
    }
    return build(TrainConfig, {**values, **changes})


def write_checkpoint(path: Path, config: TrainConfig, steps: int = 10) -> Path:
    """What the trainer writes, of random weights and statistics, so that all of them matter."""
    path.parent.mkdir(exist_ok=True)
    method, team = make_method(config), Team(0, 1, torch.device("cpu"))
    run = assemble(config, method, team)
    with torch.no_grad():
        for name, value in run.average.state_dict().items():
            if value.ndim == 4 and config.options == NARROW:
                torch.nn.init.kaiming_normal_(value)
            elif "running_mean" in name or name.endswith("bias"):
                value.normal_(0, 0.1)
            elif "running_var" in name:
                value.uniform_(0.5, 1.5)
    run.step, run.seconds = steps, 90.0
    facts = {
        "network": config.network,
        "options": method.options(),
        "facts": method.facts(config.stages[-1]),
        "ranks": 1,
        "provenance": provenance(config, Path(config.data), 1, "cpu"),
    }
    save(path, to_dict(config), run, facts)
    return path


def finished(config: TrainConfig, folder: Path) -> tuple[Path, EngineSpec, str, list[str]]:
    """The entry that a checkpoint of these settings makes: folder, spec, card, what was said."""
    said: list[str] = []
    checkpoint = write_checkpoint(folder / "checkpoint.pt", config)
    entry = finish(config, make_method(config), checkpoint, folder, said.append)
    card = (entry / "CARD.md").read_text(encoding="utf-8")
    return entry, EngineSpec.load(entry / "spec.json"), card, said


def check_same(entry: Path, checkpoint: Path) -> None:
    """The entry's weights are the averaged ones of the checkpoint."""
    state = torch.load(checkpoint, weights_only=True)["state"]
    _, module = load_network(entry, EngineSpec.load(entry / "spec.json"))
    for name, value in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, state[name]), name


def test_a_run_ends_in_an_entry_whose_card_says_what_the_run_did(
    data: Path, tmp_path: Path
) -> None:
    config = settings(data)
    entry, spec, card, said = finished(config, tmp_path / "run")
    assert entry == tmp_path / "run" / "zoo" / "pocket_depth"
    assert (spec.network, spec.architecture) == ("pocket_depth", "fastdepth")
    assert spec.options == NARROW and spec.input_size == (96, 64)
    focal = config.supervised.canonical_focal_px * (96 * 64 / (256 * 192)) ** 0.5
    assert spec.canonical_focal_px == pytest.approx(focal)
    assert spec.description == config.description and spec.licence == PERMITTED
    assert any("on 2 images (first of free (folder, from frame 4))" in line for line in said)
    assert not any("says little" in line for line in said)
    check_same(entry, tmp_path / "run" / "checkpoint.pt")
    engine = open_engine(entry, "openvino", precision="fp32", size=(128, 96))  # any size
    engine.close()
    # The card.
    assert card.startswith("# pocket_depth\n\nA narrow network for tests.")
    assert NETWORKS["fastdepth"].paper in card and spec.weights in section_of(card, "Export")
    recipe = section_of(card, "Recipe")
    shown = yaml.safe_load(recipe.split("```yaml\n")[1].split("```")[0])
    assert shown == {**to_dict(config), "data": "data"}
    # 4 steps of 3 and 6 steps of 2
    assert examples_seen(config, {"step": 10, "provenance": {"processes": 1}}) == 24
    assert (
        "depth_train pocket_depth.yaml --out" in recipe
        and "10 of 10" in recipe
        and "24 until then" in recipe
        and "1.5 minutes" in recipe
    )
    row = "| 100 % | free (folder, frames 0 to 3) | 4 | about 24 | CC BY 4.0 |"
    assert row in section_of(card, "Training data")
    assert "permit commercial use" in card and "not for commercial" not in card
    measured = make_method(config).validate(load_network(entry, spec)[1], config.stages[-1])
    assert measured["score"] > 0
    for name, value in measured.items():
        assert f"| {name} | {value:.4g} |" in section_of(card, "Validation")


def test_the_card_and_the_spec_tell_nothing_of_the_machine(data: Path, tmp_path: Path) -> None:
    sources = [{"kind": "folder", "path": str(data / "bound")}]
    entry, _, card, _ = finished(settings(data, sources=sources), tmp_path / "run")
    for text in (card, (entry / "spec.json").read_text(encoding="utf-8")):
        for secret in (
            str(tmp_path),
            str(Path.home()),
            "/tmp",
            __import__("socket").gethostname(),
        ):
            assert secret not in text
    assert "| bound (folder) |" in card and "path: bound" in card


def test_data_that_forbid_commerce_forbid_it_for_the_weights(data: Path, tmp_path: Path) -> None:
    sources = [
        {"kind": "folder", "path": "free", "share": 3.0},
        {"kind": "folder", "path": "bound", "share": 1.0, "every": 2},
        {"kind": "folder", "path": "bound", "share": 0.0, "first": 5},
    ]
    config = settings(data, sources=sources, licence="Apache-2.0 for code", validation=[])
    _, spec, card, _ = finished(config, tmp_path / "run")
    assert spec.licence == f"Apache-2.0 for code; {FORBIDDEN}"
    told = section_of(card, "Training data")
    assert "| 75 % | free (folder) | 6 | about 18 | CC BY 4.0 |" in told
    assert f"| 25 % | bound (folder, 1 of 2 frames) | 3 | about 6 | {FORBIDDING} |" in told
    assert told.endswith("not for commercial use**: forbidden by bound (folder, 1 of 2 frames).")
    assert "from frame 5" not in told  # it is never drawn
    assert section_of(card, "Validation") == "None: the recipe names no validation data."


@pytest.mark.parametrize(
    ("network", "method", "options", "size", "kinds"),
    [
        ("monodepth2", "self_supervised", {"scales": [0]}, (64, 64), ["depth", "pose"]),
        ("stclstm", "clips", {}, (64, 48), ["depth"]),
    ],
)
def test_pose_networks_and_states_come_along(
    data: Path,
    tmp_path: Path,
    network: str,
    method: str,
    options: dict[str, Any],
    size: tuple[int, int],
    kinds: list[str],
) -> None:
    stages = [{"width": size[0], "height": size[1], "batch": 1}]
    changes = {"network": network, "method": method, "options": options, "stages": stages}
    config = settings(data, **changes, validation=[])
    entry, spec, card, said = finished(config, tmp_path / "run")
    assert [line.split()[0] for line in said if "against torch" in line] == kinds
    assert (spec.pose is not None) == ("pose" in kinds)
    assert bool(spec.states) == (network == "stclstm")
    check_same(entry, tmp_path / "run" / "checkpoint.pt")
    assert "any size" in section_of(card, "Export")
    for kind in kinds:
        engine = open_engine(entry, "openvino", precision="fp32", part=kind)
        fed = {t.name: np.ones(t.shape, np.float32) for t in engine.spec.inputs}
        assert all(np.isfinite(value).all() for value in engine.infer(fed).values())
        engine.close()


def test_an_older_entry_stays_where_the_new_one_is_refused(data: Path, tmp_path: Path) -> None:
    config = settings(data, validation=[])
    entry, *_ = finished(config, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in entry.iterdir()}
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    saved = torch.load(checkpoint, weights_only=True)
    saved["state"]["conv0.0.weight"][:] = float("nan")
    torch.save(saved, checkpoint)
    with pytest.raises(EngineError, match="output of torch: expected finite"):
        finish(config, make_method(config), checkpoint, tmp_path / "run", lambda _: None)
    assert {path.name: path.read_bytes() for path in entry.iterdir()} == before
    with pytest.raises(EngineError, match="name of the entry"):
        wrong = dataclasses.replace(config, name="../elsewhere")
        finish(wrong, make_method(wrong), checkpoint, tmp_path / "run", lambda _: None)


def test_depth_cli_exports_a_checkpoint_by_hand(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(data, licence="mine")
    checkpoint = write_checkpoint(tmp_path / "checkpoint.pt", config)
    assert depth_cli(["export", str(checkpoint), "--out", str(tmp_path / "by_hand")]) == 0
    spec = EngineSpec.load(tmp_path / "by_hand" / "spec.json")
    assert (spec.licence, spec.description) == ("mine", config.description)
    assert spec.canonical_focal_px == pytest.approx(200 * (96 * 64 / (256 * 192)) ** 0.5)
    check_same(tmp_path / "by_hand", checkpoint)
    larger = ["--out", str(tmp_path / "larger"), "--size", "192", "128"]
    assert depth_cli(["export", str(checkpoint), *larger]) == 0
    twice = EngineSpec.load(tmp_path / "larger" / "spec.json").canonical_focal_px
    assert twice == pytest.approx(2 * spec.canonical_focal_px)
    capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("Apache-2.0", "permitted"),
        ("TartanAir CC BY 4.0", "permitted"),
        ("MIT (repository)", "permitted"),
        ("KITTI CC BY-NC-SA 3.0", "forbidden"),
        ("7-Scenes: Microsoft Research, non-commercial", "forbidden"),
        ("students' files: research use only; MIT (code)", "forbidden"),
        ("no licence file; CARLA assets CC BY", "unclear"),
        ("MIT (repository); data of an institute", "unclear"),
        ("cite the authors", "unclear"),
        ("not stated", "unclear"),
        ("", "unclear"),
    ],
)
def test_what_licences_say_of_commerce(text: str, use: str) -> None:
    assert use_of(text) == use


def test_the_worst_licence_counts_and_a_recipe_cannot_hide_it(data: Path) -> None:
    of = [Licence("", text) for text in ("MIT", "not stated", "CC BY-NC 4.0")]
    assert worst_of(of) == "forbidden" and worst_of(of[:2]) == "unclear"
    assert worst_of(of[:1]) == worst_of([]) == "permitted"
    parts = parts_of(settings(data), 24)
    assert licence_of("", parts) == PERMITTED and licence_of("mine", parts) == "mine"
    (data / "free" / "meta.json").write_text(
        (data / "free" / "meta.json").read_text().replace(PERMISSIVE, "who knows")
    )
    parts = parts_of(settings(data), 24)
    assert licence_of("", parts) == UNCLEAR and licence_of("mine", parts) == f"mine; {UNCLEAR}"
    bound = parts_of(settings(data, sources=[{"kind": "folder", "path": "bound"}]), 24)
    assert licence_of("weights: research only", bound) == "weights: research only"


def test_published_layouts_and_the_renderer_have_known_licences(tmp_path: Path) -> None:
    kinds = ("kitti_raw", "kitti_odometry", "kitti_depth", "kitti_stereo")
    kitti = [{"kind": kind, "path": "k"} for kind in kinds]
    config = settings(tmp_path, sources=[{"kind": "rendered"}, *kitti])
    found = [one for s in config.sources for one in licences_of(s, tmp_path / s.path)]
    assert [licence.use for licence in found] == ["permitted"] + len(kinds) * ["forbidden"]


def test_weights_that_a_run_began_with_pass_their_licence_on(data: Path, tmp_path: Path) -> None:
    bound = settings(data, sources=[{"kind": "folder", "path": "bound"}], name="first_run")
    checkpoint = write_checkpoint(tmp_path / "first.pt", bound)
    config = settings(data, start={"checkpoint": str(checkpoint)})
    parts = parts_of(config, 24)
    assert parts[1].what == "weights of the run first_run" and parts[1].share is None
    assert licence_of("", parts) == FORBIDDEN
    again = write_checkpoint(tmp_path / "second.pt", config)
    third = settings(data, start={"checkpoint": str(again)})
    assert licence_of("", parts_of(third, 24)) == FORBIDDEN  # through two runs
    entry = settings(data, start={"entry": "fastdepth_indoor"})
    parts = parts_of(entry, 24)
    assert parts[1].what == "weights of the entry fastdepth_indoor"
    assert licence_of("", parts) == FORBIDDEN
    taught = {"teacher": "fastdepth_indoor", "distillation": 1.0}
    parts = parts_of(settings(data, supervised=taught), 24)
    assert (parts[1].role, licence_of("", parts)) == ("teacher", FORBIDDEN)


def test_real_collections_tell_each_licence(data_dir: Callable[[str], Path]) -> None:
    root = data_dir("diverse_rgbd").parent
    source = {"kind": "collection", "path": "diverse_rgbd"}
    config = settings(root, sources=[source])
    found = licences_of(config.sources[0], root / "diverse_rgbd")
    assert len(found) == len(list((root / "diverse_rgbd").glob("*/meta.json")))
    assert worst_of(found) == "forbidden"
    free = "tartan_facade"
    config = settings(root, sources=[{**source, "scenes": [free]}])
    (only,) = licences_of(config.sources[0], root / "diverse_rgbd")
    assert only.text == "TartanAir CC BY 4.0" and only.use == "permitted"
    encoder = "imagenet_encoders/mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    parts = parts_of(
        settings(root, sources=[{**source, "scenes": [free]}], start={"encoder": encoder}), 10
    )
    assert [licence.text for licence in parts[1].licences] == ["Apache-2.0"]
    assert licence_of("", parts) == PERMITTED
