"""An encrypted catalogue answers as one in the clear, and only who has the key can read it."""

import numpy as np
import pytest
from sqlalchemy import LargeBinary, func, select, update

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.encrypted.data_keys import PLAIN, data_keys
from retrieval.catalogue.encrypted.recoding import VECTOR_COLUMNS
from retrieval.catalogue.schema import faces, metadata
from retrieval.errors import CatalogueEncrypted, SettingInvalid, StoreError, VectorDamaged
from tests.catalogue.copying.test_transfer import fill
from tests.catalogue.made import make_collection, new_faces, sha256
from tests.catalogue.user_keys import user_key

pytest.importorskip("cryptography", reason="needs the extra encryption")

# Boxes, ids of candidates, replies of the HTTP API, names of files, data keys that are wrapped.
NO_VECTORS = {"box", "landmarks", "candidates", "body", "path", "wrapped"}


@pytest.fixture
def catalogue(url):
    with Catalogue.open(url, user_key(1)) as opened:
        yield opened


def content(catalogue, gallery):
    """All that is made of vectors, as it is read."""
    unknown = catalogue.strangers.newest(gallery, 10, None)
    return [
        *catalogue.vectors(gallery),
        *(array for part in catalogue.feed(gallery).everything(7) for array in (part.vectors,)),
        *(face.vector for face in unknown),
    ]


def test_what_is_read_equals_what_a_catalogue_in_the_clear_gives(catalogue, tmp_path):
    gallery = fill(catalogue)
    with Catalogue.open(tmp_path / "clear.db") as clear:
        other = fill(clear)
        for found, expected in zip(content(catalogue, gallery), content(clear, other), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_no_row_holds_a_vector_in_the_clear(catalogue):
    gallery = fill(catalogue)
    found = [part for part in content(catalogue, gallery) if part.dtype == np.float32]
    vectors = [row.tobytes()[:16] for part in found for row in np.atleast_2d(part)]
    with catalogue._database.reading() as connection:
        stored = [
            value for column in VECTOR_COLUMNS for value in connection.scalars(select(column))
        ]
    assert len(stored) > 35
    assert len(vectors) > 70
    assert not [vector for vector in vectors if any(vector in value for value in stored if value)]


def test_every_column_of_bytes_is_encrypted_or_holds_no_vector():
    found = {column for table in metadata.sorted_tables for column in table.columns
             if isinstance(column.type, LargeBinary)}  # fmt: skip
    assert {column.name for column in found - set(VECTOR_COLUMNS)} <= NO_VECTORS
    assert {column.table.name for column in VECTOR_COLUMNS} >= {
        "faces",
        "unknowns",
        "model_vectors",
    }


@pytest.mark.parametrize("key", [None, user_key(2)])
def test_without_the_key_nothing_opens_and_nothing_changes(url, catalogue, key):
    gallery = fill(catalogue)
    before = content(catalogue, gallery)
    with pytest.raises(CatalogueEncrypted, match="encrypted under the key"):
        Catalogue.open(url, key)
    for found, expected in zip(content(catalogue, gallery), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_catalogue_that_is_not_checked_tells_all_but_vectors(url, catalogue):
    gallery = fill(catalogue)
    with Catalogue.open(url, check_key=False) as opened:
        assert opened.counts(gallery) == catalogue.counts(gallery)
        with pytest.raises(CatalogueEncrypted, match="none is set"):
            opened.vectors(gallery)
        with pytest.raises(CatalogueEncrypted, match="none is set"):
            opened.enrol(gallery, new_faces("Ann", [900]))
        assert opened.counts(gallery) == catalogue.counts(gallery)


def test_a_key_for_a_catalogue_in_the_clear_is_refused(tmp_path):
    Catalogue.open(tmp_path / "clear.db").close()
    with pytest.raises(SettingInvalid, match="not encrypted"):
        Catalogue.open(tmp_path / "clear.db", user_key(1))


def test_a_damaged_vector_is_named_and_can_be_removed_and_others_be_read(catalogue):
    gallery = make_collection(catalogue).id
    first, second = catalogue.enrol(gallery, new_faces("Ann", range(2)))
    with catalogue._database.reading() as connection:
        whole = connection.scalar(select(faces.c.vector).where(faces.c.id == first.face_id))
    for damaged in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], whole[:-1] + b"?", b"\0" * 32):
        with catalogue._database.writing() as connection:
            chosen = update(faces).where(faces.c.id == first.face_id)
            connection.execute(chosen.values(vector=damaged))
        with pytest.raises(VectorDamaged, match=f"1 faces .*{sha256(0)[:12]}"):
            list(catalogue.feed(gallery).everything())
        assert len(catalogue.vectors(gallery, [second.face_id])[2]) == 1
    catalogue.remove_photo(gallery, sha256(0))
    (rest,) = catalogue.feed(gallery).everything()
    assert rest.added.tolist() == [second.face_id]


def test_a_damaged_data_key_is_an_error(url, catalogue):
    fill(catalogue)
    with catalogue._database.writing() as connection:
        cut = func.substr(data_keys.c.wrapped, 1, 20, type_=LargeBinary)
        encrypted = data_keys.c.id != PLAIN
        connection.execute(update(data_keys).where(encrypted).values(wrapped=cut))
    with pytest.raises(StoreError, match=r"data key .* is damaged"):
        Catalogue.open(url, user_key(1))


def test_a_damaged_vector_in_the_clear_is_an_error_as_well(tmp_path):
    with Catalogue.open(tmp_path / "clear.db") as clear:
        gallery = make_collection(clear).id
        clear.enrol(gallery, new_faces("Ann", range(2)))
        with clear._database.writing() as connection:
            connection.execute(update(faces).values(vector=b"\0" * 5))
        with pytest.raises(VectorDamaged, match="2 faces"):
            clear.vectors(gallery)
