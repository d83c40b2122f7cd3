"""Who is in a video: painted people who move, and real ones where there are any."""

import json

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from retrieval.building import build_models, build_service
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.tracks.drawing import timeline
from retrieval.collection.tracks.identifying import follow
from retrieval.collection.tracks.track import BEST
from retrieval.identities.at_once import Times, decide_stays
from retrieval.protocols import PeopleHits
from retrieval.scoring.rule import AGREEMENT_POWER
from retrieval.settings import Settings
from retrieval.values import Gate, Source
from tests.api.painted import BLUE, GREEN, RED, paint, painted_service
from tests.made_videos import squares, write_video


@pytest.fixture
def service(tmp_path):
    with painted_service(Settings(home=tmp_path / "home"), "default") as opened:
        items = [
            EnrolItem(name, f"{name}{n}.png", paint(colour, seed=n))
            for name, colour in (("Red", RED), ("Green", GREEN))
            for n in range(2)
        ]
        assert {result.outcome for result in opened.enrol(items)} == {"enrolled"}
        yield opened


def crossing(n):
    """Red goes right, Blue left beneath, Green comes for the last two seconds."""
    faces = [(RED, 20 + 7 * n, 10), (BLUE, 500 - 7 * n, 130)]
    return squares(*faces, *([(GREEN, 520, 10)] if n >= 30 else []), height=256)


def test_a_video_says_who_was_seen_from_when_to_when(service, tmp_path):
    video = write_video(tmp_path / "door.mp4", [crossing(n) for n in range(50)], fps=10)
    answer = service.identify_video(Source("door.mp4", video), paths=True)
    assert answer.error is None
    assert [track.face.person for track in answer.tracks] == ["Red", None, "Green"]
    red, _, green = answer.tracks
    assert (red.first, round(red.last, 1)) == (0.0, 4.8)
    assert round(green.first, 1) == 3.0
    assert len(red.path) == red.frames == 25
    assert red.picture[:2] == b"\xff\xd8"
    document = json.loads(json.dumps(answer.document(), allow_nan=False))
    assert [(p["person"], p["from"], p["to"]) for p in document["people"]] == [
        ("Red", "00:00", "00:04"),
        ("Green", "00:03", "00:04"),
    ]
    assert timeline(answer).size[0] > 1000


def test_somebody_who_goes_and_comes_back_is_one_track_with_two_stays(service, tmp_path):
    frames = [squares((RED, 20, 20)) if not 20 <= n < 60 else squares() for n in range(80)]
    video = write_video(tmp_path / "back.mp4", frames, fps=10)
    (track,) = service.identify_video(Source("back.mp4", video)).tracks
    assert len(track.spans) == 2
    assert track.face.person == "Red"


@pytest.mark.parametrize("frames", [1, 5])
def test_a_video_too_short_for_three_looks_says_who_was_seen(service, tmp_path, frames):
    video = write_video(tmp_path / "short.mp4", [squares((RED, 20, 20))] * frames, fps=25)
    (track,) = service.identify_video(Source("short.mp4", video)).tracks
    assert track.face.person == "Red"


def test_two_who_look_like_one_person_at_once_are_not_both_named(service, tmp_path):
    frames = [squares((RED, 20 + n, 20), ((240, 40, 40), 300 + n, 20)) for n in range(20)]
    video = write_video(tmp_path / "twins.mp4", frames, fps=10)
    answer = service.identify_video(Source("twins.mp4", video))
    assert sorted(track.face.person or "" for track in answer.tracks) == ["", "Red"]
    assert {track.face.decision for track in answer.tracks} == {"match", "ambiguous"}


def test_a_person_whose_tracks_alternate_from_cut_to_cut_is_named_in_each():
    """Two tracks of one person, never seen at once, though one lies within the other."""
    people, score = np.array([[7], [7]], np.int64), np.float32([[0.9], [0.85]])
    hits = PeopleHits(people, score, people, score, score)
    first, last = np.float32([0, 3]), np.float32([9, 5])
    gate = Gate(0.8, 0.0, "test")
    for stays, named in (([[(0, 2), (6, 9)], [(3, 5)]], [7, 7]), (None, [7, None])):
        found = decide_stays(hits, (None, None), gate, Times(first, last, stays))
        assert [each.person_id for each in found] == named


def test_three_who_are_too_small_to_be_compared_keep_their_tracks_while_the_camera_moves(tmp_path):
    """They stand 150 pixels apart in a picture that moves by up to 65 a frame, as if cut."""
    coarse = np.random.default_rng(5).integers(90, 166, (20, 120), np.uint8)
    world = cv2.resize(coarse, (1440, 240), interpolation=cv2.INTER_CUBIC)
    world = np.repeat(world[..., None], 3, axis=2)
    for left in (500, 650, 800):
        world[80:150, left : left + 70] = RED
    left = [round(380 + 110 * np.sin(n / 1.7)) for n in range(30)]
    video = write_video(tmp_path / "pan.mp4", [world[:, x : x + 640] for x in left])
    with painted_service(Settings(home=tmp_path / "home", min_face_px=90), "default") as service:
        list(service.enrol([EnrolItem("Red", "Red.png", paint(RED))]))
        answer = service.identify_video(Source("pan.mp4", video), paths=True)
    assert answer.error is None
    assert [track.face.decision for track in answer.tracks] == ["unusable"] * 3
    for track in answer.tracks:
        assert np.ptp([box[0] + left[round(second * 10)] for second, box in track.path]) < 20


def test_a_video_that_cannot_be_read_has_an_error_in_its_answer(service, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"broken")
    answer = service.identify_video(Source("broken.mp4", broken))
    assert answer.error_code == "unreadable"
    assert "broken.mp4" in answer.document()["error"]


def test_a_long_video_keeps_no_more_of_a_track_than_a_short_one(service, tmp_path):
    frames = [squares((RED, 20 + 3 * (n % 60), 20)) for n in range(0, 240, 2)]
    video = write_video(tmp_path / "long.mp4", frames, fps=5)
    seen = service.steadily(lambda m: follow(m, Source("l", video), service.video_rules))
    (track,) = seen.tracks
    assert track.seen > 100
    assert len(track.best) == BEST
    assert sum(bool(each.picture) for each in track.best) == 1


ENROLLED_PHOTOS = 4


@pytest.fixture(scope="module")
def staff(tmp_path_factory, lfw_dir, videos_dir, yunet_file, mobilefacenet_file):
    """People of LFW, two of whom the clips may show."""
    home = tmp_path_factory.mktemp("staff")
    settings = Settings(home=home, embedder="mobilefacenet", detector="yunet")
    store = build_models(settings)
    store.pull("yunet", source=yunet_file)
    store.pull("mobilefacenet", source=mobilefacenet_file)
    names = ["Jennifer_Aniston", "Matthew_Perry"]
    names += sorted(p.name for p in lfw_dir.iterdir() if len(list(p.iterdir())) == 6)[:30]
    with build_service(settings) as service:
        items = (
            EnrolItem(name, photo.name, photo)
            for name in names
            for photo in sorted((lfw_dir / name).iterdir())[:ENROLLED_PHOTOS]
        )
        list(service.enrol(items))
        yield service


@pytest.fixture(scope="module")
def friends(staff, videos_dir):
    return seen_in(staff, videos_dir, "friends1.mp4")


def seen_in(staff, videos_dir, name):
    answer = staff.identify_video(Source(name, videos_dir / name))
    assert answer.error is None
    return answer


def test_friends_are_followed_and_only_who_is_there_is_named(friends):
    """Judged frame by frame: six people show their face, and a magazine shows a seventh."""
    assert len(friends.tracks) == 7
    assert (friends.turned, friends.remark) == (0, None)
    assert [stay.person for stay in friends.people()] == ["Jennifer_Aniston"]
    assert sum(track.last - track.first > 3 for track in friends.tracks) == 7


def test_whoever_is_put_into_the_dark_scene_is_named(staff, friends, videos_dir, lfw_dir, tmp_path):
    """Whom no network finds in the clip is found where his photos stand in its dark."""
    left, top, width, height = friends.tracks[1].face.box
    photos = sorted((lfw_dir / "Matthew_Perry").iterdir())[ENROLLED_PHOTOS:]
    heads = [np.asarray(Image.open(photo).convert("RGB"))[40:210, 45:205] for photo in photos]
    with av.open(str(videos_dir / "friends1.mp4")) as clip:
        shown = [each.to_ndarray(format="rgb24") for each in list(clip.decode(video=0))[:75:5]]
    x, y = int(left - width * 0.2), int(top - height * 0.2)
    light = shown[0][int(top) : int(top + height), int(left) : int(left + width)].mean()
    for number, frame in enumerate(shown):
        head = cv2.resize(heads[number // 5 % len(heads)], (int(width * 1.4), int(height * 1.4)))
        dark = (head * (light / head.mean())).astype(np.uint8)
        frame[y : y + dark.shape[0], x : x + dark.shape[1]] = dark
    video = write_video(tmp_path / "put.mp4", shown, fps=5)
    people = staff.identify_video(Source("put.mp4", video)).people()
    assert sorted(stay.person for stay in people) == ["Jennifer_Aniston", "Matthew_Perry"]


def test_the_singer_is_one_track_through_cuts_and_nobody_is_named(staff, videos_dir):
    answer = seen_in(staff, videos_dir, "short_hamilton_clip.mp4")
    assert not answer.people()
    longest = max(answer.tracks, key=lambda track: track.frames)
    assert longest.first == 0
    assert 6.5 < longest.last < 7.2  # then the audience is shown
    assert len(longest.spans) == 2  # the back of his head between


def test_people_who_walk_towards_the_camera_keep_their_tracks(staff, videos_dir):
    """Judged frame by frame: three are there from beginning to end."""
    answer = seen_in(staff, videos_dir, "timesler_video.mp4")
    assert not answer.people()
    whole = [track for track in answer.tracks if track.frames >= 19]
    assert len(whole) == 3
    middles = np.array([track.face.box[0] for track in whole])
    assert np.ptp(middles) > 300


@pytest.mark.parametrize("degrees", [90, 180])
def test_a_clip_that_lies_and_does_not_say_so_shows_the_same_people(
    staff, videos_dir, tmp_path, degrees
):
    with av.open(str(videos_dir / "friends1.mp4")) as clip:
        half = [each.reformat(640, 360, "rgb24").to_ndarray() for each in clip.decode(video=0)]
    lying = [np.rot90(frame, degrees // 90) for frame in half[:50:5]]
    video = write_video(tmp_path / "lies.mp4", lying, fps=5)
    answer = staff.identify_video(Source("lies.mp4", video))
    assert answer.turned == degrees
    assert f"turned by {degrees} degrees" in answer.remark
    assert (answer.width, answer.height) == (640, 360)
    assert [stay.person for stay in answer.people()] == ["Jennifer_Aniston"]
    assert len(answer.tracks) >= 5  # a sixth is barely large enough at half the size


def test_whoever_is_there_is_named_at_a_fifth_of_the_light(staff, videos_dir, tmp_path):
    with av.open(str(videos_dir / "friends1.mp4")) as clip:
        shown = [each.reformat(640, 360, "rgb24").to_ndarray() for each in clip.decode(video=0)]
    noise = np.random.default_rng(3).normal(0, 1, shown[0].shape)
    dark = [np.clip(frame / 5 + noise, 0, 255).astype(np.uint8) for frame in shown[:50:5]]
    video = write_video(tmp_path / "dark.mp4", dark, fps=5)
    people = staff.identify_video(Source("dark.mp4", video)).people()
    assert [stay.person for stay in people] == ["Jennifer_Aniston"]


def test_a_tracks_score_is_lowered_by_how_much_its_frames_differ(service, tmp_path):
    """Its mean, at unit length, lies nearer to everybody than each of its frames does."""
    alike = [squares((RED, 20 + n, 20)) for n in range(0, 40, 2)]
    differ = [
        squares(((RED if n % 20 < 10 else (250, 60, 6)), 20 + n, 20)) for n in range(0, 40, 2)
    ]
    scores = []
    for number, frames in enumerate((alike, differ)):
        video = write_video(tmp_path / f"{number}.mp4", frames, fps=5)
        seen = service.steadily(lambda m, v=video: follow(m, Source("v", v), service.video_rules))
        (track,) = seen.tracks
        (answer,) = service.identify_video(Source("v", video)).tracks
        nearest = answer.face.candidates[0]
        scores.append(nearest.score)
        (hits,) = service.gallery.search(track.faces().vectors, 1).scores
        assert nearest.score == pytest.approx(hits[0] * track.agreement**AGREEMENT_POWER, abs=1e-4)
    assert scores[0] > 0.98
    assert scores[1] < scores[0]
