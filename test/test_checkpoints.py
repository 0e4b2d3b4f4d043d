# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Official checkpoint files are read as data: in every layout; hostile ones run nothing."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from depth_ros.engines.checkpoints import read_file, read_state  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402


class Result:
    """As FastDepth's best_result: an object of a class that nobody here has."""

    def __init__(self) -> None:
        self.mse, self.delta1 = 0.5, 0.75


class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Has parameters, buffers, a shared module and one that is not persistent."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        self.again = self.body[0]
        self.register_buffer("kept", torch.arange(6.0).reshape(2, 3).t())
        self.register_buffer("dropped", torch.ones(2), persistent=False)


def both_formats(value: Any, folder: Path) -> list[Path]:
    """The value saved as a zip file and as PyTorch before 1.6 did."""
    paths = [folder / "zip.pth", folder / "legacy.pth"]
    for path, zipped in zip(paths, (True, False), strict=True):
        torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return paths


class Reduced:
    """Pickled as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._reduced = function, arguments

    def __reduce__(self) -> Any:
        return self._reduced


def old_module_file(module: Any, path: Path, **beside: Any) -> None:
    """A whole module as PyTorch 0.4.1 pickled it: with its backend and by calls of Parameter."""
    thnn = pytest.importorskip("torch.nn.backends.thnn")
    for child in module.modules():
        child.__dict__.pop("_non_persistent_buffers_set", None)
        child._backend = Reduced(thnn._get_thnn_function_backend)
        for name, value in child._parameters.items():
            child._parameters[name] = Reduced(torch.nn.parameter.Parameter, value.data, True)
    torch.save({**beside, "model": module}, path, _use_new_zipfile_serialization=False)


def same(state: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(state) == list(expected)
    for name, value in expected.items():
        assert state[name].dtype == value.dtype and torch.equal(state[name], value), name


def test_state_dicts_of_both_formats_and_every_type(tmp_path: Path) -> None:
    base = torch.arange(24.0)
    value = OrderedDict(
        {
            "a": base.reshape(4, 6)[1:3, ::2],  # a view: offset and strides
            "b": base[2:4],  # of the same storage
            "half": torch.ones(3).half(),
            "bf16": torch.ones(2).bfloat16(),
            "double": torch.rand(2, dtype=torch.float64),
            "int": torch.tensor(7),
            "bool": torch.tensor([True, False]),
            "empty": torch.empty(0, 3),
        }
    )
    for path in both_formats(value, tmp_path):
        state, beside = read_state(path)
        same(state, value)
        assert beside == {}


def test_numbers_beside_the_weights_are_kept_apart(tmp_path: Path) -> None:
    value = {"height": 192, "width": 640, "use_stereo": True, "encoder.w": torch.ones(2)}
    for path in both_formats(value, tmp_path):
        state, beside = read_state(path)
        same(state, {"encoder.w": torch.ones(2)})
        assert beside == {"height": 192, "width": 640, "use_stereo": True}


@pytest.mark.parametrize("key", ["model", "state_dict"])
def test_wrappers_and_the_prefix_of_data_parallel_are_taken_away(tmp_path: Path, key: str) -> None:
    value = {"epoch": 3, key: {"module.a.w": torch.ones(2), "module.module.b": torch.zeros(1)}}
    for path in both_formats(value, tmp_path):
        state, beside = read_state(path)
        same(state, {"a.w": torch.ones(2), "module.b": torch.zeros(1)})
        assert beside == {"epoch": 3}


def test_a_whole_module_becomes_its_state_dict(tmp_path: Path) -> None:
    net = Net()
    for value in (net, {"epoch": 1, "best_result": Result(), "model": net}):
        for path in both_formats(value, tmp_path):
            state, _ = read_state(path)
            same(dict(sorted(state.items())), dict(sorted(net.state_dict().items())))
    wrapped = both_formats({"model": torch.nn.DataParallel(net)}, tmp_path)
    for path in wrapped:
        assert set(read_state(path)[0]) == set(net.state_dict())


def test_a_module_as_pytorch_0_4_1_pickled_it(tmp_path: Path) -> None:
    net, path = (
        torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)),
        tmp_path / "o",
    )
    expected = {k: v.clone() for k, v in net.state_dict().items()}
    old_module_file(net, path, epoch=5, best_result=Result())
    data = path.read_bytes()
    assert (
        b"_get_thnn_function_backend" in data
        and b"parameter\nParameter" in data
        and b"module" in data
    )
    state, beside = read_state(path)
    same(state, expected)
    assert beside["epoch"] == 5 and beside["best_result"] == {"mse": 0.5, "delta1": 0.75}


def test_reading_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "trap_module.py").write_text("raise SystemExit('imported')")
    payload = b"\x80\x02ctrap_module\nTrap\n."
    (tmp_path / "x.pth").write_bytes(legacy(payload))
    sys.path.insert(0, str(tmp_path))
    try:
        assert read_file(tmp_path / "x.pth") == "trap_module.Trap"
    finally:
        sys.path.remove(str(tmp_path))
    assert "trap_module" not in sys.modules


def legacy(payload: bytes, tail: bytes = b"\x80\x02].") -> bytes:
    """The bytes of an old file with this pickle as its object."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    return b"".join(pickle.dumps(v, protocol=2) for v in head) + payload + tail


def zipped(payload: bytes, path: Path, **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", payload)
        for name, data in more.items():
            archive.writestr(f"archive/{name.replace('__', '/')}", data)
    return path


def attacks(marker: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that create ``marker`` when unpickled, and what the refusal names."""
    code = f"open({str(marker)!r}, 'w').close()"
    shell = Reduced(os.system, f"touch {marker}")

    def pickled(value: Any, protocol: int = 2) -> bytes:
        return pickle.dumps(value, protocol=protocol)

    nested = pickled(shell)[2:-1]  # without PROTO and STOP
    return {
        "os.system": (pickled({"model": shell}), f"{os.system.__module__}.system"),
        "eval": (pickled(Reduced(builtins.eval, code)), r"__builtin__\.eval"),
        "exec": (pickled(Reduced(builtins.exec, code), 4), r"builtins\.exec"),
        "getattr": (
            pickled(Reduced(getattr, 1, "real")),
            r"__builtin__\.getattr",
        ),
        "torch.load": (pickled(Reduced(torch.load, str(marker))), r"torch\.serialization\.load"),
        "pickle.loads": (pickled(Reduced(pickle.loads, pickled(shell))), r"pickle\.loads"),
        "numpy": (pickled(np.array([shell], dtype=object)), r"multiarray\._reconstruct"),
        "persistent id": (b"\x80\x02(" + b"U\x07storage" + nested + b"tQ.", "system"),
        "instance": (
            b"\x80\x02(X"
            + struct.pack("<I", len(code))
            + code.encode()
            + b"i__builtin__\neval\n.",
            "INST",
        ),
        "object": (
            b"\x80\x02(cos\nsystem\nX"
            + struct.pack("<I", 6 + len(str(marker)))
            + f"touch {marker}".encode()
            + b"o.",
            "OBJ",
        ),
        "extension": (b"\x80\x02\x82\x01.", "EXT1"),
        "call of a tensor": (b"\x80\x02K\x01)R.", "a call of an object of type int"),
        "new of a number": (b"\x80\x02K\x01)\x81.", "a call of an object of type int"),
        "dotted name": (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.", r"os\.system"),
        "state of a function": (
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}U\x0c__defaults__K\x01sb.",
            "broken pickle: a state for a Name",
        ),
    }


@pytest.mark.parametrize("name", attacks(Path("m")))
@pytest.mark.parametrize("kind", ["zip", "legacy", "bare"])
def test_a_hostile_pickle_is_refused_by_name_and_runs_nothing(
    tmp_path: Path, name: str, kind: str
) -> None:
    marker, path = tmp_path / "marker", tmp_path / "evil.pth"
    payload, message = attacks(marker)[name]
    if kind == "zip":
        zipped(payload, path)
    else:
        path.write_bytes(legacy(payload) if kind == "legacy" else payload)
    if kind == "bare":
        message = f"{message}|no PyTorch file"
    with pytest.raises(EngineError, match=message) as caught:
        read_file(path)
    assert str(path) in str(caught.value)
    assert not marker.exists()


def test_the_attacks_are_real(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for name in ("os.system", "eval", "exec", "pickle.loads", "numpy"):
        pickle.loads(attacks(marker)[name][0])
        assert marker.exists(), name
        marker.unlink()


STORAGE = b"ctorch\nFloatStorage\n"


def tensor(numel: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """A pickle of one tensor whose numbers are in data/0."""
    count = pickle.dumps(numel, 2)[2:-1]
    identity = b"(U\x07storage" + STORAGE + b"U\x010U\x03cpu" + count + b"tQ"
    numbers = b"".join(pickle.dumps(v, 2)[2:-1] for v in (offset, size, stride))
    numbers = numbers.replace(b"q\x00", b"")
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + identity + numbers + b"\x89}tR"
    return b"\x80\x02}U\x01w" + call + b"s."


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (tensor(4, 0, (2, 2), (2, 1)), None),
        (tensor(4, 1, (2, 2), (2, 1)), "size of a tensor"),
        (tensor(4, 0, (1 << 40,), (0,)), "size of a tensor"),  # a terabyte out of four numbers
        (tensor(4, 0, (2,), (1 << 62,)), "size of a tensor"),
        (tensor(4, -1, (2,), (1,)), "broken pickle: a tensor"),
        (tensor(4, 0, (2, 2), (1,)), "more sizes than strides"),
        (tensor(1 << 40, 0, (2,), (1,)), "numbers of storage 0"),
        (tensor(-4, 0, (2,), (1,)), "a storage of a negative size"),
    ],
)
def test_sizes_that_the_file_does_not_hold(
    tmp_path: Path, payload: bytes, message: str | None
) -> None:
    data = np.arange(4, dtype="<f4").tobytes()
    path = zipped(payload, tmp_path / "t.pth", data__0=data)
    old = tmp_path / "old.pth"
    count = payload and pickle.dumps(["0"], 2) + struct.pack("<q", 4) + data
    old.write_bytes(legacy(payload, count))
    for each in (path, old):
        if message is None:
            assert torch.equal(read_file(each)["w"], torch.arange(4.0).reshape(2, 2))
            continue
        with pytest.raises(EngineError, match=f"{message}|ends before"):
            read_file(each)


def deep(levels: int) -> bytes:
    return b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b"."


def doubling(levels: int) -> bytes:
    """A list of two of a list of two ...: 2^levels items in a few bytes."""
    step = b"".join(
        b"]("
        + b"j"
        + struct.pack("<I", i)
        + b"j"
        + struct.pack("<I", i)
        + b"er"
        + struct.pack("<I", i + 1)
        for i in range(levels)
    )
    return b"\x80\x02]r" + struct.pack("<I", 0) + step + b"."


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (deep(20_000), "structure of the file"),
        (doubling(60), "structure of the file"),
        (b"\x80\x02]q\x00h\x00a.", "structure of the file"),  # a list in itself
        (b"\x80\x02K\x01r\xff\xff\xff\x7f.", None),  # a memo that would take 16 GB as an array
        (b"\x80\x02B\xff\xff\xff\x7fabc.", "broken pickle"),  # 2 GB announced
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "broken pickle"),
        (b"\x80\x02" + b"\x8b\xff\xff\xff\x7f1.", "broken pickle"),
        (b"\x80\x02}]K\x01s.", "a key of type list"),
        (b"\x80\x02}))K\x01s.", "keys for a tuple"),
        (b"\x80\x02a.", "broken pickle"),
        (b"\x80\x02h\x05.", "broken pickle"),
        (b"\x80\x02t.", "broken pickle"),
        (b"\x80\x02K\x01", "broken pickle"),
        (b"\x80\x02U\x04abcdQ.", "not PyTorch's"),
        (b"\x80\x02(U\x07storagecos\nsystem\nU\x010U\x03cpuK\x01tQ.", "type of a tensor"),
        (b"", "broken pickle"),
    ],
)
def test_broken_and_bloated_pickles(tmp_path: Path, payload: bytes, message: str | None) -> None:
    for path in (zipped(payload, tmp_path / "z.pth"), tmp_path / "l.pth"):
        if path.name == "l.pth":
            path.write_bytes(legacy(payload))
        if message is None:
            assert read_file(path) == 1
            continue
        with pytest.raises(EngineError, match=message):
            read_file(path)


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    value = {"a": torch.arange(5.0), "b": torch.ones(3)}
    cut = tmp_path / "cut.pth"
    for path in both_formats(value, tmp_path):
        whole = path.read_bytes()
        for length in {*range(0, len(whole) - 1, 7), len(whole) - 1}:
            cut.write_bytes(whole[:length])
            with pytest.raises(EngineError, match=r"cut\.pth"):
                read_state(cut)


def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "damaged.pth"
    for whole in [p.read_bytes() for p in both_formats({"m": Net(), "n": [1, 2.5]}, tmp_path)]:
        for _ in range(300):
            bytes_ = bytearray(whole)
            for at in rng.integers(0, len(whole), 3):
                bytes_[at] = rng.integers(256)
            path.write_bytes(bytes_)
            try:
                read_file(path)
            except EngineError as error:
                assert str(path) in str(error)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no file"),
        (lambda p: p.mkdir(), "no file"),
        (lambda p: p.write_bytes(b""), "is empty"),
        (lambda p: p.write_bytes(b"\0" * 100), "no PyTorch file"),
        (lambda p: p.write_text("<html>not found</html>"), "no PyTorch file"),
        (lambda p: p.write_bytes(pickle.dumps({"a": 1})), "not one of torch.save"),
        (lambda p: zipped(b"", p) and zipfile.ZipFile(p, "w").close(), "an empty archive"),
        (lambda p: torch.save({}, p), "no weights in"),
        (lambda p: torch.save([torch.ones(2)], p), "no weights in .*got a list"),
        (lambda p: torch.save({"a": 1, "b": "c"}, p), "no weights in .*got a dict of a, b"),
        (lambda p: torch.save(torch.ones(2), p), "no weights in"),
        (lambda p: torch.save({1: torch.ones(2)}, p), "no weights in"),
        (lambda p: zipped(tensor(4, 0, (4,), (1,)), p), "lacks the numbers"),
        (lambda p: zipped(deep(2), p, byteorder=b"big"), "byte order"),
        (lambda p: zipped(deep(2), p, **{"constants.pkl": b""}), "TorchScript"),
    ],
)
def test_files_that_hold_no_weights(
    tmp_path: Path, make: Callable[[Path], Any], message: str
) -> None:
    path = tmp_path / "file.pth"
    make(path)
    with pytest.raises(EngineError, match=message):
        read_state(path)


def test_an_archive_of_the_files_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "mono_640x192.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("encoder.pth", b"\0" * 10_000)
    with pytest.raises(EngineError, match="Unzip it"):
        read_state(path)


def test_a_compression_bomb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", deep(2))
        archive.writestr("archive/data/0", b"\0" * 50_000_000)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(EngineError, match="a compressed archive"):
        read_state(path)
