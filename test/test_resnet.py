# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ResNet encoders: the published sizes, torchvision's state, the layers written out again."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from depth_ros.engines.networks.resnet import ResNet  # noqa: E402

CLASSIFIER = {18: 512 * 1000 + 1000, 34: 512 * 1000 + 1000, 50: 2048 * 1000 + 1000}


def randomised(network: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if "running_var" in name or (value.ndim == 1 and name.endswith("weight")):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
            elif value.ndim == 1:
                value.copy_(torch.rand(value.shape, generator=generator) - 0.5)
    return network.eval()


@pytest.mark.parametrize(
    ("layers", "published", "keys"),
    [(18, 11_689_512, 120), (34, 21_797_672, 216), (50, 25_557_032, 318)],
)
def test_has_the_published_parameters_but_for_the_classifier(
    layers: int, published: int, keys: int
) -> None:
    network = ResNet(layers)
    assert sum(p.numel() for p in network.parameters()) == published - CLASSIFIER[layers]
    assert len(network.state_dict()) == keys


def test_state_has_torchvisions_keys_and_shapes() -> None:
    state = {k: tuple(v.shape) for k, v in ResNet(50).state_dict().items()}
    assert state["conv1.weight"] == (64, 3, 7, 7)
    assert state["bn1.running_mean"] == (64,)
    assert state["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert state["layer1.0.downsample.1.weight"] == (256,)
    assert state["layer4.2.conv2.weight"] == (512, 512, 3, 3)
    assert state["layer4.2.bn3.bias"] == (2048,)
    basic = ResNet(18).state_dict()
    assert basic["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1)
    assert "layer1.0.downsample.0.weight" not in basic


@pytest.mark.parametrize("layers", [18, 50])
@pytest.mark.parametrize("images", [1, 2])
def test_features_have_the_stated_sizes(layers: int, images: int) -> None:
    network = ResNet(layers, images).eval()
    with torch.no_grad():
        features = network(torch.rand(2, 3 * images, 64, 96))
    wide = 4 if layers == 50 else 1
    assert network.widths == (64, *(wide * c for c in (64, 128, 256, 512)))
    expected = [(2, c, 64 >> k, 96 >> k) for k, c in enumerate(network.widths, 1)]
    assert [tuple(f.shape) for f in features] == expected


def written_out(state: dict[str, Any], blocks: tuple[int, ...], x: Any) -> list[Any]:
    """The network as functions of its state, from tables 1 and 5 of the paper."""

    def norm(x: Any, name: str) -> Any:
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return functional.batch_norm(x, mean, var, state[f"{name}.weight"], state[f"{name}.bias"])

    def conv(x: Any, name: str, stride: int) -> Any:
        weight = state[f"{name}.weight"]
        return functional.conv2d(x, weight, None, stride, weight.shape[-1] // 2)

    features = [functional.relu(norm(conv(x, "conv1", 2), "bn1"))]
    x = functional.max_pool2d(features[0], 3, 2, 1)
    for stage, count in enumerate(blocks, 1):
        for b in range(count):
            name, stride = f"layer{stage}.{b}", 2 if stage > 1 and b == 0 else 1
            convs = 3 if f"{name}.conv3.weight" in state else 2
            y = x
            for i in range(1, convs + 1):
                # the first 3x3 of a block has its stride: conv1 of two, conv2 of three
                y = conv(y, f"{name}.conv{i}", stride if i == convs - 1 else 1)
                y = norm(y, f"{name}.bn{i}")
                y = functional.relu(y) if i < convs else y
            if f"{name}.downsample.0.weight" in state:
                x = norm(conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
            x = functional.relu(x + y)
        features.append(x)
    return features


@pytest.mark.parametrize(
    ("layers", "blocks"), [(18, (2, 2, 2, 2)), (34, (3, 4, 6, 3)), (50, (3, 4, 6, 3))]
)
def test_equals_the_layers_written_out(layers: int, blocks: tuple[int, ...]) -> None:
    network = randomised(ResNet(layers))
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        features = network(image)
        expected = written_out(network.state_dict(), blocks, image)
    assert len(features) == len(expected) == 5
    for got, want in zip(features, expected, strict=True):
        assert want.std() > 0
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
