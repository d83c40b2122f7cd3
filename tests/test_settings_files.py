"""Where settings come from, and where they never come from."""

import logging
from pathlib import Path

import pytest

import rollcall
from retrieval.errors import SettingInvalid
from retrieval.settings_files import load_settings
from tests.cli.running import document
from tests.cli.running import rollcall as run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_nothing_that_lies_in_the_working_directory_is_obeyed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    hostile = f"ROLLCALL_CATALOGUE_URL=sqlite:///{photos}/stolen.db\nROLLCALL_KEEP_PHOTOS=true\n"
    (photos / ".env").write_text(hostile)
    (photos / "rollcall.toml").write_text("keep_photos = true\n")
    monkeypatch.chdir(photos)
    run(home, "keys", "create", "door")
    assert sorted(path.name for path in photos.iterdir()) == [".env", "rollcall.toml"]
    assert (home / "catalogue.db").exists()
    assert not load_settings(home=home).keep_photos


def test_the_homes_own_file_is_read_by_commands_and_by_the_library(home: Path) -> None:
    (home / "rollcall.toml").write_text(
        'catalogue_url = "sqlite:///HOME/other.db"\ningest_folders = ["/in"]\n'.replace(
            "HOME", str(home)
        )
    )
    run(home, "keys", "create", "door")
    assert (home / "other.db").exists()
    with rollcall.open(home) as staff:
        assert staff.settings.ingest_folders == (Path("/in"),)


def test_what_is_given_goes_before_the_environment_then_the_named_file_then_the_homes(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"queue": "own", "embedder": "own", "detector": "own", "collection": "own"}
    (home / ".env").write_text("".join(f"ROLLCALL_{k.upper()}={v}\n" for k, v in own.items()))
    config = tmp_path / "settings.toml"
    config.write_text('embedder = "named"\ndetector = "named"\ncollection = "named"\n')
    monkeypatch.delenv("ROLLCALL_EMBEDDER", raising=False)
    monkeypatch.setenv("ROLLCALL_DETECTOR", "environment")
    monkeypatch.setenv("ROLLCALL_COLLECTION", "environment")
    found = load_settings(config, home=home, collection="given")
    assert (found.queue, found.embedder, found.detector, found.collection) == (
        "own",
        "named",
        "environment",
        "given",
    )
    (home / "rollcall.toml").write_text('queue = "toml"\n')
    assert load_settings(home=home).queue == "toml"


def test_a_named_file_may_say_where_the_home_is(tmp_path: Path) -> None:
    config = tmp_path / "any.conf"
    config.write_text(f'ROLLCALL_HOME={tmp_path / "there"}\nROLLCALL_INGEST_FOLDERS=["/in"]\nX=1\n')
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "rollcall.toml").write_text("threads = 3\n")
    found = load_settings(config)
    assert (found.home, found.threads) == (tmp_path / "there", 3)
    assert found.ingest_folders == (Path("/in"),)


def test_a_command_takes_a_named_file(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f'catalogue_url = "sqlite:///{home}/other.db"\n')
    made = run(home, "keys", "create", "door", "--config", config, "--json")
    assert document(made)["name"] == "door"
    assert (home / "other.db").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rollcall.toml", "embeder = 'auto'", "Did you mean ROLLCALL_EMBEDDER?"),
        (".env", "ROLLCALL_DATA_KEYY=secret", "Did you mean ROLLCALL_DATA_KEY?"),
        ("rollcall.toml", "zzz = 1", "docs/settings.md lists all"),
        ("rollcall.toml", "threads = ", "cannot be read"),
        ("rollcall.toml", "threads = -1", "ROLLCALL_THREADS"),
        ("rollcall.toml", "home = '/elsewhere'", "Take that line out"),
        (".env", "ROLLCALL_INGEST_FOLDERS=/in", "cannot be read"),
    ],
)
def test_a_file_with_a_name_or_a_value_that_is_none_is_refused_with_the_nearest_right_one(
    home: Path, name: str, text: str, message: str
) -> None:
    (home / name).write_text(text + "\n")
    result = run(home, "people", "list")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "secret" not in result.stderr
    assert not (home / "catalogue.db").exists()


def test_a_misspelt_variable_of_the_environment_is_named_with_the_nearest_right_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ROLLCALL_AUDIT_DAY", "30")
    monkeypatch.setenv("rollcall_threads", "2")
    with caplog.at_level(logging.WARNING, "retrieval.settings"):
        found = load_settings(home=home)
    assert (found.audit_days, found.threads) == (365, 2)
    (told,) = caplog.messages
    assert told == (
        "ROLLCALL_AUDIT_DAY in the environment is no setting. Did you mean ROLLCALL_AUDIT_DAYS?"
    )
    shown = run(home, "keys", "list", ROLLCALL_AUDIT_DAY="30").stderr
    assert "ROLLCALL_AUDIT_DAYS" in " ".join(shown.split())


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"no\.toml cannot be read: No such file"):
        load_settings(tmp_path / "no.toml")


@pytest.mark.parametrize("name", ["detector", "ROLLCALL_DETECTOR", "Detector"])
def test_a_file_in_toml_may_name_settings_as_the_environment_does(home: Path, name: str) -> None:
    (home / "rollcall.toml").write_text(f'{name} = "mtcnn"\n')
    assert load_settings(home=home).detector == "mtcnn"
