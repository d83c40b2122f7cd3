from datetime import UTC, datetime

import numpy as np
import pytest

from retrieval.catalogue.records import EnrolledFace
from retrieval.collection.likeness import alike, words_of
from retrieval.index.gallery import Gallery
from retrieval.values import Vectors
from tests.fakes import MemoryFeed

PEOPLE, PHOTOS = 4, 3


def vectors() -> Vectors:
    """Four people in directions of their own, three photos each, the first the purest."""
    rows = np.repeat(np.eye(PEOPLE, 8), PHOTOS, axis=0)
    rows[:, 7] = np.tile([0.0, 0.2, 0.3], PEOPLE)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


@pytest.fixture
def gallery() -> Gallery:
    feed = MemoryFeed(8)
    feed.enrol(np.repeat(np.arange(1, PEOPLE + 1), PHOTOS), vectors())
    gallery = Gallery(feed, None)
    gallery.catch_up()
    return gallery


def enrolled(face: int, photo: int) -> EnrolledFace:
    return EnrolledFace(
        id=face,
        person_id=(face - 1) // PHOTOS + 1,
        person=f"p{(face - 1) // PHOTOS + 1}",
        photo_id=photo,
        photo=f"{photo}.jpg",
        sha256="",
        photo_sha256="",
        width=1,
        height=1,
        box=(0.0, 0.0, 1.0, 1.0),
        score=1.0,
        size_px=1.0,
        sharpness=1.0,
        created_at=datetime.now(UTC),
    )


def test_a_face_has_the_word_of_its_nearest_and_a_strangers_face_has_none(
    gallery: Gallery,
) -> None:
    clusters = gallery.clusters(PEOPLE)
    probes = np.eye(8, dtype=np.float32)[[0, 2, 5]]  # the last is like nobody
    words = words_of(gallery, clusters, probes, 0.8)
    assert len(words) == 2
    assert set(clusters.people[np.isin(clusters.labels, words)]) == {1, 3}


def test_photos_come_by_the_words_that_they_share_and_then_by_the_nearest_face(
    gallery: Gallery,
) -> None:
    clusters = gallery.clusters(PEOPLE)
    probes = np.eye(8, dtype=np.float32)[[0, 2]]
    words = words_of(gallery, clusters, probes, 0.8)
    both = {face: enrolled(face, 100 if face in (3, 9) else face) for face in (1, 2, 3, 7, 8, 9)}
    hits = alike(gallery, clusters, words, both, probes)
    assert hits[0].photo == "100.jpg"  # shows both people
    assert hits[0].score == pytest.approx(1.0)
    assert [hit.photo for hit in hits][1:3] in (["1.jpg", "7.jpg"], ["7.jpg", "1.jpg"])
    assert all(hit.score == pytest.approx(1 / np.sqrt(2)) for hit in hits[1:])
    assert {hit.person for hit in hits[3:]} == {"p1", "p3"}


def test_a_photo_of_strangers_is_like_none(gallery: Gallery) -> None:
    clusters = gallery.clusters(PEOPLE)
    probes = np.eye(8, dtype=np.float32)[[6]]
    words = words_of(gallery, clusters, probes, 0.8)
    assert words.tolist() == []
    assert alike(gallery, clusters, words, {}, probes) == []
