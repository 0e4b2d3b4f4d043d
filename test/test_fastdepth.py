# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""FastDepth: the published sizes, the official state, the skips, the two heads."""

from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch")

from depth_ros.engines.networks import NETWORKS  # noqa: E402
from depth_ros.engines.networks.fastdepth import FastDepth, FastDepthConfig  # noqa: E402

SMALL = FastDepthConfig(
    encoder=(4, 6, 8, 8, 10, 10, 12, 12, 12, 12, 12, 12, 14, 14), decoder=(12, 10, 8, 6, 4, 1)
)


def _random(network: FastDepth) -> FastDepth:
    """Every number of the state random, so that no layer can be a no-op by accident."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                low = 0.5 if "running_var" in name else -0.5
                value.copy_(torch.rand(value.shape, generator=generator) + low)
    return network.eval()


@pytest.mark.parametrize(
    ("name", "parameters"), [("fastdepth", 3_960_930), ("fastdepth_pruned", 1_360_786)]
)
def test_has_the_published_number_of_parameters(name: str, parameters: int) -> None:
    architecture = NETWORKS[name]
    network = architecture.build(architecture.config)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_state_has_the_official_keys_and_shapes() -> None:
    state = FastDepth().state_dict()
    assert len(state) == 228
    assert next(iter(state)) == "conv0.0.weight"
    assert state["conv0.0.weight"].shape == (32, 3, 3, 3)
    assert state["conv13.3.weight"].shape == (1024, 1024, 1, 1)
    assert state["decode_conv1.0.0.weight"].shape == (1024, 1, 5, 5)
    assert state["decode_conv1.1.0.weight"].shape == (512, 1024, 1, 1)
    assert state["decode_conv6.0.weight"].shape == (1, 32, 1, 1)
    assert state["decode_conv6.1.running_var"].shape == (1,)


@pytest.mark.parametrize("size", [(224, 224), (96, 160)])
def test_output_has_the_input_size_and_is_not_negative(size: tuple[int, int]) -> None:
    network = _random(FastDepth(SMALL))
    with torch.no_grad():
        depth = network(torch.rand(2, 3, *size))
    assert depth.shape == (2, 1, *size)
    assert depth.min() >= 0


def test_equals_the_official_order_of_layers() -> None:
    """Written out as the paper has it: every stage, nearest upsampling, skip, last layer last."""
    network = _random(FastDepth(SMALL))
    image = torch.rand(1, 3, 64, 96)
    up = torch.nn.Upsample(scale_factor=2, mode="nearest")
    with torch.no_grad():
        x, kept = image, {}
        for i in range(14):
            x = getattr(network, f"conv{i}")(x)
            kept[i] = x
        x = up(network.decode_conv1(x))
        x = up(network.decode_conv2(x)) + kept[5]
        x = up(network.decode_conv3(x)) + kept[3]
        x = up(network.decode_conv4(x)) + kept[1]
        expected = network.decode_conv6(up(network.decode_conv5(x)))
        torch.testing.assert_close(network(image), expected)
    assert expected.std() > 0


@pytest.mark.parametrize("stage", ["conv1", "conv3", "conv5"])
def test_every_skip_reaches_the_output(stage: str) -> None:
    network = _random(FastDepth(SMALL))
    reached = []
    network.get_submodule(stage).register_forward_hook(lambda *a: reached.append(a[2]))
    later = int(stage[4:]) + 1
    # what follows in the encoder is cut off: only the skip can carry a gradient
    network.get_submodule(f"conv{later}").register_forward_pre_hook(lambda _, a: a[0].detach())
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    half = network.forward_half(image)
    (gradient,) = torch.autograd.grad(half.sum(), reached[0], allow_unused=True)
    assert gradient is not None


def test_log_depth_head_may_be_negative_and_ignores_the_batch() -> None:
    config = dataclasses.replace(SMALL, output="log_depth")
    network = _random(FastDepth(config))
    torch.nn.init.constant_(network.decode_conv6[1].bias, -20.0)
    network.train()
    assert not network.decode_conv6[1].training  # its statistics would wash out the scale
    with torch.no_grad():
        assert network(torch.rand(2, 3, 64, 64)).max() < 0
    assert len(network.state_dict()) == 228
