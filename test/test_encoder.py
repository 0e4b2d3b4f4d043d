# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The ImageNet encoder: torch computes the same features as the tflite file itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
openvino = pytest.importorskip("openvino")

from depth_ros.engines.networks.fastdepth import PRUNED, FastDepth  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402
from depth_ros.training.data.readers.images import read_rgb  # noqa: E402
from depth_ros.training.encoder import load_mobilenets, restore_normalisation  # noqa: E402

FILE = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"


def _features(network: FastDepth, x: torch.Tensor, tensorflow_padding: bool) -> np.ndarray:
    """Output of conv13; TensorFlow's SAME pads a stride of 2 at the bottom and right only."""
    with torch.no_grad():
        for i in range(14):
            layers = list(network.get_submodule(f"conv{i}"))
            if tensorflow_padding and layers[0].stride[0] == 2:
                x = torch.nn.functional.pad(x, (0, 1, 0, 1))
                conv = layers.pop(0)
                x = torch.nn.functional.conv2d(x, conv.weight, None, 2, 0, 1, conv.groups)
            for layer in layers:
                x = layer(x)
    return x.numpy()


def test_features_are_those_of_the_file(data_dir: Callable[[str], Path]) -> None:
    path = data_dir("imagenet_encoders") / FILE
    image = read_rgb(data_dir("sevenscenes_redkitchen") / "rgb/000100.jpg")[8:232, 48:272]
    network = FastDepth().eval()
    load_mobilenets(network, path)
    pixels = (torch.from_numpy(image.copy())[None].movedim(-1, 1).float() - 127.5) / 127.5

    core = openvino.Core()
    model = core.read_model(path)
    pool = next(op for op in model.get_ordered_ops() if op.get_type_name() == "AvgPool")
    quantised = openvino.Model([pool.input_value(0)], model.get_parameters())
    expected = next(iter(core.compile_model(quantised, "CPU")(image[None]).values()))

    same_padding = _features(network, pixels, tensorflow_padding=True)
    assert np.corrcoef(expected.ravel(), same_padding.ravel())[0, 1] > 0.99

    # torch's symmetric padding moves features by 31 pixels over the five strides: nearly one cell
    ours = _features(network, pixels, tensorflow_padding=False)
    inside, next_inside = np.s_[..., 1:-2, 1:-2], np.s_[..., 2:-1, 2:-1]  # borders see padding
    moved = np.corrcoef(expected[inside].ravel(), ours[next_inside].ravel())[0, 1]
    unmoved = np.corrcoef(expected[inside].ravel(), ours[inside].ravel())[0, 1]
    assert moved > 0.7  # not 1: the receptive field of every cell reaches the padding
    assert moved > unmoved + 0.2

    restore_normalisation(network, [pixels])
    np.testing.assert_allclose(_features(network, pixels, False), ours, atol=1e-3)
    assert network.conv5[1].running_mean.abs().max() > 0.01  # no longer 0 and 1


def test_other_widths_are_refused(data_dir: Callable[[str], Path]) -> None:
    pruned = FastDepth(PRUNED)
    with pytest.raises(EngineError, match="empty string"):
        load_mobilenets(pruned, data_dir("imagenet_encoders") / FILE)
