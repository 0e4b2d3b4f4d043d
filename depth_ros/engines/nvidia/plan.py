# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From ONNX to a TensorRT plan, in a process of its own.

The compiler can crash on a network (TensorRT-RTX 1.7 does on some), which must not end a node that
is running. A process also gives back all the memory it took, and can be stopped at any moment.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from depth_ros.engines.nvidia.compiler import Capability, Progress, compile_here
from depth_ros.engines.spec import EngineSpec
from depth_ros.errors import EngineError


def compile(
    onnx: Path,
    target: Path,
    spec: EngineSpec,
    *,
    compute_capability: Capability | None = None,
    refit: bool = False,
    progress: Progress | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Compiles ``onnx`` with the shapes of ``spec`` into the plan ``target``; returns facts of it.

    The plan is for ``device`` unless ``compute_capability`` names another one, which only
    TensorRT-RTX can, as only it compiles where there is no device. ``progress`` hears a fraction
    and a phase; what it raises cancels the compilation. ``target`` appears whole or not at all.
    """
    words = {"compute_capability": compute_capability, "refit": refit, "device": device}
    try:
        with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".plan-") as name:
            folder = Path(name)
            spec.save(folder / "spec.json")
            facts = _watch(onnx.absolute(), folder, words, progress)
            os.replace(folder / "plan", target)
    except OSError as error:
        raise EngineError(f"cannot write {target}: {error}") from error
    return facts


def _watch(
    onnx: Path, folder: Path, words: dict[str, Any], progress: Progress | None
) -> dict[str, Any]:
    """Starts the process and hears it out; it is gone when this returns or raises."""
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as lines, (folder / "log").open("wb") as log:
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", __name__, str(onnx), json.dumps(words), str(writing)],
                pass_fds=[writing],
                cwd=folder,  # python -m imports from here before anywhere else
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_paths())},
            )
        finally:
            os.close(writing)
        try:
            for kind, *values in _messages(lines):
                if kind == "progress" and progress:
                    progress(*values)
                elif kind == "facts":
                    return dict(values[0])
                elif kind == "error":
                    raise EngineError(values[0])
            how = _how_it_ended(child.wait(), folder / "log")
            raise EngineError(
                f"the compiler crashed on {onnx}: {how}", fix="Use another backend or version."
            )
        finally:
            child.kill()
            child.wait()


def _import_paths() -> list[str]:
    own = Path(__file__).resolve().parents[2]
    return [*(os.path.abspath(path) for path in sys.path if path), str(own)]


def _messages(lines: Any) -> Iterator[list[Any]]:
    for line in lines:
        if line.endswith("\n"):  # else the process died while writing it
            yield json.loads(line)


def _how_it_ended(code: int, log: Path) -> str:
    last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
    end = f"exit status {code}" if code >= 0 else signal.Signals(-code).name
    return f"{end}, {last}" if last else end


def main(onnx: str, words: str, pipe: str) -> None:
    """The process: compiles in the current folder, and tells who waits for it how far it is.

    If that one has died, telling fails, which ends the compilation.
    """
    options = json.loads(words)
    if options["compute_capability"]:
        options["compute_capability"] = tuple(options["compute_capability"])
    with open(int(pipe), "w", encoding="utf-8", buffering=1) as lines:

        def tell(kind: str, *values: Any) -> None:
            lines.write(json.dumps([kind, *values]) + "\n")

        def progress(fraction: float, phase: str) -> None:
            tell("progress", fraction, phase)

        spec = EngineSpec.load(Path("spec.json"))
        try:
            facts = compile_here(Path(onnx), Path("plan"), spec, progress=progress, **options)
        except EngineError as error:
            tell("error", str(error))
        else:
            tell("facts", facts)


if __name__ == "__main__":
    main(*sys.argv[1:])
