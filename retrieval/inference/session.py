"""One ONNX Runtime session: its options, and its errors as ours."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from retrieval.errors import InferenceFailed, ModelCorrupt, ModelMissing

_ERRORS_ONLY = 3  # onnxruntime's log severity
# A GPU where the package onnxruntime-gpu is installed, else the processor.
_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")


class Session:
    """A loaded network. Safe to share between threads, not between processes."""

    def __init__(
        self, path: Path, threads: int = 0, *, rewrite: Callable[[Path], bytes] | None = None
    ) -> None:
        """Load a network.

        Args:
            path: an ONNX file.
            threads: threads within one operator; 0 for all cores.
            rewrite: reads the file and returns the network that is to be loaded in its place.

        Raises:
            ModelMissing: there is no such file.
            ModelCorrupt: it is no ONNX file that this ONNX Runtime reads.
        """
        if not path.is_file():
            raise ModelMissing(f"There is no model file {path}. Run: rollcall models list")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _ERRORS_ONLY
        available = onnxruntime.get_available_providers()
        providers = [name for name in _PROVIDERS if name in available]
        try:
            model = str(path) if rewrite is None else rewrite(path)
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as error:  # onnxruntime's share no other parent
            raise ModelCorrupt(
                f"ONNX Runtime cannot load {path}: {_first_line(error)} Delete it, or run: "
                "rollcall models verify"
            ) from error
        self._path = path
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def inputs(self) -> dict[str, tuple[str, tuple[int | str, ...]]]:
        """Type ("tensor(uint8)", "tensor(float)") and shape by input name."""
        return {i.name: (i.type, tuple(i.shape)) for i in self._session.get_inputs()}

    @property
    def outputs(self) -> dict[str, tuple[int | str, ...]]:
        """Shape by output name."""
        return {o.name: tuple(o.shape) for o in self._session.get_outputs()}

    @property
    def metadata(self) -> dict[str, str]:
        """What the file's maker wrote into it."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """Run the network once; outputs in the file's order.

        Raises:
            InferenceFailed: ONNX Runtime failed.
        """
        try:
            outputs = self._session.run(self._outputs, dict(feeds))
        except Exception as error:  # onnxruntime's share no other parent
            shapes = {name: array.shape for name, array in feeds.items()}
            raise InferenceFailed(
                f"{self._path.name} failed on inputs {shapes}: {_first_line(error)}"
            ) from error
        return list(outputs)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
