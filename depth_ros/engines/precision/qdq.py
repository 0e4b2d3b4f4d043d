# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which nodes of an ONNX graph bear int8 (Q/DQ nodes around them), told from the graph alone."""

from __future__ import annotations

from typing import Any

_HEAVY = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_SAME = {"Relu", "Clip", "Identity"}  # they keep a quantised tensor's meaning
_MOVES = {"Resize", "MaxPool"}  # they only choose among values, and can do so in int8


def chosen(graph: Any, image: str, *, resizes: bool) -> list[Any]:
    """The nodes of a graph to quantise; ``image`` is its first input.

    - Convolutions and matrix products with constant weights; but not those that read the image,
      nor depthwise convolutions that read these: few values feed each of their outputs, so nothing
      averages the rounding, and all later layers see it. They cost next to nothing in float.
    - Sums of quantised convolutions that a convolution reads again (shortcuts, skips).
    - With ``resizes``: max-pooling and nearest-neighbour resizing between quantised layers.
    """
    constants = {weight.name: weight for weight in graph.initializer}
    readers = _readers(graph)
    layers = {image: 0}  # how many convolutions lie between the image and a tensor
    quantised: set[str] = set()  # tensors that come from quantised nodes
    nodes = []
    for node in graph.node:
        below = [layers[name] for name in node.input if name in layers]
        depth = min(below) if below else None
        heavy = node.op_type in _HEAVY and node.input[1] in constants
        if depth is not None:
            layers |= dict.fromkeys(node.output, depth + heavy)
        if heavy:
            depthwise = node.op_type == "Conv" and constants[node.input[1]].dims[1] == 1
            wanted = depth is None or depth > (1 if depthwise else 0)
        else:
            wanted = _follows(node, quantised, readers, resizes)
        if wanted or (node.op_type in _SAME and node.input[0] in quantised):
            quantised |= set(node.output)
        if wanted:
            nodes.append(node)
    return nodes


def tensors_of(graph: Any, nodes: list[Any]) -> list[str]:
    """The activations that these nodes read or, where they only move values, write."""
    constants = {weight.name for weight in graph.initializer}
    names: dict[str, None] = {}
    for node in nodes:
        both = 2 if node.op_type == "Add" else 1
        names |= dict.fromkeys(n for n in node.input[:both] if n and n not in constants)
        if node.op_type in _MOVES:
            names |= dict.fromkeys(node.output[:1])
    return list(names)


def _follows(node: Any, quantised: set[str], readers: dict[str, set[str]], resizes: bool) -> bool:
    if node.op_type == "Add":
        sums = all(name in quantised for name in node.input)
        return sums and readers.get(node.output[0], set()) <= _HEAVY | _SAME | _MOVES | {"Add"}
    if node.op_type in _MOVES and resizes:
        return node.input[0] in quantised and _nearest(node)
    return False


def _nearest(node: Any) -> bool:
    if node.op_type == "MaxPool":
        return True
    modes = [a.s for a in node.attribute if a.name == "mode"]
    return not modes or modes[0] == b"nearest"


def _readers(graph: Any) -> dict[str, set[str]]:
    """The kinds of node that read each tensor; ``output`` for the graph's own."""
    readers: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    for output in graph.output:
        readers.setdefault(output.name, set()).add("output")
    return readers
