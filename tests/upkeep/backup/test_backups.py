"""Backups are made and restored while others work; what was erased since does not come back."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text, update

from retrieval.building import Workshop
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.erasing.erasure_log import mark_of
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.schema import meta
from retrieval.errors import (
    AlreadyExists,
    CatalogueIncompatible,
    CatalogueUnavailable,
    DataInvalid,
    SettingInvalid,
    StoreError,
    StoreFull,
)
from retrieval.index.gallery import Gallery
from retrieval.settings import Settings
from retrieval.upkeep.backup.archive import BackupReader, writing_backup
from retrieval.upkeep.backup.contents import kept_photos
from retrieval.upkeep.backup.making import back_up
from retrieval.upkeep.backup.restoring import check_backup
from retrieval.upkeep.backup.workspace import workspace
from tests.catalogue.made import make_collection, new_face, new_faces, sha256, state, vector
from tests.upkeep.backup.restored import restore

ROOT = Path(__file__).resolve().parents[3]
BATCH = 6


@pytest.fixture
def sqlite_file(home):
    return home / "catalogue.db"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def catalogue(home):
    with Catalogue.open(home / "catalogue.db") as opened:
        yield opened


@pytest.fixture
def gallery(catalogue):
    return make_collection(catalogue).id


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.backup"


@pytest.fixture
def empty(tmp_path):
    """Another home, with a catalogue that nothing was put into."""
    other = tmp_path / "other"
    with Catalogue.open(other / "catalogue.db") as opened:
        yield other, opened


def enrol(catalogue, home, gallery, person, numbers):
    """Enrol photos, and keep copies of them."""
    catalogue.enrol(gallery, new_faces(person, numbers))
    for number in numbers:
        kept_photos(home / "photos", gallery).keep(sha256(number), f"photo {number}".encode())


def kept(home):
    return {path.name for path in (home / "photos").rglob("*") if path.is_file()}


def enrolling(url, first, count):
    command = [sys.executable, "-m", "tests.catalogue.enrolling", url]
    numbers = [str(number) for number in (first, count, BATCH)]
    return subprocess.Popen([*command, *numbers], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_backups_during_an_ingest_restore_to_states_that_existed(url, home, tmp_path):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        process = enrolling(url, 0, 999_996)
        process.stdout.readline()
        for number in range(3):
            back_up(catalogue, home, tmp_path / f"{number}.backup")
            for _ in range(3):
                process.stdout.readline()
        assert process.poll() is None, "it was enrolling all the time"
        process.kill()
        reported = process.stdout.read().split()
        process.stdout.close()
        process.wait()
    counts = []
    for number in range(3):
        with Catalogue.open(tmp_path / f"restored {number}" / "catalogue.db") as restored:
            restore(restored, tmp_path / f"restored {number}", tmp_path / f"{number}.backup")
            restored.check()
            photos = [face.sha256 for face in restored.photos(gallery)]
            assert photos == [sha256(n) for n in range(len(photos))], "all, from the first on"
            assert len(photos) % BATCH == 0, "whole batches"
            _, owners, vectors = restored.vectors(gallery)
            np.testing.assert_array_equal(vectors, [vector(n) for n in range(len(photos))])
            names = restored.names(owners.tolist())
            assert [names[owner] for owner in owners.tolist()] == [
                f"person {n // 5}" for n in range(len(photos))
            ]
            counts.append(len(photos))
    assert 0 < counts[0] < counts[1] < counts[2] <= int(reported[-1]) + BATCH


def test_everything_that_is_truth_comes_back_and_what_came_later_is_gone(url, home, file, tmp_path):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        enrol(catalogue, home, gallery, "Ann", range(3))
        (home / "models.toml").write_text("# mine\n")
        before, watermark = state(catalogue, gallery), catalogue.feed(gallery).head()
        made = back_up(catalogue, home, file)
        assert (made.kept_photos, made.contents.faces, made.encrypted) == (3, 3, False)
        enrol(catalogue, home, gallery, "Bob", range(3, 6))
        ann = catalogue.person(gallery, "Ann")
        catalogue.rename_person(gallery, ann.id, "Anna")
        catalogue.enrol(gallery, [new_face("Anna", 7)])
        make_collection(catalogue, "later")
        (home / "models.toml").write_text("# changed\n")
        kept_photos(home / "photos", gallery).discard([sha256(1)])
        done = restore(catalogue, home, file)
        assert (done.kept_photos, done.replaced.erasures, done.replaced.revoked) == (3, 0, 0)
        assert state(catalogue, gallery) == before
        assert [each.name for each in catalogue.collections()] == ["default"]
        assert kept(home) == {sha256(n) for n in range(3)}
        assert (home / "models.toml").read_text() == "# mine\n"
        assert catalogue.feed(gallery).head().epoch != watermark.epoch
        (new,) = catalogue.enrol(gallery, [new_face("Cid", 9)])
        assert new.face_id == 8, "ids that were given out since the backup are not given again"
        assert make_collection(catalogue, "new").id == gallery + 2
        catalogue.check()


def test_a_backup_goes_from_sqlite_to_postgresql_and_back(home, file, tmp_path, postgres):
    with (
        Catalogue.open(home / "catalogue.db") as small,
        Catalogue.open(postgres.empty_database()) as large,
    ):
        gallery = make_collection(small).id
        enrol(small, home, gallery, "Ann", range(3))
        back_up(small, home, file)
        restore(large, tmp_path / "large", file)
        assert state(large, gallery) == state(small, gallery)
        enrol(large, tmp_path / "large", gallery, "Bob", range(3, 6))
        back_up(large, tmp_path / "large", tmp_path / "b.backup")
        restore(small, home, tmp_path / "b.backup")
        assert state(large, gallery) == state(small, gallery)
        assert kept(home) == kept(tmp_path / "large") == {sha256(n) for n in range(6)}


def test_an_index_that_is_open_starts_anew_and_answers_as_then(catalogue, home, gallery, file):
    folder = home / "index" / str(gallery)

    def opened():
        feed = catalogue.feed(gallery)
        return Gallery(feed, folder, collection=str(gallery), fingerprint="f")

    index = opened()
    enrol(catalogue, home, gallery, "Ann", range(3))
    back_up(catalogue, home, file)
    enrol(catalogue, home, gallery, "Bob", range(3, 6))
    index.catch_up()
    index.snapshot()
    assert index.search(vector(4)[None], 1).nearest[0, 0] > 0.99
    restore(catalogue, home, file)
    assert not list(folder.glob("*.snapshot")), "vectors of nobody"
    index.catch_up()
    assert index.status().faces == 3
    assert index.search(vector(4)[None], 1).nearest[0, 0] < 0.99
    assert index.search(vector(1)[None], 1).nearest[0, 0] > 0.99
    index.close()


def test_erasures_that_came_after_the_backup_are_applied(url, home, file):
    with Catalogue.open(url) as catalogue:
        gallery, doomed = make_collection(catalogue).id, make_collection(catalogue, "doomed").id
        for number, name in enumerate(["Ann", "Bob", "Cid", "Dora", "Early"]):
            enrol(catalogue, home, gallery, name, range(number * 10, number * 10 + 2))
        enrol(catalogue, home, doomed, "Eve", [90])
        catalogue.delete_person(gallery, catalogue.person(gallery, "Early").id)
        catalogue.enrol(gallery, new_faces("Early", [40, 41]))  # is back, before the backup
        back_up(catalogue, home, file)
        ann, bob, cid = (catalogue.person(gallery, name) for name in ("Ann", "Bob", "Cid"))
        catalogue.merge_people(gallery, ann.id, bob.id)  # the backup knows Ann's by her own name
        gone = catalogue.delete_person(gallery, bob.id)
        catalogue.remove_photo(gallery, sha256(20))
        catalogue.rename_person(gallery, cid.id, "Sid")
        catalogue.delete_collection("doomed")
        done = restore(catalogue, home, file)
        assert (done.replaced.erasures, done.replaced.faces) == (3, 6)
        assert [person.name for person in catalogue.people(gallery)] == ["Cid", "Dora", "Early"]
        assert [face.sha256 for face in catalogue.photos(gallery)] == [
            sha256(n) for n in (21, 30, 31, 40, 41)
        ]
        assert [each.name for each in catalogue.collections()] == ["default"]
        assert kept(home) == {sha256(n) for n in (21, 30, 31)} | {sha256(40), sha256(41)}
        assert catalogue.traces([row.tobytes() for row in gone.vectors] + [b"Bob"]) == []
        again = restore(catalogue, home, file)
        assert again.replaced.erasures == 3, "a restore forgets no erasure"
        catalogue.check()


def test_a_photo_that_is_enrolled_again_after_its_erasure_stays(catalogue, home, gallery, file):
    enrol(catalogue, home, gallery, "Ann", [1, 2])
    catalogue.delete_person(gallery, catalogue.person(gallery, "Ann").id)
    enrol(catalogue, home, gallery, "Ann", [1, 2])
    back_up(catalogue, home, file)
    assert restore(catalogue, home, file).replaced.erasures == 0
    assert catalogue.person(gallery, "Ann").faces == 2


def test_a_receipt_tells_an_empty_home_of_an_erasure(catalogue, home, gallery, file, empty):
    enrol(catalogue, home, gallery, "Ann", [1, 2])
    enrol(catalogue, home, gallery, "Bob", [3])
    early = catalogue.remove_photo(gallery, sha256(2))
    made = back_up(catalogue, home, file)
    gone = catalogue.delete_person(gallery, catalogue.person(gallery, "Ann").id)
    receipts = []
    for name, erased, later in (("old", early, -1), ("new", gone, 1), ("before the log", gone, 1)):
        document = {
            "collection": "default",
            "erased_at": (made.contents.made_at + timedelta(seconds=later)).isoformat(),
            "erased_faces": list(erased.faces),
            "erased_photo_marks": [mark_of(photo) for photo in erased.photos],
            "erasure": erased.erasure,
        }
        if name == "before the log":
            del document["erasure"]
        receipts.append(file.with_name(f"{name}.json"))
        receipts[-1].write_text(json.dumps(document))
    del document["erased_photo_marks"]
    receipts.append(file.with_name("before the marks.json"))
    receipts[-1].write_text(json.dumps({**document, "erased_photos": list(gone.photos)}))
    other, fresh = empty
    assert restore(fresh, other, file).replaced.erasures == 0
    assert [person.name for person in fresh.people(gallery)] == ["Ann", "Bob"]
    for some in (receipts[:2], receipts[2:3], receipts[3:]):
        assert restore(fresh, other, file, receipts=some).replaced.faces == 1
        assert [person.name for person in fresh.people(gallery)] == ["Bob"]
        assert kept(other) == {sha256(3)}
    restore(fresh, other, file)
    assert "Ann" not in {person.name for person in fresh.people(gallery)}, "it was written down"


def test_each_receipt_of_people_who_were_erased_together_is_applied(
    catalogue, home, gallery, file, empty
):
    for number, name in enumerate(("Ann", "Bob", "Cid")):
        enrol(catalogue, home, gallery, name, [number])
    made = back_up(catalogue, home, file)
    gone = catalogue.delete_people(gallery, catalogue.people(gallery)[:2])
    receipts = []
    for part in gone.parts:
        document = {
            "collection": "default",
            "erased_at": (made.contents.made_at + timedelta(seconds=1)).isoformat(),
            "erasure": part.erasure,
            "erased_faces": list(part.faces),
            "erased_photo_marks": [mark_of(photo) for photo in part.photos],
        }
        receipts.append(file.with_name(f"{part.people[0]}.json"))
        receipts[-1].write_text(json.dumps(document))
    other, fresh = empty
    assert restore(fresh, other, file, receipts=receipts).replaced.faces == 2
    assert [person.name for person in fresh.people(gallery)] == ["Cid"]


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"erased_at": 3}', None])
def test_a_file_that_is_no_receipt_is_refused_and_nothing_changes(
    catalogue, home, gallery, file, text
):
    back_up(catalogue, home, file)
    enrol(catalogue, home, gallery, "Ann", [1])
    receipt = file.with_name("receipt.json")
    if text is not None:
        receipt.write_text(text)
    with pytest.raises(DataInvalid, match="receipt"):
        restore(catalogue, home, file, receipts=[receipt])
    assert catalogue.counts(gallery).faces == 1


def test_a_key_that_was_revoked_since_stays_revoked_and_replies_are_not_kept(
    catalogue, home, gallery, file
):
    keys = catalogue.api_keys
    gone, lost = keys.create("lost", Role.ADMIN)
    _, good = keys.create("good", Role.VIEWER)
    back_up(catalogue, home, file)
    keys.revoke(gone)
    catalogue.replies.claim("good", "token", "fingerprint")
    assert restore(catalogue, home, file, keys_of_backup=True).replaced.revoked == 1
    assert keys.check(lost) is None
    assert keys.check(good).name == "good"
    assert catalogue.replies.claim("good", "token", "other") is None


def test_a_backup_from_before_the_first_key_opens_nothing_and_present_keys_stay(url, home, file):
    with Catalogue.open(url) as catalogue:
        make_collection(catalogue)
        back_up(catalogue, home, file)
        keys = catalogue.api_keys
        _, token = keys.create("boss", Role.ADMIN)
        session = catalogue.sessions.open("handle", 1)
        done = restore(catalogue, home, file).replaced
        assert (done.keys_of_backup, done.keys_in_use, done.keyed) == (False, 1, True)
        assert keys.any_made()
        assert keys.check(token).name == "boss"
        assert catalogue.sessions.handle(session) == "handle"
        done = restore(catalogue, home, file, keys_of_backup=True).replaced
        assert (done.keys_of_backup, done.keys_in_use, done.keyed) == (True, 0, True)
        assert keys.any_made(), "that keys were made once no restore undoes"
        assert keys.check(token) is None
        assert catalogue.sessions.handle(session) is None


def test_keys_come_back_into_a_catalogue_that_never_had_any(catalogue, home, gallery, file, empty):
    _, token = catalogue.api_keys.create("boss", Role.ADMIN)
    back_up(catalogue, home, file)
    other_home, other = empty
    done = restore(other, other_home, file).replaced
    assert (done.keys_of_backup, done.keys_in_use, done.keyed) == (True, 1, True)
    assert other.api_keys.check(token).name == "boss"


def test_a_restore_into_a_home_in_use_disturbs_nobody(url, home, file):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        catalogue.enrol(gallery, [new_face(f"person {n // 5}", n) for n in range(60)])
        back_up(catalogue, home, file)
        process = enrolling(url, 60, 999_960)
        for _ in range(3):
            process.stdout.readline()
        feed = catalogue.feed(gallery)
        old = feed.head()
        restore(catalogue, home, file)
        then = catalogue.counts(gallery).faces
        while catalogue.counts(gallery).faces == then:
            assert process.poll() is None, "it enrols on"
        process.kill()
        process.stdout.close()
        process.wait()
        catalogue.check()
        photos = {face.sha256 for face in catalogue.photos(gallery)}
        assert photos >= {sha256(n) for n in range(60)}
        assert len(photos) % BATCH == 0
        followed = np.concatenate([part.added for part in feed.everything()])
        assert len(followed) == len(photos)
        assert feed.head().epoch != old.epoch
        ids = [face.id for face in catalogue.photos(gallery)]
        assert len(set(ids)) == len(ids)


def test_another_catalogues_backup_is_refused_where_ids_are_in_use(
    catalogue, home, gallery, file, empty
):
    enrol(catalogue, home, gallery, "Ann", [1])
    back_up(catalogue, home, file)
    other, used = empty
    theirs = make_collection(used, "theirs").id
    enrol(used, other, theirs, "Eve", [5])
    before, head = state(used, theirs), used.feed(theirs).head()
    with pytest.raises(AlreadyExists, match="'theirs' was created"):
        restore(used, other, file)
    assert state(used, theirs) == before
    assert used.feed(theirs).head() == head
    assert kept(other) == {sha256(5)}


def test_a_damaged_backup_or_a_wrong_passphrase_changes_nothing(catalogue, home, gallery, tmp_path):
    pytest.importorskip("cryptography", reason="needs the extra encryption")
    encrypted, plain = tmp_path / "sealed", tmp_path / "plain"
    back_up(catalogue, home, encrypted, passphrase="correct horse")
    back_up(catalogue, home, plain)
    data = bytearray(plain.read_bytes())
    data[len(data) // 2] ^= 1
    plain.write_bytes(data)
    enrol(catalogue, home, gallery, "Ann", [1])
    before, head = state(catalogue, gallery), catalogue.feed(gallery).head()
    for file, error in ((encrypted, SettingInvalid), (plain, DataInvalid)):
        for attempt in (
            lambda file=file: restore(catalogue, home, file, passphrase=lambda: "wrong one"),
            lambda file=file: check_backup(home, file, lambda: "wrong one"),
        ):
            with pytest.raises(error):
                attempt()
    assert state(catalogue, gallery) == before
    assert catalogue.feed(gallery).head() == head
    assert kept(home) == {sha256(1)}
    assert not [path for path in (home / "backup-work").iterdir() if path.name != "lock"]
    done = restore(catalogue, home, encrypted, passphrase=lambda: "correct horse")
    assert done.backup.encrypted
    assert catalogue.counts(gallery).faces == 0


def test_checking_says_what_a_backup_holds_and_changes_nothing(catalogue, home, gallery, file):
    enrol(catalogue, home, gallery, "Ann", [1, 2])
    made = back_up(catalogue, home, file)
    head = catalogue.feed(gallery).head()
    checked = check_backup(home, file)
    assert checked.contents == made.contents
    assert (checked.kept_photos, checked.contents.faces) == (2, 2)
    assert catalogue.feed(gallery).head() == head


def test_the_backup_of_a_newer_rollcall_is_refused(catalogue, home, gallery, file, tmp_path):
    back_up(catalogue, home, file)
    newer = tmp_path / "newer.db"
    with BackupReader(file, None) as backup:
        members = {name: member.read() for name, member in backup.members()}
    newer.write_bytes(members["catalogue.db"])
    with Catalogue.open(newer) as changed, changed._database.writing() as connection:
        connection.execute(update(meta).where(meta.c.key == "schema").values(value="999"))
    with writing_backup(tmp_path / "b.backup", None) as archive:
        for name, data in members.items():
            archive.add(name, newer if name == "catalogue.db" else data)
    with pytest.raises(CatalogueIncompatible, match="newer Rollcall"):
        restore(catalogue, home, tmp_path / "b.backup")
    assert catalogue.collection("default").id == gallery


def test_backups_are_remembered_so_that_an_erasure_can_name_them(
    catalogue, home, gallery, tmp_path
):
    log = catalogue.backups
    back_up(catalogue, home, tmp_path / "early")
    enrol(catalogue, home, gallery, "Ann", [1])
    faces = [face.id for face in catalogue.photos(gallery)]
    back_up(catalogue, home, tmp_path / "late")
    back_up(catalogue, home, tmp_path / "late", overwrite=True)
    with pytest.raises(AlreadyExists, match="--overwrite"):
        back_up(catalogue, home, tmp_path / "late")
    with pytest.raises(SettingInvalid, match="at least 8"):
        back_up(catalogue, home, tmp_path / "short", passphrase="1234567")
    with pytest.raises(StoreError, match="No such file"):
        back_up(catalogue, home, tmp_path / "nowhere" / "a")
    assert [Path(record.path).name for record in log.holding(faces)] == ["late"]
    restore(catalogue, home, tmp_path / "early")
    names = [Path(record.path).name for record in log.holding([])]
    assert names == ["early", "late"], "a restore forgets no backup"


def test_backups_that_hold_somebody_are_named_by_what_is_in_them_whatever_the_clock_said(
    catalogue, home, gallery, tmp_path
):
    back_up(catalogue, home, tmp_path / "before")
    enrol(catalogue, home, gallery, "Ann", [1])
    faces = [face.id for face in catalogue.photos(gallery)]
    back_up(catalogue, home, tmp_path / "after")
    with catalogue._database.writing() as connection:
        for name, moment in (("before", "2999"), ("after", "1999")):  # a clock set back and forth
            made_at = {"made_at": f"{moment}-01-01T00:00:00.000+00:00", "path": f"%/{name}"}
            connection.execute(
                text("UPDATE backups SET made_at = :made_at WHERE path LIKE :path"), made_at
            )
    catalogue.backups.begin(tmp_path / "under way")
    names = {Path(record.path).name for record in catalogue.backups.holding(faces)}
    assert names == {"after", "under way"}
    with Catalogue.open(tmp_path / "other" / "catalogue.db") as other:
        restore(other, tmp_path / "other", tmp_path / "after")
        names = [Path(record.path).name for record in other.backups.holding(faces)]
        assert names == ["after"], "the file says itself what is in it"


def test_one_backup_or_restore_at_a_time(catalogue, home, gallery, file, tmp_path):
    (home / "backup-work").mkdir()
    (home / "backup-work" / "left by a killed process").write_text("x")
    with workspace(home, tmp_path / "b.backup", 0) as folder:
        assert [path.name for path in folder.iterdir()] == ["lock"]
        with pytest.raises(CatalogueUnavailable, match="Another backup or restore"):
            back_up(catalogue, home, file)
    back_up(catalogue, home, file)


def test_a_full_disk_leaves_no_backup_and_no_record_of_one(catalogue, home, gallery, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    enrol(catalogue, home, gallery, "Ann", [1])
    try:
        with pytest.raises(StoreFull, match="No space"):
            back_up(catalogue, home, disk / "a.backup")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert catalogue.backups.holding([]) == []


def test_photos_are_put_where_the_service_keeps_them(catalogue, home, gallery):
    workshop = Workshop(Settings(home=home), catalogue, lambda text: None)
    service_keeps = workshop.photos(catalogue.collection("default"))
    assert service_keeps.folder == kept_photos(home / "photos", gallery).folder
