# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Numbers in a card: one row a measurement, repeated by its command, on any machine."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.zoo.card import section_of, with_section
from depth_ros.engines.zoo.measured import EMPTY, SECTION, command_of, record
from depth_ros.errors import EngineError

COMMAND = "depth_eval --protocol nyu --engine engines/tiny --truth DATA/room"


def rows_of(folder: Path) -> list[list[str]]:
    """The cells of the table, without its head."""
    text = section_of((folder / "CARD.md").read_text(encoding="utf-8"), SECTION)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_a_row_is_added_and_replaced(tiny_engine: Path) -> None:
    sha = EngineSpec.load(tiny_engine / "spec.json").sha256[:8]
    record(tiny_engine, COMMAND, "nyu", "room, 5 frames", {"abs_rel": 0.123456, "delta1": 0.9})
    first = ["nyu", "room, 5 frames", "fp32", f"`{sha}`", "abs_rel 0.1235, delta1 0.9"]
    assert rows_of(tiny_engine) == [[*first, f"`{COMMAND}`"]]
    record(tiny_engine, COMMAND, "nyu", "room, 5 frames", {"abs_rel": 0.2}, "bf16")
    record(tiny_engine, COMMAND, "kitti", "room | 5 frames", {"abs_rel": 0.3})
    assert [row[:3] for row in rows_of(tiny_engine)] == [
        ["nyu", "room, 5 frames", "fp32"],
        ["nyu", "room, 5 frames", "bf16"],
        ["kitti", "room / 5 frames", "fp32"],
    ]
    record(tiny_engine, COMMAND, "nyu", "room, 5 frames", {"abs_rel": 0.1})
    found = {tuple(row[:3]): row[4] for row in rows_of(tiny_engine)}
    assert len(found) == 3 and found["nyu", "room, 5 frames", "fp32"] == "abs_rel 0.1"
    record(tiny_engine, COMMAND, "kitti", "room | 5 frames", {"abs_rel": 0.4})
    assert len(rows_of(tiny_engine)) == 3
    record(tiny_engine, f"{COMMAND} --gain 3", "nyu", "room, 5 frames", {"abs_rel": 0.9})
    assert len(rows_of(tiny_engine)) == 4  # a disturbed image is another measurement


def test_the_rest_of_the_card_stays(tiny_engine: Path) -> None:
    numbers = "## Numbers\n\n| by | hand |\n|---|---|\n| a | 1 |\n"
    card = f"# tiny\n\n{numbers}\n## What it cannot do\n\nSee.\n"
    (tiny_engine / "CARD.md").write_text(with_section(card, SECTION, f"Our rooms.\n\n{EMPTY}"))
    record(tiny_engine, COMMAND, "nyu", "room", {"abs_rel": 0.1})
    record(tiny_engine, COMMAND, "nyu", "hall", {"abs_rel": 0.2})
    new = (tiny_engine / "CARD.md").read_text(encoding="utf-8")
    assert new.startswith(card.rstrip()) and EMPTY not in new
    assert section_of(new, SECTION).startswith("Our rooms.\n\n| protocol |")
    assert [row[1] for row in rows_of(tiny_engine)] == ["room", "hall"]


def test_a_folder_that_is_no_entry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no spec at"):
        record(tmp_path, COMMAND, "nyu", "room", {"abs_rel": 0.1})
    assert list(tmp_path.iterdir()) == []


def test_a_command_names_no_folder_of_this_machine(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = [
        *("--protocol", "nyu", f"--engine={tiny_engine}", "--truth", f"{tmp_path}/my data:0:51"),
        *("--json", "out.json", "--plots=plots", "--card", str(tiny_engine), "--scale", "none"),
    ]
    command = command_of("depth_eval", said, tiny_engine)
    assert shlex.split(command) == [
        *("depth_eval", "--protocol", "nyu", "--engine=engines/tiny"),
        *("--truth", "DATA/my data:0:51", "--scale", "none"),
    ]
    relative = command_of("depth_eval", ["--engine", "tiny", "--truth", "../d/room"], tiny_engine)
    assert relative == "depth_eval --engine engines/tiny --truth DATA/room"
    assert command_of("depth_eval", ["--truth", "~/room"], tiny_engine).endswith("DATA/room")
    kind = command_of("depth_eval", ["--truth", f"nyu:{tmp_path}/n.mat:test:0:9"], tiny_engine)
    assert kind == "depth_eval --truth nyu:DATA/n.mat:test:0:9"
    assert command_of("depth_eval", ["--truth", "room"], tiny_engine).endswith(" room")


WRITER = """
import sys
from pathlib import Path
from depth_ros.engines.zoo.measured import record
print("ready", flush=True)
number = 0
while True:
    number += 1
    record(Path(sys.argv[1]), "c", "nyu", "room", {"abs_rel": float(number)})
"""


def test_a_writer_that_is_killed_leaves_a_whole_card(tiny_engine: Path) -> None:
    text = "# tiny\n\n" + "Much is known of this network.\n" * 2000
    (tiny_engine / "CARD.md").write_text(text)
    for wait_s in (0.05, 0.11, 0.17, 0.23):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tiny_engine)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None and writer.stdout.readline()
        time.sleep(wait_s)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert (tiny_engine / "CARD.md").read_text(encoding="utf-8").startswith(text.rstrip())
    record(tiny_engine, "c", "nyu", "room", {"abs_rel": 0.5})
    assert [row[4] for row in rows_of(tiny_engine)] == ["abs_rel 0.5"]
    assert not list(tiny_engine.glob("*.partial"))
