"""What a deletion could not reach is deleted later, and it hinders nothing else."""

import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from retrieval.building import build_service, milvus_server
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import IndexFailed, StoreError, StoreFull, try_each
from retrieval.settings import Settings
from tests.api.painted import BLUE, GREEN, RED, paint, painted_service
from tests.catalogue.made import make_collection

PHOTOS = {"Ann": paint(RED), "Ben": paint(GREEN), "Cid": paint(BLUE)}


def test_every_step_is_tried_and_the_first_error_is_told() -> None:
    done: list[int] = []

    def fail(error: StoreError) -> None:
        raise error

    first, second = IndexFailed("away"), StoreFull("full")
    with pytest.raises(IndexFailed, match="away"):
        try_each(lambda: fail(first), lambda: done.append(1), lambda: fail(second))
    assert done == [1]


def test_copies_that_cannot_be_deleted_hinder_nothing_else_and_go_with_the_next_deletion(
    tmp_path: Path,
) -> None:
    with painted_service(Settings(home=tmp_path, keep_photos=True), "default") as service:
        list(service.enrol(EnrolItem(name, name, data) for name, data in PHOTOS.items()))
        service.write_index()
        written = set(tmp_path.glob("index/**/*.snapshot"))
        (copy,) = tmp_path.glob(f"photos/*/*/{sha256(PHOTOS['Ann']).hexdigest()}")
        away = shutil.move(copy, tmp_path / "away")
        (copy / "in the way").mkdir(parents=True)
        with pytest.raises(StoreError, match="deleted with the next person"):
            service.forget("Ann")
        assert written
        assert not written & set(tmp_path.glob("index/**/*.snapshot"))
        assert service.catalogue.traces([b"Ann"]) == []
        shutil.rmtree(copy)
        shutil.move(away, copy)
        service.forget("Ben")
        assert service.photos.kept() == [sha256(PHOTOS["Cid"]).hexdigest()]
        assert not service.catalogue.begin_erasure(service.collection.id)  # nothing is open


def test_the_index_of_a_collection_deleted_while_its_server_was_away_is_dropped_later(
    tmp_path: Path,
) -> None:
    pytest.importorskip("milvus_lite", reason="needs the package milvus-lite")
    from retrieval.index.milvus.pair import Pair

    settings = Settings(home=tmp_path, index_url=str(tmp_path / "lite.db"))
    server = milvus_server(settings)
    with build_service(settings) as service:
        collection = make_collection(service.catalogue)
        places = service.catalogue.index_registry(collection.id)
        places.lease("key", "a", 60)
        epoch = service.catalogue.feed(collection.id).head().epoch
        pair = Pair(server, places.begin("key", "a", epoch), collection.dimension)
        pair.create()
        make_collection(service.catalogue, "other")
        service.catalogue.delete_collection("default")  # and not what the server has
    with build_service(settings.model_copy(update={"collection": "other"})) as service:
        assert service.gallery
        assert service.catalogue.index_registry(collection.id).all() == []
    assert not pair.faces.exists()
    server.close()
