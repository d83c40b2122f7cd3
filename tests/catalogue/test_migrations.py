"""A catalogue of an older schema becomes one of today's, and loses nothing."""

import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect, text

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.database import Database
from retrieval.catalogue.migrations import TABLES, VERSION
from retrieval.catalogue.records import EnrolmentOutcome, Owner, part_sha256
from retrieval.catalogue.schema import metadata
from retrieval.catalogue.versions import TYPES
from tests.catalogue.made import new_face, sha256, vector

DUMPS = sorted(Path(__file__).with_name("versions").glob("version_*.sql"))


@pytest.fixture(params=DUMPS, ids=[path.stem for path in DUMPS])
def old(request, tmp_path):
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(request.param.read_text())
    connection.close()
    return path


def schema(url):
    """Tables, columns, keys and indexes, in an order of their own."""
    engine = create_engine(url)
    inspector = inspect(engine)
    found = {
        table: {
            "columns": sorted(
                (column["name"], repr(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            ),
            "indexes": sorted(map(worded, inspector.get_indexes(table))),
            "unique": sorted(map(repr, inspector.get_unique_constraints(table))),
            "references": sorted(map(repr, inspector.get_foreign_keys(table))),
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
        }
        for table in inspector.get_table_names()
    }
    engine.dispose()
    return found


def worded(index):
    """An index as text; what it holds as SQL is otherwise shown by its address."""
    options = index.get("dialect_options", {})
    return repr({**index, "dialect_options": {key: str(value) for key, value in options.items()}})


def version_1_for_postgresql():
    """The tables of the first dump in PostgreSQL's types."""
    types = TYPES["postgresql"]
    statements = DUMPS[0].read_text()
    assert DUMPS[0].stem == "version_1"
    statements = re.sub(r"(?ms)^INSERT .*?;$|^DELETE .*?;$|^--.*?$|^BEGIN.*?$", "", statements)
    statements = statements.replace("COMMIT;", "").replace(TYPES["sqlite"]["id"], types["id"])
    statements = re.sub(r"(\w*_id|seq) INTEGER", rf"\1 {types['ref']}", statements)
    statements = re.sub(r"\tname TEXT", f"\tname {types['name']}", statements)
    statements = statements.replace(" DOUBLE ", f" {types['double']} ")
    statements = statements.replace(" BLOB ", f" {types['bytes']} ")
    # Tables that others refer to come first.
    made = [each.strip() for each in statements.split(";") if each.strip()]
    order = ("meta", "collections", "people", "photos", "faces", "changes", "journal")
    return sorted(made, key=lambda each: [*order, *each.split()].index(each.split()[2]))


def test_there_is_a_dump_of_the_first_version_and_of_todays():
    versions = {int(path.stem.removeprefix("version_")) for path in DUMPS}
    assert {1, VERSION} <= versions


def test_every_table_is_among_those_that_a_new_catalogue_gets():
    assert set(TABLES) == set(metadata.tables.values())


def test_a_migrated_catalogue_has_the_tables_of_a_new_one(old, tmp_path):
    Catalogue.open(f"sqlite:///{old}").close()
    Catalogue.open(f"sqlite:///{tmp_path}/new.db").close()
    assert schema(f"sqlite:///{old}") == schema(f"sqlite:///{tmp_path}/new.db")


def test_a_migrated_postgresql_has_the_tables_of_a_new_one(postgres):
    url = postgres.empty_database()
    Catalogue.open(url).close()
    driver = url.replace("postgresql:", "postgresql+psycopg:")
    new = schema(driver)
    postgres.empty_database()
    database = Database(url)
    with database.writing() as connection:
        for statement in version_1_for_postgresql():
            connection.execute(text(statement))
        for key, value in (("schema", "1"), ("epoch", "an epoch")):
            row = {"key": key, "value": value}
            connection.execute(text("INSERT INTO meta VALUES (:key, :value)"), row)
    database.close()
    Catalogue.open(url).close()
    assert schema(driver) == new


def test_a_migrated_catalogue_keeps_what_it_held_and_goes_on(old):
    with Catalogue.open(f"sqlite:///{old}") as catalogue:
        catalogue.check()
        gallery = catalogue.collection("default").id
        assert catalogue.calibration(gallery) == {"threshold": 0.5}
        assert [person.external_id for person in catalogue.people(gallery)] == ["E-1", None]
        assert catalogue.owners(gallery, [sha256(1), sha256(2)]) == {
            sha256(1): (Owner("Ann", "E-1"),),
            sha256(2): (Owner("Bob"),),
        }
        np.testing.assert_array_equal(catalogue.vectors(gallery)[2], [vector(1), vector(2)])
        (answer,) = catalogue.enrol(gallery, [new_face("Cid", 3)])
        assert (answer.face_id, answer.person_id) == (3, 3)


def test_strangers_from_before_models_could_change_are_of_the_collections_model(tmp_path):
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.executescript((DUMPS[0].parent / "version_9.sql").read_text())
    connection.close()
    with Catalogue.open(f"sqlite:///{tmp_path}/old.db") as catalogue:
        (found,) = catalogue.strangers.newest(catalogue.collection("default").id, 9, None)
        np.testing.assert_array_equal(found.vector, vector(1))


def test_the_version_is_written_so_that_nothing_is_migrated_twice(old):
    for _ in range(2):
        Catalogue.open(f"sqlite:///{old}").close()
    connection = sqlite3.connect(old)
    found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()
    connection.close()
    assert found == [(str(VERSION),)]


def test_faces_of_a_run_that_embeds_get_a_column_of_their_own(tmp_path):
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.executescript((DUMPS[0].parent / "version_18.sql").read_text())
    for run, kind, external in (("a", "embed", "2"), ("b", "enrol", "E-2")):
        connection.execute(
            "INSERT INTO runs (id, kind, collection, source, options, state, listed, counts,"
            " started_at) VALUES (?, ?, 'default', '', '{}', 'working', 1, '{}', '2026')",
            (run, kind),
        )
        connection.execute(
            "INSERT INTO run_photos (run_id, path, person, external_id) VALUES (?, 'x', '', ?)",
            (run, external),
        )
    connection.commit()
    connection.close()
    Catalogue.open(f"sqlite:///{tmp_path}/old.db").close()
    connection = sqlite3.connect(tmp_path / "old.db")
    found = connection.execute("SELECT external_id, face_id FROM run_photos ORDER BY run_id")
    assert found.fetchall() == [(None, 2), ("E-2", None)]
    connection.close()


def test_writing_people_anew_keeps_what_refers_to_them_and_never_uses_an_id_twice(tmp_path):
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.executescript((DUMPS[0].parent / "version_21.sql").read_text())
    connection.execute("UPDATE sqlite_sequence SET seq = 40 WHERE name = 'people'")
    connection.commit()
    connection.close()
    with Catalogue.open(f"sqlite:///{tmp_path}/old.db") as catalogue:
        catalogue.check()
        gallery = catalogue.collection("default").id
        assert [person.faces for person in catalogue.people(gallery)] == [1, 1]
        (done,) = catalogue.enrol(gallery, [new_face("Ann", 3, "E-2")])
        assert done.person_id == 41


def test_a_calibration_goes_with_the_space_that_its_threshold_belonged_to(tmp_path):
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    with old:
        old.executescript((DUMPS[0].parent / "version_25.sql").read_text())
        old.execute('UPDATE collections SET calibration = \'{"stamp": "1"}\'')
        (collection,) = old.execute("SELECT id FROM collections").fetchone()
    fitted = tmp_path / "fitted.db"
    fitted.write_bytes(path.read_bytes())
    old.close()
    old = sqlite3.connect(fitted)
    with old:
        old.execute("INSERT INTO spaces VALUES (?, ?)", (collection, b"1234"))
    old.close()
    for file, kept in ((path, {"stamp": "1"}), (fitted, None)):
        with Catalogue.open(file) as catalogue:
            assert catalogue.calibration(collection) == kept


def test_a_part_of_a_photo_gets_to_know_it_and_one_of_a_photo_that_is_gone_is_found_by_itself(
    tmp_path,
):
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    old.executescript((DUMPS[0].parent / "version_26.sql").read_text())
    (box,) = old.execute("SELECT box FROM faces WHERE id = 2").fetchone()
    part = part_sha256(sha256(1), np.frombuffer(box, "<f4"))
    with old:  # Bob's photo is a part of Ann's
        old.execute("UPDATE photos SET photo = (SELECT photo FROM photos WHERE id = 1)")
        old.execute("UPDATE photos SET sha256 = ? WHERE id = 2", (part,))
        old.execute("UPDATE unknowns SET group_id = -7")
    alone = tmp_path / "alone.db"
    alone.write_bytes(path.read_bytes())
    old.close()
    old = sqlite3.connect(alone)
    with old:
        old.execute("UPDATE photos SET sha256 = 'another' WHERE id = 1")
    old.close()
    for file, known in ((path, sha256(1)), (alone, part)):
        with Catalogue.open(file) as catalogue:
            gallery = catalogue.collection("default").id
            assert catalogue.strangers.newest(gallery, 9, None) == []
            assert [face.photo_sha256 for face in catalogue.photos(gallery)][1] == known
            same = replace(new_face("Bob", 1), box=np.frombuffer(box, "<f4"), part=True)
            (answer,) = catalogue.enrol(gallery, [same])
            assert (answer.outcome, answer.face_id) == (EnrolmentOutcome.DUPLICATE, 2)
        connection = sqlite3.connect(file)
        found = connection.execute("SELECT group_id, known_since FROM unknowns").fetchall()
        connection.close()
        assert found == [(None, 7)]
