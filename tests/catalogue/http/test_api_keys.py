"""Keys: which one is meant, what they may be called, and that they were made once."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.transfer import copy_catalogue
from retrieval.catalogue.http.api_keys import Role, keys, meant
from retrieval.catalogue.schema import now
from retrieval.catalogue.versions import MIGRATIONS, migrate
from retrieval.errors import AlreadyExists, InputError, NameInvalid, NotFound


@pytest.fixture
def catalogue(tmp_path: Path):
    with Catalogue.open(tmp_path / "catalogue.db") as opened:
        yield opened


@pytest.mark.parametrize(
    "name", ["0123456789ab", "ABCDEF012345", "rollcall_0123456789ab_secret", "Rollcall_x"]
)
def test_a_name_that_looks_like_a_handle_is_refused(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(NameInvalid, match="looks like"):
        catalogue.api_keys.create(name, Role.VIEWER)


def test_names_are_unique_in_a_collection_and_among_keys_of_all(catalogue: Catalogue) -> None:
    made = catalogue.api_keys
    for collection in (None, "berlin", "paris"):
        made.create("door", Role.VIEWER, collection)
        with pytest.raises(AlreadyExists):
            made.create("door", Role.VIEWER, collection)


def test_a_handle_means_one_key_and_a_name_the_one_in_use_or_none(catalogue: Catalogue) -> None:
    made = catalogue.api_keys
    first, _ = made.create("door", Role.VIEWER)
    other, _ = made.create("door", Role.VIEWER, "berlin")
    # Of a catalogue from before such names were refused: called as another's handle.
    poser = replace(other, handle="feedfeedfeed", name=first.handle)
    assert meant([poser, first], first.handle) == first
    with pytest.raises(InputError, match=rf"{first.handle} \(all\), {other.handle} \(berlin\)"):
        meant(made.all(), "door")
    made.revoke(other)
    assert meant(made.all(), "door").handle == first.handle
    with pytest.raises(NotFound):
        meant(made.all(), "window")


def test_that_keys_were_made_once_outlives_the_keys_and_is_copied(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    made = catalogue.api_keys
    assert not made.any_made()
    made.create("door", Role.VIEWER)
    with catalogue._database.writing() as connection:
        connection.execute(delete(keys))
    assert made.any_made()
    copy_catalogue(catalogue, tmp_path / "copy.db")
    with Catalogue.open(tmp_path / "copy.db") as copy:
        assert copy.api_keys.any_made()


def test_a_session_ends_by_name_or_by_time(catalogue: Catalogue) -> None:
    sessions = catalogue.sessions
    name, other, old = sessions.open("a", 1), sessions.open("b", 1), sessions.open("c", -1)
    assert [sessions.handle(each) for each in (name, other, old, "é")] == ["a", "b", None, None]
    sessions.end(name)
    assert [sessions.handle(each) for each in (name, other)] == [None, "b"]
    assert sessions.purge() == 1


TO_15 = 13  # the migration of version 14 to version 15
OLD_SQLITE = """CREATE TABLE keys (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
handle TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, collection TEXT,
requests_per_minute INTEGER, sha256 TEXT NOT NULL, created_at TEXT NOT NULL, revoked_at TEXT,
UNIQUE (handle), UNIQUE (name))"""
AUTO = "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"
OLD_POSTGRESQL = OLD_SQLITE.replace(AUTO, "BIGSERIAL PRIMARY KEY")


def test_an_older_catalogues_keys_are_kept_and_names_are_free_in_other_collections(
    url: str,
) -> None:
    with Catalogue.open(url) as catalogue:
        old = OLD_SQLITE if url.startswith("sqlite") else OLD_POSTGRESQL
        row = "'feedfeedfeed', 'door', 'viewer', '0', '2026-01-01T00:00:00.000+00:00'"
        with catalogue._database.writing() as connection:
            connection.execute(text("DROP TABLE keys"))
            connection.execute(text(old))
            columns = "handle, name, role, sha256, created_at"
            connection.execute(text(f"INSERT INTO keys ({columns}) VALUES ({row})"))
            migrate(connection, MIGRATIONS[TO_15], now())
        made = catalogue.api_keys
        made.create("door", Role.VIEWER, "berlin")
        assert [key.name for key in made.all()] == ["door", "door"]
        with catalogue._database.writing() as connection:
            connection.execute(delete(keys))
        assert made.any_made()
