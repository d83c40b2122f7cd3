"""Encrypting, decrypting and changing keys, killed anywhere, while others read and write."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.encrypted import recoding
from retrieval.catalogue.encrypted.data_keys import PLAIN, Role, data_keys
from retrieval.catalogue.schema import faces
from retrieval.errors import CatalogueEncrypted, SettingInvalid, StoreError
from tests.catalogue.copying.test_transfer import fill
from tests.catalogue.encrypted.test_data_keys import content
from tests.catalogue.made import make_collection, new_face, new_faces, sha256, vector
from tests.catalogue.user_keys import user_key

pytest.importorskip("cryptography", reason="needs the extra encryption")

ROOT = Path(__file__).resolve().parents[2]
FACES, STEP = 250, 100
OTHERS = 6  # vectors and pictures that `fill` leaves beside those of its faces
OLD, NEW = user_key(1), user_key(2)

_KILLED_AFTER_SOME_ROWS = """
import os, signal, sys
from retrieval.catalogue.encrypted import recoding
from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.user_keys import user_key

with Catalogue.open(sys.argv[1], user_key(1), check_key=False) as catalogue:
    {begin}
    rows = 0
    for count in recoding.recode(catalogue, 100):
        rows += count
        if rows >= int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
"""


def encrypt(url, key=OLD):
    with Catalogue.open(url, key, check_key=False) as catalogue:
        recoding.begin_encrypting(catalogue)
        count = sum(recoding.recode(catalogue))
        recoding.finish(catalogue, key())
        return count


def rotate(catalogue, new):
    recoding.begin_rotating(catalogue, new)
    count = sum(recoding.recode(catalogue))
    recoding.finish(catalogue, new)
    return count


def die(url, begin, rows):
    command = [sys.executable, "-c", _KILLED_AFTER_SOME_ROWS.format(begin=begin)]
    assert subprocess.run([*command, url, str(rows)], cwd=ROOT).returncode == -9


def heads(catalogue, columns=recoding.VECTOR_COLUMNS):
    """By which keys values are written, as ids."""
    with catalogue._database.reading() as connection:
        values = [value for each in columns for value in connection.scalars(select(each))]
    return {value[:8] for value in values if value}


def active(catalogue):
    return catalogue.encryptor.active().id


def test_a_catalogue_is_encrypted_and_decrypted_and_means_the_same(url):
    with Catalogue.open(url) as clear:
        gallery = fill(clear)
        before = content(clear, gallery)
        head = clear.feed(gallery).head()
    assert encrypt(url) > 35
    with Catalogue.open(url, OLD) as encrypted:
        assert heads(encrypted) == {active(encrypted)}
        assert encrypted.feed(gallery).head() == head, "indexes need not look again"
        for found, expected in zip(content(encrypted, gallery), before, strict=True):
            np.testing.assert_array_equal(found, expected)
        recoding.begin_decrypting(encrypted)
        assert sum(recoding.recode(encrypted)) > 35
        recoding.finish(encrypted, None)
    with Catalogue.open(url) as clear:
        for found, expected in zip(content(clear, gallery), before, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_encrypting_twice_writes_nothing_anew(url):
    with Catalogue.open(url) as clear:
        fill(clear)
    assert encrypt(url) > 0
    assert encrypt(url) == 0
    with pytest.raises(CatalogueEncrypted):
        encrypt(url, NEW)


def test_half_decrypted_vectors_are_not_encrypted_under_a_key_that_cannot_open_the_rest(url):
    with Catalogue.open(url, OLD) as encrypted:
        gallery = fill(encrypted)
        before = content(encrypted, gallery)
        recoding.begin_decrypting(encrypted)
    with pytest.raises(CatalogueEncrypted, match=f"under the key {OLD().id}; yours is {NEW().id}"):
        encrypt(url, NEW)
    assert encrypt(url) > 35
    with Catalogue.open(url, OLD) as encrypted:
        for found, expected in zip(content(encrypted, gallery), before, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("rows", [0, STEP])
def test_encrypting_goes_on_after_a_kill(url, rows):
    with Catalogue.open(url) as clear:
        gallery = fill(clear, FACES)
        before = content(clear, gallery)
    die(url, "recoding.begin_encrypting(catalogue)", rows)
    with pytest.raises(CatalogueEncrypted, match="none is set"):
        Catalogue.open(url)
    with Catalogue.open(url, OLD) as encrypted:
        assert len(heads(encrypted)) > 1, "the rest is in the clear still"
        for found, expected in zip(content(encrypted, gallery), before, strict=True):
            np.testing.assert_array_equal(found, expected)
        encrypted.enrol(gallery, [new_face("late", 90_000)])
    assert 0 < encrypt(url) <= FACES - rows + OTHERS
    with Catalogue.open(url, OLD) as encrypted:
        assert heads(encrypted) == {active(encrypted)}


def test_a_change_of_keys_goes_on_after_a_kill_with_either_key_until_then(url):
    with Catalogue.open(url, OLD) as encrypted:
        gallery = fill(encrypted, FACES)
        before = content(encrypted, gallery)
    die(url, "recoding.begin_rotating(catalogue, user_key(2)())", STEP)
    for key in (OLD, NEW):
        with Catalogue.open(url, key) as both:
            assert len(heads(both, [faces.c.vector])) == 2
            for found, expected in zip(content(both, gallery), before, strict=True):
                np.testing.assert_array_equal(found, expected)
            for other in (user_key(3)(), None):
                with pytest.raises(SettingInvalid, match="is under way"):
                    recoding.begin_rotating(both, other)
    with Catalogue.open(url, OLD) as encrypted:
        assert 0 < rotate(encrypted, NEW()) < FACES
        assert heads(encrypted) == {active(encrypted)}, (
            "who was there goes on with the new data key"
        )
    with pytest.raises(CatalogueEncrypted, match=f"yours is {OLD().id}"):
        Catalogue.open(url, OLD)
    with Catalogue.open(url, NEW) as encrypted:
        for found, expected in zip(content(encrypted, gallery), before, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_the_data_key_alone_can_be_renewed(url):
    with Catalogue.open(url, OLD) as encrypted:
        fill(encrypted)
        first = active(encrypted)
        assert rotate(encrypted, None) > 35
        assert active(encrypted) != first
    Catalogue.open(url, OLD).close()


def test_others_enrol_and_read_while_keys_change(url):
    """The other processes have the old key; whoever met the new data key goes on with it."""
    with Catalogue.open(url, OLD) as encrypted:
        gallery = make_collection(encrypted).id
        encrypted.enrol(gallery, new_faces("Ann", range(500)))
        command = [sys.executable, "-m", "tests.catalogue.enrolling", url, "5000", "400", "5"]
        with subprocess.Popen(
            [*command, "--user-key", "1"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as enrolling:
            assert enrolling.stdout.readline(), "it has begun"
            recoding.begin_rotating(encrypted, NEW())
            with Catalogue.open(url, OLD) as reader, ThreadPoolExecutor(1) as thread:
                reading = thread.submit(lambda: [len(reader.vectors(gallery)[0]) for _ in range(9)])
                assert sum(recoding.recode(encrypted, STEP)) >= 500
                counts = reading.result()
                assert counts == sorted(counts)
            rest = enrolling.stdout.read().split()
        assert enrolling.returncode == 0
        assert rest[-1] == "5400"
        assert sum(recoding.recode(encrypted)) == 0, "nobody writes by the old key"
        recoding.finish(encrypted, NEW())
    with Catalogue.open(url, NEW) as encrypted:
        assert heads(encrypted) == {active(encrypted)}
        ids, _, vectors = encrypted.vectors(gallery)
        numbers = [*range(500), *range(5_000, 5_400)]
        known = {face.sha256: face.id for face in encrypted.faces(ids.tolist()).values()}
        assert set(known) == {sha256(number) for number in numbers}
        rows = np.searchsorted(ids, [known[sha256(number)] for number in numbers])
        np.testing.assert_array_equal(vectors[rows], [vector(number) for number in numbers])


def test_a_change_is_not_final_while_a_row_is_written_otherwise(url):
    with Catalogue.open(url) as clear:
        fill(clear)
    with Catalogue.open(url, OLD, check_key=False) as catalogue:
        recoding.begin_encrypting(catalogue)
        with pytest.raises(StoreError, match="Run the same command again"):
            recoding.finish(catalogue, OLD())


def test_a_change_of_keys_of_a_catalogue_in_the_clear_is_refused(url):
    with Catalogue.open(url) as clear:
        fill(clear)
    with Catalogue.open(url, OLD, check_key=False) as catalogue:
        with pytest.raises(SettingInvalid, match="not encrypted"):
            recoding.begin_rotating(catalogue, NEW())
        with catalogue._database.reading() as connection:
            (row,) = connection.execute(select(data_keys)).all()
        assert (row.id, row.role) == (PLAIN, Role.ACTIVE)


def test_a_process_that_has_no_key_is_told_once_others_encrypt(url):
    with Catalogue.open(url) as clear:
        gallery = fill(clear)
        counts = clear.counts(gallery)
        encrypt(url)
        with pytest.raises(CatalogueEncrypted, match="none is set"):
            clear.vectors(gallery)
        with pytest.raises(CatalogueEncrypted, match="none is set"):
            clear.enrol(gallery, new_faces("late", [900]))
        assert clear.counts(gallery) == counts


def test_a_process_that_has_the_key_goes_on_once_others_decrypt(url):
    with Catalogue.open(url, OLD) as encrypted:
        gallery = fill(encrypted)
        before = encrypted.vectors(gallery)[2]
        with Catalogue.open(url, OLD) as other:
            recoding.begin_decrypting(other)
            list(recoding.recode(other))
            recoding.finish(other, None)
        np.testing.assert_array_equal(encrypted.vectors(gallery)[2], before)
        encrypted.enrol(gallery, new_faces("late", [900]))
    with Catalogue.open(url) as clear:
        np.testing.assert_array_equal(clear.vectors(gallery)[2], [*before, vector(900)])


def test_a_key_file_that_is_replaced_is_read_again(url):
    """A process that did nothing while keys changed has the new one when it needs it."""
    files = [OLD()]
    with Catalogue.open(url, lambda: files[-1]) as idle, Catalogue.open(url, OLD) as encrypted:
        gallery = fill(encrypted)
        rotate(encrypted, NEW())
        with pytest.raises(CatalogueEncrypted, match=f"yours is {OLD().id}"):
            idle.vectors(gallery)
        files.append(NEW())
        assert len(idle.vectors(gallery)[2]) == encrypted.counts(gallery).faces
