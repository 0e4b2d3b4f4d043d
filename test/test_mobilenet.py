# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The MobileNet V1 encoder: FastDepth's features, in Monodepth2 and ST-CLSTM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("openvino")

from depth_ros.engines.networks import NETWORKS  # noqa: E402
from depth_ros.engines.networks.fastdepth import FastDepth  # noqa: E402
from depth_ros.engines.networks.mobilenet import MobileNet  # noqa: E402
from depth_ros.errors import EngineError  # noqa: E402
from depth_ros.training.config import StartConfig  # noqa: E402
from depth_ros.training.methods.self_supervised.networks import ask  # noqa: E402
from depth_ros.training.start import load_start  # noqa: E402

FILE = "imagenet_encoders/mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"


def test_its_features_are_those_of_fastdepth() -> None:
    torch.manual_seed(0)
    whole, encoder = FastDepth().eval(), MobileNet().eval()
    state = whole.state_dict()
    encoder.load_state_dict({k: state[k] for k in encoder.state_dict()})
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        features, x = encoder(image), image
        assert [tuple(f.shape[1:]) for f in features] == [
            *((64, 32, 48), (128, 16, 24), (256, 8, 12)),
            *((512, 4, 6), (1024, 2, 3)),
        ]
        for i in range(14):
            x = whole.get_submodule(f"conv{i}")(x)
            if i in (1, 3, 5, 11, 13):
                assert torch.equal(features[(1, 3, 5, 11, 13).index(i)], x)


def test_imagenet_starts_both_encoders_of_monodepth2(data_dir: Callable[[str], Path]) -> None:
    """Live batch norms change nothing of it, and two equal images give the features of one."""
    data = data_dir("imagenet_encoders").parent
    architecture = NETWORKS["monodepth2_mobilenet"]
    torch.manual_seed(1)
    network = architecture.build(architecture.config).eval()
    images = [torch.rand(4, 3, 64, 96) * 2 - 1 for _ in range(2)]
    load_start(network, StartConfig(encoder=FILE), data, lambda: images, ask)
    fast = FastDepth().eval()
    load_start(fast, StartConfig(encoder=FILE), data, lambda: images)
    norm = network.get_submodule("encoder.encoder.conv5.1")
    assert torch.any(norm.running_mean != 0)
    image = images[0][:1]
    with torch.no_grad():
        one = network.get_submodule("encoder.encoder")(image)
        two = network.get_submodule("pose_encoder.encoder")(torch.cat([image, image], 1))
        x = image
        for i in range(14):
            x = fast.get_submodule(f"conv{i}")(x)
    torch.testing.assert_close(one[-1], x, rtol=1e-3, atol=2e-3)
    torch.testing.assert_close(two[-1], x, rtol=1e-3, atol=2e-3)
    with pytest.raises(EngineError, match="expected a MobileNet, got none"):
        load_start(
            NETWORKS["monodepth2"].build(NETWORKS["monodepth2"].config),
            StartConfig(encoder=FILE),
            data,
            lambda: images,
        )


@pytest.mark.parametrize("name", ["monodepth2_mobilenet", "stclstm_mobilenet"])
def test_its_images_are_normalised_as_imagenet_wants_them(name: str) -> None:
    architecture = NETWORKS[name]
    network = architecture.build(architecture.config).eval()
    for part in architecture.parts(network, 96, 64).values():
        assert part.facts["mean"] == part.facts["std"] == (0.5, 0.5, 0.5)
        with torch.no_grad():
            found = part.module(*(torch.zeros(t.shape) for t in part.inputs))
        outputs = found if isinstance(found, tuple) else (found,)
        assert [tuple(o.shape) for o in outputs] == [t.shape for t in part.outputs]
