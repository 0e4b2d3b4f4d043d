# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What is left of each exported network when OpenVINO has compiled it: convolutions, mostly.

Batch norm, activations and shortcuts are to melt into the convolutions. A change of a module that
hinders this makes the network slower without any other sign.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
openvino = pytest.importorskip("openvino")
pytest.importorskip("onnx")

from depth_ros.engines.export import to_onnx  # noqa: E402
from depth_ros.engines.networks import NETWORKS  # noqa: E402

ARITHMETIC = ("Subgraph", "Eltwise", "Math", "BatchNormInference", "MVN")


@pytest.mark.parametrize(
    ("name", "part", "convolutions", "arithmetic"),
    [
        ("fastdepth", "depth", 38, 3),  # the additive skips, after the upsampling
        ("monodepth2", "depth", 20 + 11, 0),
        ("monodepth2", "pose", 20 + 4, 1),
        ("monodepth2_mobilenet", "depth", 27 + 11, 0),
        ("stclstm", "depth", 20 + 1 + 4 * 3 + 4 * 3 + 1 + 4 + 4, 1),  # the cell's products
    ],
)
def test_all_but_convolutions_melts_away(
    name: str, part: str, convolutions: int, arithmetic: int, tmp_path: Path
) -> None:
    architecture = NETWORKS[name]
    network = architecture.build(architecture.config).eval()
    path = tmp_path / "n.onnx"
    to_onnx(network, architecture.parts(network, 96, 64), part, path)
    core = openvino.Core()
    if "Intel" not in (cpu := core.get_property("CPU", "FULL_DEVICE_NAME")) and "AMD" not in cpu:
        pytest.skip(f"fusion is checked on x86, not on {cpu}")
    model = core.read_model(path)
    model.reshape({i.get_any_name(): [1, *list(i.partial_shape)[1:]] for i in model.inputs})
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    operations = compiled.get_runtime_model().get_ops()
    found = Counter(op.get_rt_info()["layerType"].astype(str) for op in operations)
    assert found["Convolution"] == convolutions
    assert sum(found[kind] for kind in ARITHMETIC) <= arithmetic, found
