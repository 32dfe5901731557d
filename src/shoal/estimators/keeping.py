"""How a trained model leaves Python: into a file, to ONNX, to PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Keeps:
    """What fitted estimators and models have in common: they can be kept and taken elsewhere."""

    def save(self, path: str | Path) -> Path:
        """Write all of it to a file, conventionally NAME.shoal, that `shoal.load_model` opens.

        Weights, preparation of inputs, labels, constructor values, history and versions, in one
        safetensors file without pickle.

        Args:
            path: the file; an old one stays whole until the new one is.

        Returns:
            The path.

        Raises:
            ShoalError: not fitted, or the file cannot be written.
        """
        from shoal.estimators.file import save_model

        return save_model(self, path)

    def to_onnx(self, path: str | Path | None = None) -> Any:
        """The model for ONNX runtimes, preparation of inputs included (needs shoal[onnx]).

        See `shoal.estimators.onnx` for the names of its inputs and outputs.

        Args:
            path: where to write it, conventionally NAME.onnx; None not to.

        Returns:
            The `onnx.ModelProto`.

        Raises:
            ShoalError: not fitted, onnx is not installed, or the file cannot be written.
        """
        from shoal.estimators.onnx import to_onnx

        return to_onnx(self, path)
