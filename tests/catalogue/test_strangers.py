from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.schema import now
from retrieval.catalogue.strangers import Strangers, UnknownFace, unknowns


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(f"sqlite:///{tmp_path / 'catalogue.db'}") as opened:
        opened.create_collection(
            "default",
            detector="d",
            embedder="e",
            precision="fp32",
            mirror=False,
            fingerprint="f",
            dimension=4,
        )
        yield opened


def _face(photo: str, face: int = 1) -> UnknownFace:
    return UnknownFace(
        photo=f"{photo}.jpg",
        sha256=photo,
        width=100,
        height=80,
        face=face,
        box=np.array([1, 2, 30, 40], np.float32),
        landmarks=np.arange(10, dtype=np.float32).reshape(5, 2),
        score=0.9,
        size_px=30.0,
        sharpness=50.0,
        yaw_deg=3.0,
        cut_off=0.0,
        vector=np.array([0.5, 0.5, 0.5, 0.5], np.float32),
    )


def _keep(catalogue: Catalogue, faces: list[UnknownFace], days: int = 30) -> Strangers:
    store = catalogue.strangers
    store.keep(catalogue.collection("default").id, {f.sha256 for f in faces}, faces, days)
    return store


def test_faces_come_back_as_they_were_kept(catalogue: Catalogue) -> None:
    store = _keep(catalogue, [_face("a"), _face("a", 2)])
    first, second = store.newest(1, limit=10, days=None)
    np.testing.assert_array_equal(first.vector, _face("a").vector)
    np.testing.assert_array_equal(first.landmarks, _face("a").landmarks)
    assert (first.photo, first.face, second.face, first.group) == ("a.jpg", 1, 2, None)
    assert first.seen_at is not None
    assert first.id < second.id


def test_a_photo_that_is_asked_again_leaves_its_faces_once(catalogue: Catalogue) -> None:
    _keep(catalogue, [_face("a"), _face("a", 2)])
    store = _keep(catalogue, [_face("a", 2)])
    assert [face.face for face in store.newest(1, limit=10, days=None)] == [2]


def test_a_photo_whose_faces_are_known_by_now_leaves_none(catalogue: Catalogue) -> None:
    store = _keep(catalogue, [_face("a")])
    store.keep(1, {"a"}, [], days=30)
    assert store.newest(1, limit=10, days=None) == []


def test_faces_live_as_long_as_the_setting_says(catalogue: Catalogue) -> None:
    store = _keep(catalogue, [_face("old"), _face("new")])
    old = update(unknowns).where(unknowns.c.sha256 == "old")
    with catalogue._database.writing() as connection:
        connection.execute(old.values(seen_at=now() - timedelta(days=31)))
    assert [f.sha256 for f in store.newest(1, limit=10, days=30)] == ["new"]
    assert len(store.newest(1, limit=10, days=None)) == 2
    _keep(catalogue, [_face("newer")], days=30)
    assert [f.sha256 for f in store.newest(1, limit=10, days=None)] == ["new", "newer"]


def test_the_newest_are_given_where_there_are_too_many(catalogue: Catalogue) -> None:
    store = _keep(catalogue, [_face("a"), _face("b"), _face("c")])
    assert [face.sha256 for face in store.newest(1, limit=2, days=None)] == ["b", "c"]


def test_groups_are_kept_and_faces_that_are_known_are_strangers_no_more(
    catalogue: Catalogue,
) -> None:
    store = _keep(catalogue, [_face("a"), _face("b"), _face("c")])
    ids = np.array([face.id for face in store.newest(1, limit=10, days=None)])
    store.group(ids, ids[[0, 0, 2]])
    found = store.newest(1, limit=10, days=None)
    assert [face.group for face in found] == ids[[0, 0, 2]].tolist()
    store.know(ids[:2].tolist(), entry=1)
    assert [face.sha256 for face in store.newest(1, limit=10, days=None)] == ["c"]
    assert store.forget_all(1) == 1
    assert store.newest(1, limit=10, days=None) == []


def test_a_deleted_collection_takes_its_unknown_faces_along(catalogue: Catalogue) -> None:
    store = _keep(catalogue, [_face("a")])
    catalogue.delete_collection("default")
    assert store.newest(1, limit=10, days=None) == []
