"""One ONNX Runtime session: its options, and its errors as ours."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from retrieval.errors import InferenceFailed, ModelCorrupt, ModelMissing, SettingInvalid

_ERRORS_ONLY = 3  # onnxruntime's log severity
_SUFFIX = "ExecutionProvider"
PROCESSOR = "cpu"

# All networks of the process share one pool of memory, which grows by what is asked for. ONNX
# Runtime's own, one a network, double instead: under MTCNN's many sizes of image each detector held
# 115 MB where 10 do (measured on data/people), and the service 740 MB where 550 do; for sizes drawn
# at random both end, after some 200 photos, at 404 and 374 MB. Without a pool for the embedders the
# service held 394 MB after five minutes of `bench serve --mixed`, where 350 do: what they freed lay
# scattered over the arenas of glibc.
_AS_REQUESTED = 1  # kSameAsRequested
onnxruntime.create_and_register_allocator(
    onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    ),
    onnxruntime.OrtArenaCfg(0, _AS_REQUESTED, -1, -1),  # no limit; other sizes as they are
)


def available_providers() -> dict[str, str]:
    """What this ONNX Runtime can compute on: its own names by short ones, as "cpu" or "cuda"."""
    names = onnxruntime.get_available_providers()
    return {name.removesuffix(_SUFFIX).lower(): name for name in names}


def chosen_provider(wanted: str) -> str:
    """The short name of what is computed on: cuda for auto where it can be had, else cpu.

    Raises:
        SettingInvalid: this ONNX Runtime has no such provider.
    """
    found = available_providers()
    if wanted == "auto":
        return "cuda" if "cuda" in found else PROCESSOR
    if wanted not in found:
        raise SettingInvalid(
            f"This ONNX Runtime cannot compute on {wanted!r}, only on {', '.join(found)}. Set"
            " ROLLCALL_PROVIDER to one of them or to auto, or install the package that brings"
            f" {wanted!r} in place of onnxruntime, for example onnxruntime-gpu for cuda."
        )
    return wanted


class Session:
    """A loaded network. Safe to share between threads, not between processes."""

    def __init__(
        self,
        path: Path,
        threads: int = 0,
        *,
        provider: str = PROCESSOR,
        rewrite: Callable[[Path], bytes] | None = None,
    ) -> None:
        """Load a network.

        Args:
            path: an ONNX file.
            threads: threads within one operator; 0 for all cores.
            provider: what to compute on, see `chosen_provider`; the processor takes what it cannot
                do.
            rewrite: reads the file and returns the network that is to be loaded in its place.

        Raises:
            ModelMissing: there is no such file.
            ModelCorrupt: it is no ONNX file that this ONNX Runtime reads.
            SettingInvalid: the provider is not available, or does not start.
        """
        if not path.is_file():
            raise ModelMissing(f"There is no model file {path}. Run: rollcall models list")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _ERRORS_ONLY
        options.add_session_config_entry("session.use_env_allocators", "1")
        # Idle threads sleep: spinning, they took the cores from the threads that prepare photos.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        found = available_providers()
        first = found[chosen_provider(provider)]
        providers = list(dict.fromkeys([first, found[PROCESSOR]]))
        try:
            model = str(path) if rewrite is None else rewrite(path)
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as error:  # onnxruntime's share no other parent
            raise ModelCorrupt(
                f"ONNX Runtime cannot load {path}: {_first_line(error)} Delete it, or run: "
                "rollcall models verify"
            ) from error
        started = first in self._session.get_providers()  # ONNX Runtime goes on without it
        if not started and provider != "auto":
            raise SettingInvalid(
                f"ONNX Runtime has {first}, but it does not start: its device or its libraries are"
                " missing. Mend that, or set ROLLCALL_PROVIDER=cpu."
            )
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
