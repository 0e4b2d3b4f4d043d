# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: networks on a CPU where OpenVINO is not installed."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError


class OrtEngine:
    """One session on the CPU provider. It computes in the precision of the ONNX file."""

    backend = "onnxruntime"

    def __init__(
        self, weights: Path, spec: EngineSpec, device: str, precision: str, threads: int
    ) -> None:
        self.spec = spec
        self.precision = spec.precision
        if device not in ("auto", "CPU"):
            raise EngineError("ONNX Runtime device", expected="CPU", got=device)
        if precision not in ("auto", spec.precision):
            raise EngineError("ONNX Runtime precision", expected=spec.precision, got=precision)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(weights), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base of their own
            raise EngineError(f"ONNX Runtime cannot open {weights}: {error}") from error
        self.device = "CPU"
        self._names = [t.name for t in spec.outputs]
        self._check_tensors()

    def infer(self, inputs: Arrays) -> Arrays:
        """See Engine.infer."""
        self.spec.check_inputs(inputs)
        return dict(zip(self._names, self._session.run(self._names, inputs), strict=True))

    def close(self) -> None:
        """See Engine.close."""
        del self._session

    def _check_tensors(self) -> None:
        session, spec = self._session, self.spec
        sides = ((session.get_inputs(), spec.inputs), (session.get_outputs(), spec.outputs))
        for ports, tensors in sides:
            found = {p.name: tuple(p.shape) for p in ports}
            expected = {t.name: t.shape for t in tensors}
            if found != expected:
                raise EngineError(f"tensors of {spec.weights}", expected=expected, got=found)
