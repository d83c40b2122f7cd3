"""One face, followed."""

from retrieval.collection.tracks.track import MOST_STAYS, Track


def test_what_is_kept_of_a_face_found_now_and_then_for_hours_does_not_grow() -> None:
    track = Track(0, [(0.0, 0.0)])
    for look in range(2, 20_000, 2):  # found in every other look, of five in a second
        track.go_on(look / 5, before=(look - 1) / 5)
    gone = track.last
    absent = gone + 600
    track.go_on(absent, before=absent - 0.2)
    assert len(track.stays) == MOST_STAYS
    assert (track.seen, track.first, track.last) == (10_000, 0.0, absent)
    assert track.spans == [(0.0, gone), (absent, absent)]
