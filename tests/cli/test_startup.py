"""What commands load: each heavy package is imported by those alone that need it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import rollcall

ROOT = Path(__file__).parents[2]

_NETWORKS = {"cv2", "faiss", "onnxruntime", "scipy", "sklearn", "matplotlib", "fastapi"}
_ARRAYS = {"numpy.linalg"}  # numpy itself stands there until something of it is asked for
_EDGES = {"rich.progress", "rich.markdown", "openpyxl", "cli.enroll", "cli.enrol_source"}
_UNASKED = {"sqlalchemy.dialects.postgresql"}  # 25 ms


def _loaded(home: Path, *words: str) -> set[str]:
    """The modules that a process has when it has run a command."""
    code = (
        "import sys\n"
        "sys.argv = ['rollcall', *sys.argv[1:]]\n"
        "from cli.app import main\n"
        "try:\n    main()\n"
        "finally:\n    sys.stderr.write('\\n'.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"ROLLCALL_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_help_loads_no_command_no_settings_and_no_catalogue(home: Path) -> None:
    loaded = _loaded(home, "--help")
    assert not loaded & {"numpy.linalg", "pydantic", "sqlalchemy", "cli.people", *_NETWORKS}


@pytest.mark.parametrize(
    "words",
    [
        ("people", "list"),
        ("people", "history"),
        ("collections", "list"),
        ("keys", "list"),
        ("audit",),
        ("jobs", "list"),
    ],
    ids=" ".join,
)
def test_what_asks_the_catalogue_alone_loads_no_arrays_index_or_network(
    home: Path, samples: Path, words: tuple[str, ...]
) -> None:
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    assert not _loaded(home, *words) & (_NETWORKS | _ARRAYS | _EDGES | _UNASKED)


def test_identifying_loads_no_scipy_and_nothing_that_trains_or_draws(
    home: Path, samples: Path
) -> None:
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    photo = next((samples / "employees").rglob("*.jpg"))
    loaded = _loaded(home, "identify", str(photo))
    assert not loaded & {"scipy", "sklearn", "matplotlib", "fastapi", "redis", "rq"}


def test_what_rewrites_networks_is_loaded_for_a_doubtful_find_alone(
    home: Path, samples: Path, yunet_file: Path
) -> None:
    """With YuNet, whose finds O-Net confirms: it is rewritten at each start."""
    shared = (home / "models").resolve()
    (home / "models").unlink()
    (home / "models" / "yunet").mkdir(parents=True)
    (home / "models" / "yunet" / yunet_file.name).symlink_to(yunet_file)
    (home / "models" / "dlib-resnet").symlink_to(shared / "dlib-resnet")
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    photo = next((samples / "employees").rglob("*.jpg"))
    assert "onnx" not in _loaded(home, "identify", str(photo))
