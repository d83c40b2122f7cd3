"""The other model of a collection: its vectors lie beside the active ones, and change places."""

import numpy as np
import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.models.other_models import Spares
from retrieval.errors import AlreadyExists, ModelSwitched, NotFound, SwapIncomplete, VectorInvalid
from tests.catalogue.made import make_collection, new_face, new_faces, vector

OTHER = {
    "embedder": "other",
    "precision": "int8",
    "mirror": False,
    "fingerprint": "other:1",
    "dimension": 5,
}
LENS = {"stamp": "1", "threshold": 0.25}


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
def spares(catalogue, gallery):
    found = Spares(catalogue.database)
    found.begin(gallery, **OTHER)
    return found


def others(face_ids):
    """Vectors of the other model, each a face's own."""
    return np.stack([vector(1_000 + face_id, 5) for face_id in face_ids])


def embed(spares, gallery, but=()):
    ids = [face.id for face in spares.lacking(gallery, "other:1") if face.id not in but]
    assert spares.put(gallery, "other:1", ids, others(ids)) == len(ids)
    return ids


def seen(catalogue, gallery):
    """Ids, people and vectors as an index that is opened now sees them."""
    (part,) = catalogue.feed(gallery).everything()
    return part.added.tolist(), part.people.tolist(), part.vectors


def test_there_and_back_leaves_model_vectors_and_calibration_as_they_were(
    catalogue, gallery, spares
):
    matrix = np.eye(8, dtype=np.float32)
    catalogue.set_calibration(gallery, LENS, matrix)
    before, then = seen(catalogue, gallery), catalogue.calibrated(gallery)
    head = catalogue.feed(gallery).head()
    ids = embed(spares, gallery)
    spares.set_calibration(gallery, "other:1", {"stamp": "2"}, np.eye(5, dtype=np.float32) * 2)
    term = spares.begin_term(gallery)
    assert spares.exchange(gallery, "other:1") == 0
    other, document, space = catalogue.calibrated(gallery)
    assert (other.embedder, other.precision, other.mirror) == ("other", "int8", False)
    assert (other.fingerprint, other.dimension, other.term) == ("other:1", 5, term)
    assert document == {"stamp": "2"}
    np.testing.assert_array_equal(space, np.eye(5) * 2)
    np.testing.assert_array_equal(seen(catalogue, gallery)[2], others(ids))
    assert seen(catalogue, gallery)[:2] == before[:2]
    assert spares.get(gallery).former
    assert spares.exchange(gallery, "fingerprint") == 0
    np.testing.assert_array_equal(seen(catalogue, gallery)[2], before[2])
    back, document, space = catalogue.calibrated(gallery)
    assert (back, document) == then[:2]
    np.testing.assert_array_equal(space, matrix)
    assert catalogue.feed(gallery).head() == head, (
        "no face changed hands: indexes keep what they have"
    )
    assert not spares.get(gallery).former


def test_a_feed_of_one_model_never_gives_vectors_of_another(catalogue, gallery, spares):
    ours, theirs = catalogue.feed(gallery), spares.feed(catalogue.collection("default"), "other:1")
    start = ours.head()
    embed(spares, gallery)
    (part,) = theirs.everything()
    assert (theirs.dimension, part.vectors.shape) == (5, (6, 5))
    spares.exchange(gallery, "other:1")
    for feed in (ours, theirs):
        for ask in (
            feed.head,
            lambda feed=feed: feed.changes(start),
            lambda: next(ours.everything()),
        ):
            with pytest.raises(ModelSwitched, match="went from fingerprint to other:1"):
                ask()
    assert catalogue.feed(gallery).dimension == 5


def test_what_is_prepared_for_one_model_is_not_taken_from_the_other(catalogue, gallery, spares):
    embed(spares, gallery)
    spares.exchange(gallery, "other:1")
    collection = catalogue.collection("default")
    for ask in (
        lambda: spares.feed(collection, "other:1"),
        lambda: spares.calibrated(gallery, "other:1"),
        lambda: spares.set_calibration(gallery, "other:1", {"stamp": "2"}, None),
    ):
        with pytest.raises(NotFound, match="went on meanwhile"):
            ask()


def test_what_one_model_made_is_not_written_into_another(catalogue, gallery, spares):
    embed(spares, gallery)
    spares.exchange(gallery, "other:1")
    late = new_face("Cid", 9)
    with pytest.raises(ModelSwitched):
        catalogue.enrol(gallery, [late], "fingerprint")
    with pytest.raises(ModelSwitched):
        catalogue.set_calibration(gallery, LENS, None, "fingerprint")
    assert catalogue.counts(gallery).people == 2
    assert catalogue.calibration(gallery) is None
    with pytest.raises(VectorInvalid):
        spares.put(gallery, "fingerprint", [1], others([1]))


def test_faces_enrolled_meanwhile_are_followed_up_from_either_side(catalogue, gallery, spares):
    embed(spares, gallery)
    catalogue.enrol(gallery, [new_face("Cid", 9)])
    with pytest.raises(SwapIncomplete, match="1 faces"):
        spares.exchange(gallery, "other:1")
    (late,) = spares.lacking(gallery, "other:1")
    assert (late.person, late.photo) == ("Cid", "photos/Cid/9.jpg")
    np.testing.assert_array_equal(late.landmarks, new_face("Cid", 9).landmarks)
    np.testing.assert_array_equal(late.box, new_face("Cid", 9).box)
    embed(spares, gallery)
    spares.exchange(gallery, "other:1")
    catalogue.enrol(gallery, [new_face("Dan", 10, dimension=5)], "other:1")
    assert [face.person for face in spares.lacking(gallery, "fingerprint")] == ["Dan"]
    assert spares.lacks(gallery, "other:1") == 0


def test_faces_left_out_are_seen_by_nobody_until_they_are_embedded_or_all_go_back(
    catalogue, gallery, spares
):
    before = seen(catalogue, gallery)
    left = spares.lacking(gallery, "other:1")[1].id
    embed(spares, gallery, but=[left])
    assert spares.exchange(gallery, "other:1", may_lack=1) == 1
    assert left not in seen(catalogue, gallery)[0]
    assert left not in catalogue.vectors(gallery)[0]
    assert catalogue.counts(gallery).faces == 6
    assert spares.lacks(gallery, "other:1") == 1
    with pytest.raises(SwapIncomplete, match="a vector of fingerprint only"):
        spares.drop(gallery)
    spares.exchange(gallery, "fingerprint")
    np.testing.assert_array_equal(seen(catalogue, gallery)[2], before[2])
    spares.exchange(gallery, "other:1", may_lack=1)
    head = catalogue.feed(gallery).head()
    assert spares.put(gallery, "other:1", [left], others([left])) == 1
    told = catalogue.feed(gallery).changes(head)
    assert told.added.tolist() == [left], "indexes that are open learn of it"
    np.testing.assert_array_equal(told.vectors, others([left]))


def test_an_index_is_named_anew_whenever_vectors_were_added(catalogue, gallery, spares):
    embed(spares, gallery)
    first = spares.begin_term(gallery)
    assert spares.begin_term(gallery) == first
    catalogue.enrol(gallery, [new_face("Cid", 9)])
    embed(spares, gallery)
    assert spares.get(gallery).term is None
    assert spares.begin_term(gallery) != first
    spares.exchange(gallery, "other:1")
    assert spares.get(gallery).term == "", "the first model keeps the index that it had"


def test_a_deleted_face_is_gone_from_both_models(catalogue, gallery, spares):
    ids = embed(spares, gallery)
    assert len(spares.vectors(gallery, ids[:4])[0]) == 4
    catalogue.delete_person(gallery, catalogue.person(gallery, "Ann").id)
    assert spares.vectors(gallery)[0].tolist() == ids[4:]
    assert spares.put(gallery, "other:1", ids, others(ids)) == 0, "nothing is kept for the gone"
    spares.exchange(gallery, "other:1")
    assert seen(catalogue, gallery)[0] == ids[4:]


def test_one_other_model_at_a_time(catalogue, gallery, spares):
    assert spares.begin(gallery, **OTHER) == spares.get(gallery), "the same again goes on"
    with pytest.raises(AlreadyExists, match="keeps other:1 beside"):
        spares.begin(gallery, **{**OTHER, "fingerprint": "third"})
    with pytest.raises(AlreadyExists, match="uses fingerprint already"):
        spares.begin(gallery, **{**OTHER, "fingerprint": "fingerprint"})
    with pytest.raises(NotFound, match="third is not beside"):
        spares.exchange(gallery, "third")
    embed(spares, gallery)
    spares.drop(gallery)
    assert spares.find(gallery) is None
    assert spares.vectors(gallery)[0].tolist() == []
    with pytest.raises(NotFound, match="the swap was ended"):
        spares.exchange(gallery, "other:1")
    with pytest.raises(NotFound, match="rollcall models swap NAME"):
        spares.get(gallery)


def test_a_first_model_that_is_dropped_leaves_no_vector_and_later_ones_go_on(
    catalogue, gallery, spares
):
    first = catalogue.stored_vectors(range(1, 7))
    embed(spares, gallery)
    spares.exchange(gallery, "other:1")
    spares.drop(gallery)
    assert not set(first) & set(catalogue.stored_vectors(range(1, 7)))
    assert len(catalogue.stored_vectors(range(1, 7))) == 6
    catalogue.enrol(gallery, [new_face("Cid", 9, dimension=5)])
    spares.begin(gallery, **{**OTHER, "fingerprint": "third", "dimension": 7})
    ids = [face.id for face in spares.lacking(gallery, "third")]
    assert len(ids) == 7
    spares.put(gallery, "third", ids, np.stack([vector(face_id, 7) for face_id in ids]))
    spares.exchange(gallery, "third")
    assert seen(catalogue, gallery)[2].shape == (7, 7)
    spares.exchange(gallery, "other:1")
    assert seen(catalogue, gallery)[2].shape == (7, 5)
