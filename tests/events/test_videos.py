"""Videos in events: an appearance per track, decided with the photos."""

import io
import json

import numpy as np
import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from cli.event_photos import people_rows
from retrieval.catalogue.events.records import VerdictKind
from retrieval.events.exports import roll_bytes
from retrieval.events.verdicts import Judgement
from retrieval.identities.at_once import Times, moments
from retrieval.identities.link import group_faces
from retrieval.values import Source
from tests.api.painted import BLUE, GREEN, RED, paint
from tests.made_videos import squares, write_video


def scene(n):
    """Red and a stranger together, then Red is gone and comes back; Green comes last."""
    faces = [(BLUE, 300, 20 + n)]
    if not 30 <= n < 60:
        faces.append((RED, 20 + n, 20))
    if n >= 60:
        faces.append((GREEN, 500, 20 + n))
    return squares(*faces)


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "party.mp4", [scene(n) for n in range(0, 90, 2)], fps=5)


def test_a_video_gives_an_appearance_per_track_with_its_seconds(service, video):
    event = service.events.create("Party")
    (taken,) = service.events.add(event, [Source("party.mp4", video)])
    assert (taken.outcome, taken.faces) == ("added", 3)
    event = service.events.find(event.id)
    faces = service.events.appearances(event)
    assert sorted(each.person or "" for each in faces) == ["", "Green", "Red"]
    green = next(each for each in faces if each.person == "Green")
    document = json.loads(json.dumps(green.document(), allow_nan=False))
    assert (document["from"], document["to"]) == ("00:06", "00:08")
    assert service.events.picture(event, green.appearance.id)[:2] == b"\xff\xd8"
    roll = service.events.roll(event)
    assert [line.person for line in roll.present] == ["Green", "Red"]
    assert len(roll.unknown) == 1
    assert roll.photos == 1


def test_a_video_is_taken_once_and_goes_with_photos_into_one_decision(service, video):
    event = service.events.create("Party")
    sources = [Source("1.png", paint(RED, BLUE, seed=11)), Source("party.mp4", video)]
    assert [t.outcome for t in service.events.add(event, sources)] == ["added"] * 2
    again = [*sources, Source("other name.mp4", video)]
    assert [t.outcome for t in service.events.add(event, again)] == ["known"] * 3
    roll = service.events.roll(service.events.find(event.id))
    assert [(line.person, line.photos) for line in roll.present] == [("Green", 1), ("Red", 2)]
    assert [group.photos for group in roll.unknown] == [2]


def test_a_verdict_on_a_track_keeps_others_of_its_time_from_being_that_person(service, tmp_path):
    frames = [squares((BLUE, 20 + n, 20), (RED, 320 + n, 20)) for n in range(20)]
    frames += [squares((RED, 100 + n, 20)) for n in range(300, 320)]
    video = write_video(tmp_path / "v.mp4", frames, fps=10)
    event = service.events.create("Party")
    list(service.events.add(event, [Source("v.mp4", video)]))
    faces = service.events.appearances(event)
    blue = next(each for each in faces if each.person is None)
    red = next(each for each in faces if each.person == "Red")
    service.events.judge(
        event, Judgement(VerdictKind.IS, (blue.appearance.id,), person="Red"), "me"
    )
    by_id = {each.appearance.id: each for each in service.events.appearances(event)}
    assert by_id[blue.appearance.id].person == "Red"
    assert by_id[red.appearance.id].person is None


def test_a_video_that_was_stopped_in_its_midst_leaves_nothing_and_is_added_once(service, video):
    event = service.events.create("Party")
    source = Source("party.mp4", video)

    def stop(second, length):
        if second > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(service.events.take(event, iter([source]), stop))
    assert service.events.photos(event) == []
    assert service.events.appearances(event) == []
    assert [t.faces for t in service.events.add(event, [source, source])] == [3, 0]
    assert len(service.events.appearances(service.events.find(event.id))) == 3


def test_a_broken_video_is_listed_with_the_reason_and_stops_nothing(service, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    event = service.events.create("Party")
    sources = [Source("broken.mp4", broken), Source("2.png", paint(RED, seed=12))]
    assert [t.outcome for t in service.events.add(event, sources)] == ["rejected", "added"]
    (reject,) = service.events.photos(event, rejected=True)
    assert reject.code == "unreadable"


def test_the_spreadsheet_says_when_a_face_was_seen(service, video, tmp_path):
    event = service.events.create("Party")
    list(service.events.add(event, [Source("party.mp4", video)]))
    service.events.roll(event).to_xlsx(tmp_path / "roll.xlsx")
    sheet = load_workbook(tmp_path / "roll.xlsx")["appearances"]
    head = [cell.value for cell in sheet[1]]
    stays = {row[head.index("name")].value: row[head.index("from")].value for row in sheet}
    assert stays["Green"] == "00:06"


def test_every_form_of_the_roll_says_from_when_to_when_in_which_video(service, video):
    event = service.events.create("Party")
    list(service.events.add(event, [Source("films/party.mp4", video)]))
    roll = service.events.roll(event)
    forms = {form: roll_bytes(roll, form) for form in ("csv", "html", "json")}
    assert b"party.mp4 00:06 to 00:08" in forms["csv"]
    assert b"party.mp4 00:06 to 00:08" in forms["html"]
    green = next(line for line in json.loads(forms["json"])["people"] if line["person"] == "Green")
    assert green["videos"] == [{"video": "party.mp4", "from": "00:06", "to": "00:08"}]
    sheet = load_workbook(io.BytesIO(roll_bytes(roll, "xlsx"))).worksheets[0]
    head = [cell.value for cell in sheet[1]]
    told = {row[head.index("name")].value: row[head.index("in videos")].value for row in sheet}
    assert told["Green"] == "party.mp4 00:06 to 00:08"


def test_the_roll_on_the_command_line_says_when_too_where_there_are_videos(service, video):
    event = service.events.create("Party")
    list(service.events.add(event, [Source("1.png", paint(RED, seed=11))]))
    head, rows = people_rows(service.events.roll(event))
    assert "in videos" not in head
    assert [row[head.index("name")] for row in rows] == ["Red"]
    list(service.events.add(event, [Source("films/party.mp4", video)]))
    head, rows = people_rows(service.events.roll(event))
    told = {row[head.index("name")]: row[head.index("in videos")] for row in rows}
    assert told["Green"] == "party.mp4 00:06 to 00:08"


def test_stays_that_overlap_share_a_moment_and_others_do_not():
    photos = np.array([1, 1, 1, 2, 2], np.int64)
    times = Times(np.array([0, 2, 6, 0, 0], np.float32), np.array([3, 5, 8, 0, 0], np.float32))
    shown = moments(photos, times)
    together = (shown @ shown.T).toarray() > 0
    assert together.tolist() == [
        [True, True, False, False, False],
        [True, True, False, False, False],
        [False, False, True, False, False],
        [False, False, False, True, True],
        [False, False, False, True, True],
    ]


def test_two_stays_of_one_video_are_grouped_unless_they_overlap():
    one = np.eye(4, dtype=np.float32)[[0, 0, 0]]
    video = np.zeros(3, np.int64)
    times = Times(np.array([0, 1, 5], np.float32), np.array([2, 3, 6], np.float32))
    labels = group_faces(one, video, 0.5, times)
    assert labels[0] != labels[1]
    assert labels[2] in labels[:2]


def test_an_event_scores_a_track_as_identify_does(service, tmp_path):
    """The mean of frames that differ counts less: by one rule, wherever it is decided."""
    frames = [squares((RED if n % 20 < 10 else (250, 60, 6), 20 + n, 20)) for n in range(0, 40, 2)]
    video = write_video(tmp_path / "v.mp4", frames, fps=5)
    event = service.events.create("Party")
    list(service.events.add(event, [Source("v.mp4", video)]))
    (seen,) = service.events.appearances(event)
    (track,) = service.identify_video(Source("v.mp4", video)).tracks
    assert seen.person == track.face.person == "Red"
    assert seen.appearance.likeness == pytest.approx(track.face.score, abs=1e-5)
    faces = service.catalogue.event_faces.of_event(event.id)
    assert faces.agreement[0] < 0.999


def test_after_a_change_of_model_a_video_is_followed_anew_and_verdicts_stay(service, video):
    event = service.events.create("Party")
    list(service.events.add(event, [Source("party.mp4", video)]))
    blue = next(each for each in service.events.appearances(event) if each.person is None)
    service.events.judge(event, Judgement(VerdictKind.NOBODY, (blue.appearance.id,)), "me")
    before = [each.document() for each in service.events.appearances(event)]
    database = service.catalogue._database
    with database.writing() as connection:  # of a model whose vectors have another length
        old = {"old": np.ones(4, np.float32).tobytes()}
        connection.execute(
            text("UPDATE appearances SET fingerprint = 'before', vector = :old, agreement = 0.5"),
            old,
        )
    event = service.events.find(event.id)
    assert service.events.update(event).left == 0
    assert [each.document() for each in service.events.appearances(event)] == before
    with database.reading() as connection:
        rows = connection.execute(text("SELECT fingerprint, agreement FROM appearances")).all()
    assert {row.fingerprint for row in rows} == {service.active_model.collection.fingerprint}
    assert all(row.agreement > 0.9 for row in rows)
    video.unlink()
    with database.writing() as connection:
        connection.execute(text("UPDATE appearances SET fingerprint = 'before'"))
    assert service.events.update(service.events.find(event.id)).left == len(rows)
