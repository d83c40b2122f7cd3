import numpy as np
import pytest

from retrieval.identities import trials as module
from retrieval.identities.trials import Trials, ask_gallery
from retrieval.scoring.rule import evidence, fuse, templates
from retrieval.values import Floats, Ints
from tests.identities.made import Crowd, crowd


def _scores(gallery: Crowd, probe: Floats) -> tuple[Ints, Floats]:
    """The score of each person for one probe, the long way."""
    people, means = templates(gallery.vectors, gallery.people)
    cosines = gallery.vectors @ probe
    nearest = np.array([cosines[gallery.people == person].max() for person in people])
    return people, fuse(nearest.astype(np.float32), means @ probe)


def _without(gallery: Crowd, keep: Ints) -> Crowd:
    return Crowd(gallery.vectors[keep], gallery.people[keep])


def test_genuine_searches_are_those_of_a_gallery_without_the_photo() -> None:
    gallery = crowd(12, 4, seed=1)
    asked = ask_gallery(gallery.vectors, gallery.people)
    for row in range(len(gallery.people)):
        rest = _without(gallery, np.arange(len(gallery.people)) != row)
        people, scores = _scores(rest, gallery.vectors[row])
        own = int(np.flatnonzero(people == gallery.people[row])[0])
        others = np.sort(np.delete(scores, own))[::-1]
        assert asked.own_scores[row] == pytest.approx(scores[own], abs=1e-5)
        assert asked.leads[row] == pytest.approx(scores[own] - others[0], abs=1e-5)
        assert asked.genuine[row] == pytest.approx(
            scores[own] + (scores[own] - others[0]) / 2, abs=1e-5
        )


def test_strangers_searches_are_those_of_a_gallery_without_the_person() -> None:
    gallery = crowd(12, 4, seed=2)
    asked = ask_gallery(gallery.vectors, gallery.people)
    for row in range(len(gallery.people)):
        rest = _without(gallery, gallery.people != gallery.people[row])
        scores = np.sort(_scores(rest, gallery.vectors[row])[1])[::-1]
        assert asked.strangers[row] == pytest.approx(evidence(scores[None])[0, 0], abs=1e-5)


def test_a_wrong_name_is_recorded_with_the_evidence_that_identify_would_see() -> None:
    gallery = crowd(12, 4, seed=3)
    mislabelled = Crowd(gallery.vectors, np.where(np.arange(48) == 5, 9, gallery.people))
    asked = ask_gallery(mislabelled.vectors, mislabelled.people)
    row = int(np.flatnonzero(asked.leads == asked.leads.min())[0])
    assert (asked.people[row], asked.leads[row] < 0) == (9, True)
    rest = _without(mislabelled, np.arange(48) != 5)
    scores = np.sort(_scores(rest, gallery.vectors[5])[1])[::-1]
    assert asked.mistaken[row] == pytest.approx(evidence(scores[None])[0, 0], abs=1e-5)


def test_people_with_one_photo_are_asked_as_strangers_only() -> None:
    gallery = crowd(12, 1, seed=1)
    asked = ask_gallery(gallery.vectors, gallery.people)
    assert np.isneginf(asked.genuine).all()
    assert np.isneginf(asked.own_scores).all()
    assert np.isfinite(asked.strangers).all()


def test_half_of_the_people_are_never_more_alike_than_all_by_score() -> None:
    gallery = crowd(40, 3, seed=1)
    asked = ask_gallery(gallery.vectors, gallery.people)
    assert asked.halves.mean() < asked.strangers.mean()


def test_large_galleries_are_asked_about_some_people_against_everybody() -> None:
    gallery = crowd(1200, 4, seed=1)
    asked = ask_gallery(gallery.vectors, gallery.people)
    assert module.MOST_PROBES <= len(asked.people) < module.MOST_PROBES + 4
    assert (asked.gallery_people, asked.gallery_faces) == (1200, 4800)


def test_people_may_have_any_ids_and_rows_any_order() -> None:
    gallery = crowd(12, 4, seed=4)
    shuffled = np.random.default_rng(0).permutation(48)
    ids = np.array([1000 - 7 * person for person in range(12)])
    plain = ask_gallery(gallery.vectors, gallery.people)
    other = ask_gallery(gallery.vectors[shuffled], ids[gallery.people[shuffled]])
    assert set(other.people.tolist()) == set(ids.tolist())
    np.testing.assert_allclose(np.sort(plain.genuine), np.sort(other.genuine), atol=1e-5)


def test_pairs_are_of_different_people() -> None:
    """People who are far apart: a pair of one person would stand out."""
    people = np.repeat(np.arange(12), 3)
    vectors = np.eye(12, dtype=np.float32)[people]
    asked = ask_gallery(vectors, people)
    assert isinstance(asked, Trials)
    assert asked.photo_pairs.max() == 0
    assert asked.person_pairs.max() == 0
    assert asked.own_photos.min() == 1
