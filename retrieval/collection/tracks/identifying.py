"""Who is in a video: its tracks, each decided as a whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.collection.active_model import CANDIDATES, ActiveModel
from retrieval.collection.naming import face_answer
from retrieval.collection.tracks.answers import Look, TrackAnswer, VideoAnswer
from retrieval.collection.tracks.following import Follower, followed, joined, kept
from retrieval.collection.tracks.sides import Sides
from retrieval.collection.tracks.track import Track
from retrieval.collection.tracks.tracker import TrackRule
from retrieval.errors import InferenceFailed, PhotoError
from retrieval.identities.at_once import Times, decide_stays
from retrieval.photos.video_info import VideoInfo
from retrieval.photos.video_rules import VideoRules
from retrieval.photos.videos import Video, opened
from retrieval.scoring.rule import credit
from retrieval.values import Source, found_ids

Advance = Callable[[float, float | None], None]  # the second that is reached, and the length


@dataclass(frozen=True, slots=True, eq=False)
class FollowedVideo:
    """A video after it was seen.

    Attributes:
        name, sha256, info: of the video.
        seconds, frames, looked: how much was seen, and at how many frames was looked.
        tracks: those that count, in the order in which they began.
        remark: why it could not be read to its end, and whether it was turned, or None.
        looks: when was looked, where paths are kept.
    """

    name: str
    sha256: str
    info: VideoInfo
    seconds: float
    frames: int
    looked: int
    tracks: tuple[Track, ...]
    remark: str | None
    looks: tuple[Look, ...] = ()


def follow(
    active_model: ActiveModel,
    source: Source,
    rules: VideoRules,
    *,
    pictures: bool = True,
    paths: bool = False,
    advance: Advance | None = None,
) -> FollowedVideo:
    """See a video from its beginning to its end.

    Args:
        active_model: whose networks look.
        source: the video.
        rules: limits and pace.
        pictures: whether each track's best face is cut out.
        paths: whether each frame's boxes are kept, to be drawn.
        advance: is told how far it is.

    Raises:
        PhotoError: it cannot be read, or is above a limit.
        InferenceFailed: a network failed.
    """
    with opened(source, rules.limits) as video:
        return see(active_model, video, rules, pictures=pictures, paths=paths, advance=advance)


def see(
    active_model: ActiveModel,
    video: Video,
    rules: VideoRules,
    *,
    pictures: bool = True,
    paths: bool = False,
    advance: Advance | None = None,
) -> FollowedVideo:
    """See an open video to its end; see `follow`.

    Where its faces lie on a side, which the file does not say, it is opened and seen once more.
    """
    sides = Sides()
    seen = _see(active_model, video, rules, sides, pictures, paths, advance)
    if video.info.lies or not sides.lies:
        return seen
    with opened(video.source, rules.limits, sides.lies) as upright:
        return _see(active_model, upright, rules, None, pictures, paths, advance)


def _see(
    active_model: ActiveModel,
    video: Video,
    rules: VideoRules,
    sides: Sides | None,
    pictures: bool,
    paths: bool,
    advance: Advance | None,
) -> FollowedVideo:
    rule = TrackRule.of(active_model.calibrated.gate())
    follower = Follower(rule, pictures=pictures, paths=paths, sides=sides)
    looked = 0
    steps = followed(video, active_model.pipeline, follower, rules.pace)
    for second, looked in steps:  # noqa: B007  the last one is told
        if advance is not None:
            advance(second, video.info.seconds)
    return FollowedVideo(
        video.name,
        video.sha256,
        video.info,
        video.seconds,
        video.frames,
        looked,
        tuple(kept(list(follower.tracks.values()), follower.rule, looked)),
        "; ".join(filter(None, [_turned(video.info.lies), video.ends_early])) or None,
        tuple(follower.looks),
    )


def _turned(lies: int) -> str | None:
    if not lies:
        return None
    return f"it lies, which its file does not say: seen turned by {lies} degrees clockwise"


def identify(
    active_model: ActiveModel,
    catalogue: Catalogue,
    source: Source,
    rules: VideoRules,
    threshold: float | None = None,
    *,
    paths: bool = False,
    advance: Advance | None = None,
) -> VideoAnswer:
    """Say who is in a video; one that cannot be read has an error in its answer.

    Args:
        active_model: that answers.
        catalogue: for names.
        source, rules, paths, advance: see `follow`.
        threshold: in place of the collection's own.
    """
    try:
        seen = follow(active_model, source, rules, paths=paths, advance=advance)
    except (PhotoError, InferenceFailed) as error:
        return VideoAnswer(source.name, error=str(error), error_code=error.code)
    return VideoAnswer(
        seen.name,
        seen.sha256,
        seen.info.width,
        seen.info.height,
        seen.seconds,
        seen.frames,
        seen.looked,
        answers(active_model, catalogue, seen.tracks, threshold),
        seen.remark,
        looks=seen.looks,
        turned=seen.info.lies,
    )


def answers(
    active_model: ActiveModel,
    catalogue: Catalogue,
    tracks: Sequence[Track],
    threshold: float | None = None,
) -> tuple[TrackAnswer, ...]:
    """Say whose tracks these are, of one video or camera."""
    if not tracks:
        return ()
    calibrated = active_model.calibrated
    calibrated.gallery.catch_up()
    gate = calibrated.gate(threshold)
    faces = joined(tracks, active_model.collection.dimension)
    agreement = np.array([track.agreement for track in tracks], np.float32)
    hits = calibrated.gallery.search(faces.vectors, CANDIDATES).times(credit(agreement))
    names = catalogue.names(found_ids(hits.people))
    hits = hits.among(names)
    numbers = catalogue.external_ids(names)
    enrolled = catalogue.faces(found_ids(hits.faces))
    first = np.array([track.first for track in tracks], np.float32)
    last = np.array([track.last for track in tracks], np.float32)
    times = Times(first, last, [track.stays for track in tracks])
    decisions = decide_stays(hits, faces.quality.reasons, gate, times)
    expected = calibrated.false_matches(decisions, gate)
    boxes, scores = faces.detections.boxes.tolist(), faces.detections.scores.tolist()
    return tuple(
        TrackAnswer(
            tuple(track.spans),
            track.seen,
            track.best[0].second,
            face_answer(
                tuple(boxes[n]), scores[n], decisions[n], names, enrolled, expected[n], numbers
            ),
            track.best[0].picture,
            tuple((second, tuple(box.tolist())) for second, box in track.path),
        )
        for n, track in enumerate(tracks)
    )
