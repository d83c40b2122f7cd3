"""Where the tests find real photos and models: beside the checkout, where they exist."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from retrieval.benchmarks.face_folder import FaceFolder, photos_of_people, read
from retrieval.building import build_models, build_service
from retrieval.photos.samples import write_samples
from retrieval.settings import Settings
from tests.catalogue.postgres import Postgres, running_postgres
from tests.milvus_server import RunningMilvus, running_milvus
from worker.redis_server import EmbeddedRedis

# No example is too slow on a loaded machine: speed belongs to `rollcall bench`.
hypothesis.settings.register_profile("rollcall", deadline=None)
hypothesis.settings.load_profile("rollcall")
# What a test needs says in which lane it runs: `make test-fast` leaves all of these out.
_LANES = {
    "redis": {"_redis_program"},
    "postgres": {"postgres"},
    "milvus": {"milvus"},
    "browser": {"chromium"},
    # networks that are exported and run, and real photos by the hundred
    "slow": {"models_home", "orl_dir", "people_dir", "groups_dir", "lfw_dir", "videos_dir"},
}
# Tests of whole paths: they make services, servers or processes of their own.
_SLOW_FOLDERS = {"api", "backup", "benchmarks", "cli", "docker", "events", "worker"}
_SLOW_FILES = {
    "test_cameras",
    "test_erasure",  # a deletion is searched for traces by a process
    "test_indexes",
    "test_left_behind",
    "test_milvus",
}
# A file of tests that imports from these starts processes.
_PROCESSES = {"multiprocessing", "subprocess", "tests.processes"}

_BESIDE = Path(__file__).resolve().parents[2] / "shared"


def _beside(path: str) -> Path:
    found = _BESIDE / path
    if not found.exists():
        pytest.skip(f"needs real data that is not beside this checkout: ../shared/{path}")
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--fast` leaves out every lane, and does not even import the folders that are one."""
    parser.addoption("--fast", action="store_true", help="only what runs between two saves")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Importing a server's and a browser's tests takes as long as running many others."""
    leave_out = config.getoption("--fast") and collection_path.name in _SLOW_FOLDERS
    return True if leave_out and collection_path.is_dir() else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by what its fixtures start or load, or by what its file imports.

    Files with browsers come first, then what starts or loads anything else, so that of workers side
    by side none is left with a long file when the others are done.
    """
    _mark(items)
    turns: dict[Path, int] = {}
    for item in items:
        turn = 0 if item.get_closest_marker("browser") else 2
        if turn and any(map(item.get_closest_marker, _LANES)):
            turn = 1
        turns[item.path] = min(turn, turns.get(item.path, turn))
    items.sort(key=lambda item: turns[item.path])
    if config.getoption("--fast"):
        left_out = [item for item in items if any(map(item.get_closest_marker, _LANES))]
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


def _imported_by(item: pytest.Item) -> set[str]:
    """The modules that a test's file imports, and those that it takes names from."""
    values = vars(getattr(item, "module", pytest)).values()
    return {
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "") or ""
        for value in values
    }


def _mark(items: list[pytest.Item]) -> None:
    for item in items:
        needed = set(getattr(item, "fixturenames", ()))
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if parameters.get("url") == "postgresql":
            needed.add("postgres")
        folders = item.path.relative_to(Path(__file__).parent).parts
        if (
            item.path.stem in _SLOW_FILES
            or _SLOW_FOLDERS.intersection(folders)
            or _PROCESSES.intersection(_imported_by(item))
        ):
            item.add_marker("slow")
        for lane, fixtures in _LANES.items():
            if needed & fixtures:
                item.add_marker(lane)


@pytest.fixture(scope="session", autouse=True)
def _small_embedder() -> Iterator[None]:
    """Take the smallest network where a test names none: `auto` would export FaceNet each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROLLCALL_EMBEDDER", os.environ.get("ROLLCALL_EMBEDDER", "dlib-resnet"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_redis_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stop the embedded servers whose last user was killed, as some tests do."""
    yield
    for pid in tmp_path_factory.getbasetemp().glob("**/redis/pid"):
        EmbeddedRedis(pid.parents[1]).stop()


@pytest.fixture(scope="session")
def people_dir() -> Path:
    """Real photos: employees/<person>/*.jpg, queries/*.jpg, queries.csv."""
    return _beside("data/people")


@pytest.fixture(scope="session")
def orl_dir() -> Path:
    """The ORL database of faces: s1 to s40, ten grey 92x112 photos each."""
    return _beside("data/orl")


@pytest.fixture(scope="session")
def groups_dir() -> Path:
    """Group photos of 10 to 60 faces, and boxes.csv: photo, x, y, w, h of every face."""
    return _beside("data/groups")


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    """The YuNet detector's ONNX file."""
    return _beside("models/face_detection_yunet_2026may.onnx")


@pytest.fixture(scope="session")
def mobilefacenet_file() -> Path:
    """The ONNX file of MobileFaceNet as it is published: for one chip at a time."""
    return _beside("models/mobilefacenet_foamliu.onnx")


@pytest.fixture(scope="session")
def lfw_dir() -> Path:
    """Half of Labeled Faces in the Wild: a folder per person, colour photos of 250 px."""
    return _beside("data/lfw")


@pytest.fixture(scope="session")
def videos_dir() -> Path:
    """Three short clips: a scene of several people, a singer, people who walk."""
    return _beside("data/videos")


@pytest.fixture(scope="session")
def models_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder in which dlib-resnet is exported, once for all tests."""
    home = tmp_path_factory.mktemp("models-home")
    models = build_models(Settings(home=home))
    for precision in models.manifest.embedder("dlib-resnet").precisions:
        models.file("dlib-resnet", precision)
    return home


@pytest.fixture
def home(tmp_path: Path, models_home: Path) -> Path:
    """A home folder of the test's own, with models ready."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "models").symlink_to(models_home / "models", target_is_directory=True)
    return home


@pytest.fixture(scope="session")
def milvus() -> Iterator[RunningMilvus]:
    """A real Milvus server, for tests that do not end it."""
    with running_milvus() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server; whoever stops it starts it again."""
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    with running_postgres() as server:
        yield server


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """Where `url` has its SQLite catalogue."""
    return tmp_path / "catalogue.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_file}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.empty_database()


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's photos: employees/Grace Hopper/*.jpg and queries/group.jpg."""
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder)
    return folder


@pytest.fixture(scope="session")
def orl_faces(orl_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> FaceFolder:
    """The 400 faces of ORL, by the models that need no download."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, detector="mtcnn", embedder="dlib-resnet")
    with build_service(settings) as service:
        service.ensure_collection()
        return read(service.pipeline, photos_of_people(orl_dir))
