"""A catalogue of an older schema becomes one of today's, and loses nothing."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.migrations import VERSION
from tests.catalogue.made import new_face, sha256, vector

VERSION_1 = Path(__file__).with_name("version_1.sql")


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1.read_text())
    connection.close()
    return path


def schema(path):
    """Tables, columns, keys and indexes, in an order of their own."""
    engine = create_engine(f"sqlite:///{path}")
    inspector = inspect(engine)
    found = {
        table: {
            "columns": sorted(
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            ),
            "indexes": sorted(map(repr, inspector.get_indexes(table))),
            "unique": sorted(map(repr, inspector.get_unique_constraints(table))),
            "references": sorted(map(repr, inspector.get_foreign_keys(table))),
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
        }
        for table in inspector.get_table_names()
    }
    engine.dispose()
    return found


def test_a_migrated_catalogue_has_the_tables_of_a_new_one(old, tmp_path):
    Catalogue.open(f"sqlite:///{old}").close()
    Catalogue.open(f"sqlite:///{tmp_path}/new.db").close()
    assert schema(old) == schema(tmp_path / "new.db")


def test_a_migrated_catalogue_keeps_what_it_held_and_goes_on(old):
    with Catalogue.open(f"sqlite:///{old}") as catalogue:
        catalogue.check()
        gallery = catalogue.collection("default").id
        assert catalogue.calibration(gallery) == {"threshold": 0.5}
        assert [person.external_id for person in catalogue.people(gallery)] == ["E-1", None]
        assert catalogue.owners(gallery, [sha256(1), sha256(2)]) == {
            sha256(1): "Ann",
            sha256(2): "Bob",
        }
        np.testing.assert_array_equal(catalogue.vectors(gallery)[2], [vector(1), vector(2)])
        (answer,) = catalogue.enrol(gallery, [new_face("Cid", 3)])
        assert (answer.face_id, answer.person_id) == (3, 3)


def test_the_version_is_written_so_that_nothing_is_migrated_twice(old):
    for _ in range(2):
        Catalogue.open(f"sqlite:///{old}").close()
    connection = sqlite3.connect(old)
    found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()
    connection.close()
    assert found == [(str(VERSION),)]
