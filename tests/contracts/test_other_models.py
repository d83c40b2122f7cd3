"""The other model of a collection: its vectors lie beside the active ones, and change places."""

import numpy as np
import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import AlreadyExists, ModelSwitched, NotFound, SwapIncomplete, VectorInvalid
from tests.catalogue.made import make_collection, new_face, new_faces, vector

OTHER = {
    "embedder": "other",
    "precision": "int8",
    "mirror": False,
    "fingerprint": "other:1",
    "dimension": 5,
}
MEASURED = {"stamp": "1", "threshold": 0.25}


@pytest.fixture
def catalogue(url):
    with Catalogue.open(url) as opened:
        yield opened


@pytest.fixture
def gallery(catalogue):
    """Ann with faces 0 to 3, Bob with faces 4 and 5."""
    collection = make_collection(catalogue).id
    catalogue.enrol(collection, [*new_faces("Ann", range(4)), *new_faces("Bob", range(4, 6))])
    return collection


@pytest.fixture
def other_models(catalogue, gallery):
    found = catalogue.other_models
    found.begin(gallery, **OTHER)
    return found


def others(face_ids):
    """Vectors of the other model, each a face's own."""
    return np.stack([vector(1_000 + face_id, 5) for face_id in face_ids])


def embed(other_models, gallery, but=()):
    ids = [face.id for face in other_models.lacking(gallery, "other:1") if face.id not in but]
    assert other_models.put(gallery, "other:1", ids, others(ids)) == len(ids)
    return ids


def seen(catalogue, gallery):
    """Ids, people and vectors as an index that is opened now sees them."""
    (part,) = catalogue.feed(gallery).everything()
    return part.added.tolist(), part.people.tolist(), part.vectors


def test_there_and_back_leaves_model_vectors_and_calibration_as_they_were(
    catalogue, gallery, other_models
):
    catalogue.set_calibration(gallery, MEASURED)
    before, then = seen(catalogue, gallery), catalogue.seen(gallery)
    head = catalogue.feed(gallery).head()
    ids = embed(other_models, gallery)
    other_models.set_calibration(gallery, "other:1", {"stamp": "2"})
    generation = other_models.begin_generation(gallery)
    assert other_models.exchange(gallery, "other:1") == 0
    other, document = catalogue.seen(gallery)
    assert (other.embedder, other.precision, other.mirror) == ("other", "int8", False)
    assert (other.fingerprint, other.dimension, other.generation) == ("other:1", 5, generation)
    assert document == {"stamp": "2"}
    np.testing.assert_array_equal(seen(catalogue, gallery)[2], others(ids))
    assert seen(catalogue, gallery)[:2] == before[:2]
    assert other_models.get(gallery).former
    assert other_models.exchange(gallery, "fingerprint") == 0
    np.testing.assert_array_equal(seen(catalogue, gallery)[2], before[2])
    assert catalogue.seen(gallery) == then
    assert catalogue.feed(gallery).head() == head, (
        "no face changed hands: indexes keep what they have"
    )
    assert not other_models.get(gallery).former


def test_a_feed_of_one_model_never_gives_vectors_of_another(catalogue, gallery, other_models):
    ours, theirs = (
        catalogue.feed(gallery),
        other_models.feed(catalogue.collection("default"), "other:1"),
    )
    start = ours.head()
    embed(other_models, gallery)
    (part,) = theirs.everything()
    assert (theirs.dimension, part.vectors.shape) == (5, (6, 5))
    other_models.exchange(gallery, "other:1")
    for feed in (ours, theirs):
        for ask in (
            feed.head,
            lambda feed=feed: feed.changes(start),
            lambda: next(ours.everything()),
        ):
            with pytest.raises(ModelSwitched, match="went from fingerprint to other:1"):
                ask()
    assert catalogue.feed(gallery).dimension == 5


def test_what_is_prepared_for_one_model_is_not_taken_from_the_other(
    catalogue, gallery, other_models
):
    embed(other_models, gallery)
    other_models.exchange(gallery, "other:1")
    collection = catalogue.collection("default")
    for ask in (
        lambda: other_models.feed(collection, "other:1"),
        lambda: other_models.calibration(gallery, "other:1"),
        lambda: other_models.set_calibration(gallery, "other:1", {"stamp": "2"}),
    ):
        with pytest.raises(NotFound, match="went on meanwhile"):
            ask()


def test_what_one_model_made_is_not_written_into_another(catalogue, gallery, other_models):
    embed(other_models, gallery)
    other_models.exchange(gallery, "other:1")
    late = new_face("Cid", 9)
    with pytest.raises(ModelSwitched):
        catalogue.enrol(gallery, [late], "fingerprint")
    with pytest.raises(ModelSwitched):
        catalogue.set_calibration(gallery, MEASURED, "fingerprint")
    assert catalogue.counts(gallery).people == 2
    assert catalogue.calibration(gallery) is None
    with pytest.raises(VectorInvalid):
        other_models.put(gallery, "fingerprint", [1], others([1]))


def test_faces_enrolled_meanwhile_are_followed_up_from_either_side(
    catalogue, gallery, other_models
):
    embed(other_models, gallery)
    catalogue.enrol(gallery, [new_face("Cid", 9)])
    with pytest.raises(SwapIncomplete, match="1 faces"):
        other_models.exchange(gallery, "other:1")
    (late,) = other_models.lacking(gallery, "other:1")
    assert (late.person, late.photo) == ("Cid", "photos/Cid/9.jpg")
    np.testing.assert_array_equal(late.landmarks, new_face("Cid", 9).landmarks)
    np.testing.assert_array_equal(late.box, new_face("Cid", 9).box)
    embed(other_models, gallery)
    other_models.exchange(gallery, "other:1")
    catalogue.enrol(gallery, [new_face("Dan", 10, dimension=5)], "other:1")
    assert [face.person for face in other_models.lacking(gallery, "fingerprint")] == ["Dan"]
    assert other_models.lacks(gallery, "other:1") == 0


def test_faces_left_out_are_seen_by_nobody_until_they_are_embedded_or_all_go_back(
    catalogue, gallery, other_models
):
    before = seen(catalogue, gallery)
    left = other_models.lacking(gallery, "other:1")[1].id
    embed(other_models, gallery, but=[left])
    assert other_models.exchange(gallery, "other:1", may_lack=1) == 1
    assert left not in seen(catalogue, gallery)[0]
    assert left not in catalogue.vectors(gallery)[0]
    assert catalogue.counts(gallery).faces == 6
    assert other_models.lacks(gallery, "other:1") == 1
    with pytest.raises(SwapIncomplete, match="a vector of fingerprint only"):
        other_models.drop(gallery)
    other_models.exchange(gallery, "fingerprint")
    np.testing.assert_array_equal(seen(catalogue, gallery)[2], before[2])
    other_models.exchange(gallery, "other:1", may_lack=1)
    head = catalogue.feed(gallery).head()
    assert other_models.put(gallery, "other:1", [left], others([left])) == 1
    told = catalogue.feed(gallery).changes(head)
    assert told.added.tolist() == [left], "indexes that are open learn of it"
    np.testing.assert_array_equal(told.vectors, others([left]))


def test_an_index_is_named_anew_whenever_vectors_were_added(catalogue, gallery, other_models):
    embed(other_models, gallery)
    first = other_models.begin_generation(gallery)
    assert other_models.begin_generation(gallery) == first
    catalogue.enrol(gallery, [new_face("Cid", 9)])
    embed(other_models, gallery)
    assert other_models.get(gallery).generation is None
    assert other_models.begin_generation(gallery) != first
    other_models.exchange(gallery, "other:1")
    assert other_models.get(gallery).generation == "", "the first model keeps the index that it had"


def test_a_deleted_face_is_gone_from_both_models(catalogue, gallery, other_models):
    ids = embed(other_models, gallery)
    assert len(other_models.vectors(gallery, ids[:4])[0]) == 4
    catalogue.delete_person(gallery, catalogue.person(gallery, "Ann").id)
    assert other_models.vectors(gallery)[0].tolist() == ids[4:]
    assert other_models.put(gallery, "other:1", ids, others(ids)) == 0, (
        "nothing is kept for the gone"
    )
    other_models.exchange(gallery, "other:1")
    assert seen(catalogue, gallery)[0] == ids[4:]


def test_one_other_model_at_a_time(catalogue, gallery, other_models):
    assert other_models.begin(gallery, **OTHER) == other_models.get(gallery), (
        "the same again goes on"
    )
    with pytest.raises(AlreadyExists, match="keeps other:1 beside"):
        other_models.begin(gallery, **{**OTHER, "fingerprint": "third"})
    with pytest.raises(AlreadyExists, match="uses fingerprint already"):
        other_models.begin(gallery, **{**OTHER, "fingerprint": "fingerprint"})
    with pytest.raises(NotFound, match="third is not beside"):
        other_models.exchange(gallery, "third")
    embed(other_models, gallery)
    other_models.drop(gallery)
    assert other_models.find(gallery) is None
    assert other_models.vectors(gallery)[0].tolist() == []
    with pytest.raises(NotFound, match="the swap was ended"):
        other_models.exchange(gallery, "other:1")
    with pytest.raises(NotFound, match="rollcall models swap begin NAME"):
        other_models.get(gallery)


def test_a_first_model_that_is_dropped_leaves_no_vector_and_later_ones_go_on(
    catalogue, gallery, other_models
):
    first = catalogue.stored_vectors(range(1, 7))
    embed(other_models, gallery)
    other_models.exchange(gallery, "other:1")
    with pytest.raises(NotFound, match="other:1 is not beside"):
        other_models.drop(gallery, "other:1")  # somebody saw it beside, before the exchange
    other_models.drop(gallery, "fingerprint")
    assert not set(first) & set(catalogue.stored_vectors(range(1, 7)))
    assert len(catalogue.stored_vectors(range(1, 7))) == 6
    catalogue.enrol(gallery, [new_face("Cid", 9, dimension=5)])
    other_models.begin(gallery, **{**OTHER, "fingerprint": "third", "dimension": 7})
    ids = [face.id for face in other_models.lacking(gallery, "third")]
    assert len(ids) == 7
    other_models.put(gallery, "third", ids, np.stack([vector(face_id, 7) for face_id in ids]))
    other_models.exchange(gallery, "third")
    assert seen(catalogue, gallery)[2].shape == (7, 7)
    other_models.exchange(gallery, "other:1")
    assert seen(catalogue, gallery)[2].shape == (7, 5)
