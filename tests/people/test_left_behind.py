"""What a deletion reaches beside faces: strangers, drafts, copies under other names, folders."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval.catalogue.erasing.erasure_log import mark_of
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.run_files import uploads_below
from retrieval.files.keys import new_user_key
from retrieval.people.deletions import forget_with_receipt
from retrieval.photos.folders import people_below
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Source
from tests.worker.small_models import small_service, write_photos


@pytest.fixture
def staff(tmp_path: Path) -> Path:
    """Two people with two photos each, and the first one's first photo."""
    folder = tmp_path / "staff"
    write_photos(folder, 2, 2)
    return folder


def enrol(service: Service, staff: Path, *names: str) -> None:
    photos = people_below(staff)
    items = [EnrolItem(name, str(path), path) for name, path in photos if name in names]
    assert {result.outcome for result in service.enrol(items)} == {"enrolled"}


@pytest.fixture(params=["in the clear", "encrypted"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    key = new_user_key() if request.param == "encrypted" else None
    return Settings(home=tmp_path / "home", keep_photos=True, unknown_days=30, data_key=key)


def test_whoever_was_a_stranger_before_is_none_after_the_deletion(
    settings: Settings, staff: Path
) -> None:
    """Asked about, enrolled, deleted: by the photo's hash, and by the vector of another file."""
    first = staff / "person 000" / "0.png"
    with small_service(settings) as service:
        enrol(service, staff, "person 001")
        other_file = first.read_bytes() + b"\0"  # the same pixels
        service.identify([Source("a", first.read_bytes()), Source("b", other_file)])
        strangers = service.catalogue.strangers
        kept = strangers.newest(service.collection.id, 10, None)
        assert [face.photo for face in kept] == ["a", "b"]
        np.testing.assert_array_equal(kept[0].vector, kept[1].vector)
        second = (staff / "person 000" / "1.png").read_bytes()
        service.identify([Source("c", second)])
        shutil.move(staff / "person 000" / "1.png", staff / "elsewhere.png")
        enrol(service, staff, "person 000")
        receipt = forget_with_receipt(service, "person 000", settings.home)
        assert receipt.clean, receipt.summary
        assert [f.photo for f in strangers.newest(service.collection.id, 10, None)] == ["c"]


def test_a_draft_of_a_killed_enrolment_goes_with_the_deletion(tmp_path: Path, staff: Path) -> None:
    settings = Settings(home=tmp_path / "home", keep_photos=True)
    with small_service(settings) as service:
        enrol(service, staff, "person 000", "person 001")
        draft = settings.home / "photos" / "1" / ".drafts" / "tmpkilled"
        draft.write_bytes((staff / "person 000" / "0.png").read_bytes())
        assert forget_with_receipt(service, "person 000", settings.home).clean
        assert not draft.exists()
    draft.write_bytes(b"another")
    with small_service(settings) as service:
        _ = service.photos
        assert not draft.exists()


def test_a_photo_is_found_by_its_content_whatever_the_file_is_called(
    tmp_path: Path, staff: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    with small_service(settings) as service:
        enrol(service, staff, "person 000", "person 001")
        stray = settings.home / "kept by hand" / "holiday.bin"
        stray.parent.mkdir()
        shutil.copy(staff / "person 000" / "1.png", stray)
        receipt = forget_with_receipt(service, "person 000", settings.home)
        assert receipt.traces == ["kept by hand/holiday.bin"]
        assert not receipt.clean


def test_an_archive_loses_a_persons_photos_wherever_they_lie_and_the_empty_folders(
    tmp_path: Path, staff: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    upload = uploads_below(settings.home) / "f00d"
    with small_service(settings) as service:
        enrol(service, staff, "person 000", "person 001")
        for name, photo in (("person 000", "0"), ("misspelt", "1")):
            (upload / "Sales" / name).mkdir(parents=True)
            shutil.copy(staff / "person 000" / f"{photo}.png", upload / "Sales" / name / "1.png")
        (upload / "Sales" / "person 001").mkdir()
        shutil.copy(staff / "person 001" / "0.png", upload / "Sales" / "person 001" / "1.png")
        run = service.catalogue.runs
        run.create("enrol", "default", "people.zip", {"base": str(upload)})
        receipt = forget_with_receipt(service, "person 000", settings.home)
        assert receipt.clean, receipt.summary
    left = {str(path.relative_to(upload)) for path in upload.rglob("*")}
    assert left == {"Sales", "Sales/person 001", "Sales/person 001/1.png"}


def test_the_receipt_says_where_a_name_still_stands_without_it(tmp_path: Path, staff: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with small_service(settings) as service:
        enrol(service, staff, "person 000", "person 001")
        note = settings.home / "notes" / "of person 000.txt"
        note.parent.mkdir()
        note.write_text("nothing")
        runs = service.catalogue.runs
        runs.create("identify", "default", "album", {"out": "/person 000/who.csv"})
        receipt = forget_with_receipt(service, "person 000", settings.home)
    assert receipt.mentions == ["runs.options (1 row)", "notes/of (deleted).txt"]
    assert not receipt.clean
    assert "a name of theirs still stands in runs.options (1 row)" in receipt.summary
    assert "person 000" not in str(receipt)


def test_the_same_photo_of_somebody_in_another_collection_is_no_trace(
    tmp_path: Path, staff: Path
) -> None:
    settings = Settings(home=tmp_path / "home", keep_photos=True)
    with small_service(settings.model_copy(update={"collection": "other"})) as other:
        enrol(other, staff, "person 000")
        with small_service(settings) as service:
            enrol(service, staff, "person 000")
            kept = hashlib.sha256((staff / "person 000" / "0.png").read_bytes()).hexdigest()
            receipt = forget_with_receipt(service, "person 000", settings.home)
            assert mark_of(kept) in receipt.erased_photo_marks
            assert receipt.clean, receipt.summary
        assert other.photos.read(kept) is not None


def test_an_event_knows_an_erased_photo_by_a_mark_and_takes_it_no_second_time(
    settings: Settings, staff: Path
) -> None:
    photo = staff / "person 000" / "0.png"
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    with small_service(settings) as service:
        enrol(service, staff, "person 000", "person 001")
        event = service.events.create("Party", keep_photos=True)
        sources = [Source("party.png", photo)]
        assert [each.outcome for each in service.events.add(event, sources)] == ["added"]
        receipt = forget_with_receipt(service, "person 000", settings.home)
        assert receipt.clean, receipt.summary
        (kept,) = service.events.photos(event)
        assert kept.sha256 == mark_of(digest)
        assert [each.outcome for each in service.events.add(event, sources)] == ["known"]
        assert service.photos.read(digest) is None


@pytest.mark.parametrize("keeps", [True, False])
def test_a_name_in_the_path_of_anothers_photo_goes_where_the_photo_is_kept(
    settings: Settings, staff: Path, keeps: bool
) -> None:
    """As after a split; what is not kept is read again at that path, and the receipt says."""
    own = settings.model_copy(update={"keep_photos": keeps})
    with small_service(own) as service:
        enrol(service, staff, "person 000", "person 001")
        first = service.catalogue.faces_of(service.person("person 000").id)[0]
        collection = service.collection.id
        service.catalogue.split_person(
            collection, service.person("person 000"), [first.id], "somebody else"
        )
        receipt = forget_with_receipt(service, "person 000", own.home)
        (left,) = service.catalogue.faces_of(service.person("somebody else").id)
        assert ("person 000" in left.photo) is not keeps
        assert receipt.mentions == ([] if keeps else ["photos.photo (1 row)"])


def test_the_photo_of_another_stranger_is_no_longer_called_by_the_name(
    tmp_path: Path, staff: Path
) -> None:
    settings = Settings(home=tmp_path / "home", unknown_days=30)
    with small_service(settings) as service:
        enrol(service, staff, "person 000")
        other = staff / "person 001" / "0.png"
        service.identify([Source("beside person 000.png", other.read_bytes())])
        receipt = forget_with_receipt(service, "person 000", settings.home)
        assert receipt.clean, receipt.summary
        (left,) = service.catalogue.strangers.newest(service.collection.id, 9, None)
        assert left.photo == "beside (deleted).png"
