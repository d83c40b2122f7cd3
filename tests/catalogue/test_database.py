"""SQLite as it fails: other files, newer schemas, locks, full and read-only disks, damage."""

import os
import shutil
import sqlite3
import subprocess
import threading

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.database import Database
from retrieval.catalogue.migrations import VERSION
from retrieval.errors import (
    CatalogueIncompatible,
    CatalogueUnavailable,
    SettingInvalid,
    StoreError,
    StoreFull,
)
from tests.catalogue.made import make_collection, new_faces


@pytest.fixture
def path(tmp_path):
    return tmp_path / "catalogue.db"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}"


def test_a_catalogue_is_made_with_its_folder_for_its_owner_alone(tmp_path):
    path = tmp_path / "new" / "folder" / "catalogue.db"
    with Catalogue.open(f"sqlite:///{path}") as catalogue:
        make_collection(catalogue)
        modes = [file.stat().st_mode & 0o777 for file in catalogue.files()]
    assert modes == [0o600, 0o600, 0o600]


@pytest.mark.parametrize("name", ["a b?c=d#e", "100%41", "Büro", "colon:at@"])
def test_a_path_may_hold_what_a_url_would_have_to_escape(tmp_path, name):
    path = tmp_path / name / "catalogue.db"
    with Catalogue.open(path) as catalogue:
        make_collection(catalogue)
        assert catalogue.files()[0] == path
    assert path.stat().st_size > 0


def test_the_connection_is_set_up_as_the_design_says(url):
    with Catalogue.open(url) as catalogue, catalogue._database.reading() as connection:
        found = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_what_was_stored_is_there_when_it_is_opened_again(url):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        catalogue.enrol(gallery, new_faces("Ann", range(3)))
        head = catalogue.feed(gallery).head()
    with Catalogue.open(url) as catalogue:
        assert catalogue.counts(gallery).faces == 3
        assert catalogue.feed(gallery).head() == head


def test_an_id_that_was_deleted_is_not_used_again_after_reopening(url):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        (old,) = catalogue.enrol(gallery, new_faces("Ann", [1]))
        catalogue.delete_person(gallery, old.person_id)
        seq = catalogue.feed(gallery).head().seq
    with Catalogue.open(url) as catalogue:
        (new,) = catalogue.enrol(gallery, new_faces("Ann", [1]))
        assert new.face_id > old.face_id
        assert new.person_id > old.person_id
        assert catalogue.feed(gallery).head().seq > seq


def test_a_text_file_is_refused_and_left_alone(path, url):
    path.write_text("person,photo\nAnn,1.jpg\n" * 100)
    before = path.read_bytes()
    with pytest.raises(CatalogueIncompatible, match="not an SQLite database"):
        Catalogue.open(url)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(path, url):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE meta (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(CatalogueIncompatible, match="not a Rollcall catalogue"):
        Catalogue.open(url)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(path, url):
    Catalogue.open(url).close()
    with sqlite3.connect(path) as connection:
        newer = (str(VERSION + 1),)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", newer)
    connection.close()
    with pytest.raises(CatalogueIncompatible, match=f"version {VERSION + 1}.*newer Rollcall"):
        Catalogue.open(url)


@pytest.mark.parametrize(
    "url", ["catalogue.db", "sqlite://", "sqlite:///:memory:", "nosuch://host/name"]
)
def test_a_url_that_means_nothing_is_a_wrong_setting(url):
    with pytest.raises(SettingInvalid):
        Catalogue.open(url)


def test_a_password_is_never_shown():
    database = Database("postgresql://ann:secret@127.0.0.1:1/rollcall")
    with pytest.raises(CatalogueUnavailable) as caught, database.reading():
        pass
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://rollcall@host/name?password=hush7",
        "postgresql://rollcall:first@hush7@host/name",
    ],
)
def test_a_password_where_messages_would_show_it_is_refused(url):
    with pytest.raises(SettingInvalid, match="Write postgresql://") as refused:
        Database(url)
    assert "hush7" not in str(refused.value)


def test_a_folder_in_the_files_place_is_unavailable(path, url):
    path.mkdir()
    with pytest.raises(CatalogueUnavailable):
        Catalogue.open(url)


def test_a_file_in_the_folders_place_is_unavailable(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(CatalogueUnavailable, match="Check the folder"):
        Catalogue.open(f"sqlite:///{tmp_path}/home/catalogue.db")


def test_a_damaged_file_is_an_error_that_says_so(path, url):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        catalogue.enrol(gallery, new_faces("Ann", range(200)))
        catalogue.check()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), Catalogue.open(url) as catalogue:
        catalogue.photos(gallery)
    with pytest.raises(StoreError, match="damaged"), Catalogue.open(url) as catalogue:
        catalogue.check()


@pytest.fixture
def small_databases():
    """Every SQLite connection made meanwhile may grow its database to 128 pages only."""

    def limit(connection, _record):
        connection.execute("PRAGMA max_page_count = 128")

    event.listen(Pool, "connect", limit)
    yield
    event.remove(Pool, "connect", limit)


def fill(catalogue, gallery):
    """Enrol batches until no space is left; return how many faces were reported."""
    reported = 0

    def enrol_without_end():
        nonlocal reported
        while reported < 100_000:
            batch = new_faces("Ann", range(reported, reported + 50))
            reported += len(catalogue.enrol(gallery, batch))

    with pytest.raises(StoreFull, match="free some space"):
        enrol_without_end()
    return reported


def test_a_full_database_keeps_what_it_reported_and_opens_afterwards(url, small_databases):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        reported = fill(catalogue, gallery)
        assert catalogue.counts(gallery).faces == reported > 0
    with Catalogue.open(url) as catalogue:
        assert catalogue.counts(gallery).faces == reported
        catalogue.check()


@pytest.fixture
def tiny_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if mount is None or os.getuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_was_reported_and_goes_on_when_there_is_space(tiny_disk):
    url = f"sqlite:///{tiny_disk}/catalogue.db"
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        reported = fill(catalogue, gallery)
        assert catalogue.counts(gallery).faces == reported > 0
    subprocess.run(["mount", "-o", "remount,size=8m", str(tiny_disk)], check=True)
    with Catalogue.open(url) as catalogue:
        catalogue.check()
        catalogue.enrol(gallery, new_faces("Bob", range(200_000, 200_050)))
        assert catalogue.counts(gallery).faces == reported + 50


def test_a_lock_that_another_program_holds_is_waited_for(path, url):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        timer.start()
        assert catalogue.enrol(gallery, new_faces("Ann", [1]))[0].outcome == "enrolled"
        timer.join()
        other.close()


def test_a_lock_that_stays_is_unavailable(path, url):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = Catalogue(Database(url, timeout_s=0.05))
    with pytest.raises(CatalogueUnavailable, match="stayed locked"):
        impatient.enrol(gallery, new_faces("Ann", [1]))
    assert impatient.counts(gallery).faces == 0, "readers are not kept out"
    impatient.close()
    other.close()
