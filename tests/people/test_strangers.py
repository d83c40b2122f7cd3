import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import AlreadyExists, NameInvalid, NotFound, UndoImpossible
from retrieval.identities.groups import pairwise_f1
from retrieval.people.strangers import list_groups, name_group
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Source
from tests.api.painted import BLUE, GREEN, RED, paint, painted_service
from tests.catalogue.made import new_face
from tests.identities.made import Crowd, crowd
from tests.trusted import enrol, open_service, unknown_face


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(tmp_path) as opened:
        yield opened


def _meet(service: Service, strangers: Crowd, prefix: str = "query") -> None:
    """Keep strangers as queries would."""
    faces = [
        unknown_face(f"{prefix}{row}.jpg", vector) for row, vector in enumerate(strangers.vectors)
    ]
    hashes = {face.sha256 for face in faces}
    service.catalogue.strangers.keep(service.collection.id, hashes, faces, days=30)


def test_strangers_come_back_as_groups_largest_first(service: Service) -> None:
    enrol(service, crowd(20, 4, seed=1))
    strangers = crowd(4, 6, seed=2)
    kept = np.arange(24) != 23
    _meet(service, Crowd(strangers.vectors[kept], strangers.people[kept]))
    groups = list_groups(service)
    owners = np.array([strangers.people[int(f.photo[5:-4])] for g in groups for f in g.faces])
    labels = np.concatenate([np.full(len(g.faces), g.id) for g in groups])
    assert pairwise_f1(labels, owners) > 0.9
    sizes = [len(group.faces) for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    document = groups[0].document()
    assert document["faces"] == sizes[0]
    assert len(document["photos"]) == sizes[0]
    assert document["first_seen"] <= document["last_seen"]
    assert [g.id for g in list_groups(service, least=6)] == [
        g.id for g in groups if len(g.faces) >= 6
    ]


def test_new_faces_join_the_groups_that_are_there_and_keep_their_numbers(
    service: Service,
) -> None:
    enrol(service, crowd(20, 4, seed=1))
    strangers = crowd(3, 20, seed=2, noise=0.2)
    late = np.isin(np.arange(60), [19, 39])
    _meet(service, Crowd(strangers.vectors[~late], strangers.people[~late]))
    before = {group.id: len(group.faces) for group in list_groups(service)}
    assert sorted(before.values()) == [19, 19, 20]
    _meet(service, Crowd(strangers.vectors[late], strangers.people[late]), prefix="later")
    after = {group.id: len(group.faces) for group in list_groups(service)}
    assert after.keys() == before.keys()
    assert sorted(after.values()) == [20, 20, 20]


def test_a_named_group_is_enrolled_and_asked_about_no_more(service: Service) -> None:
    enrol(service, crowd(20, 4, seed=1))
    _meet(service, crowd(3, 6, seed=2, noise=0.2))
    group = list_groups(service)[0]
    named = name_group(service, group.id, "Grace")
    assert len(named.enrolled) == 6
    assert len(service.catalogue.faces_of(service.catalogue.person(1, "Grace").id)) == 6
    assert group.id not in {left.id for left in list_groups(service)}
    service.gallery.catch_up()
    hits = service.gallery.search(group.faces[0].vector[None], 1)
    assert service.catalogue.names(hits.people[0].tolist()) == {int(hits.people[0, 0]): "Grace"}


def test_other_answers_in_which_the_person_was_unknown_are_told(service: Service) -> None:
    """Half of the group's faces were asked about after it was grouped: they are known too."""
    enrol(service, crowd(20, 4, seed=1))
    strangers = crowd(1, 12, seed=2, noise=0.1)
    _meet(service, Crowd(strangers.vectors[:6], strangers.people[:6]))
    group = list_groups(service)[0]
    _meet(service, Crowd(strangers.vectors[6:], strangers.people[6:]), prefix="later")
    named = name_group(service, group.id, "Grace")
    assert {face.photo for face in named.known} == {f"later{row}.jpg" for row in range(6)}
    told = named.document()["now_known"]
    assert {answer["photo"] for answer in told} >= {"query0.jpg", "later0.jpg"}
    assert list_groups(service) == []


def test_an_undone_naming_makes_all_of_them_strangers_again(service: Service) -> None:
    """Those who were known by it too; whoever was made by it goes, whoever was there stays."""
    enrol(service, crowd(20, 4, seed=1))
    catalogue, collection = service.catalogue, service.collection.id
    before = catalogue.people(collection)
    strangers = crowd(1, 12, seed=2, noise=0.1)
    _meet(service, Crowd(strangers.vectors[:6], strangers.people[:6]))
    group = list_groups(service)[0]
    _meet(service, Crowd(strangers.vectors[6:], strangers.people[6:]), prefix="later")
    named = name_group(service, group.id, "Grace", external_id="7")
    assert (named.entry.kind, len(named.entry.faces)) == ("name", 6)
    assert named.entry.summary == "named 6 unknown faces Grace"
    assert list_groups(service) == []

    catalogue.undo(collection, named.entry.id)
    assert catalogue.people(collection) == before
    (again,) = list_groups(service)
    assert len(again.faces) == 12
    service.gallery.catch_up()
    hits = service.gallery.search(group.faces[0].vector[None], 20)
    assert hits.people.max() <= max(person.id for person in before)

    there = name_group(service, again.id, before[0].name, external_id="8")
    assert catalogue.person(collection, before[0].name).external_id == "8"
    catalogue.undo(collection, there.entry.id)
    assert catalogue.people(collection) == before
    assert len(list_groups(service)[0].faces) == 12


def test_a_naming_is_not_undone_under_whoever_has_changed_since(service: Service) -> None:
    catalogue, collection = service.catalogue, service.collection.id
    enrol(service, crowd(2, 4, seed=1))
    into = catalogue.people(collection)[0].name
    _meet(service, crowd(1, 4, seed=2, noise=0.1))
    named = name_group(service, list_groups(service)[0].id, "Grace")
    merged = catalogue.merge_people(
        collection, catalogue.person(collection, "Grace"), catalogue.person(collection, into)
    )
    with pytest.raises(UndoImpossible, match=rf"Undo edit {merged.id} \(merge\) first"):
        catalogue.undo(collection, named.entry.id)
    catalogue.undo(collection, merged.id)
    catalogue.undo(collection, named.entry.id)
    assert "Grace" not in {person.name for person in catalogue.people(collection)}


def test_whoever_is_deleted_leaves_no_stranger_who_was_known_by_their_name(
    service: Service, tmp_path: Path
) -> None:
    catalogue, collection = service.catalogue, service.collection.id
    enrol(service, crowd(20, 4, seed=1))
    strangers = crowd(1, 8, seed=2, noise=0.1)
    _meet(service, Crowd(strangers.vectors[:4], strangers.people[:4]))
    group = list_groups(service)[0]
    _meet(service, Crowd(strangers.vectors[4:], strangers.people[4:]), prefix="later")
    name_group(service, group.id, "Grace")
    catalogue.delete_person(collection, catalogue.person(collection, "Grace"))
    database = sqlite3.connect(tmp_path / "catalogue.db")
    assert database.execute("SELECT count(*) FROM unknowns").fetchone() == (0,)
    database.close()


def test_a_name_that_several_have_names_no_stranger(service: Service) -> None:
    catalogue, collection = service.catalogue, service.collection.id
    for number in (1, 2):
        catalogue.enrol(collection, [new_face("Ann", number, str(number), dimension=48)])
    _meet(service, crowd(1, 4, seed=2, noise=0.1))
    (group,) = list_groups(service)
    with pytest.raises(AlreadyExists, match="several people have this name"):
        name_group(service, group.id, "Ann")
    assert [left.id for left in list_groups(service)] == [group.id]


def test_two_strangers_of_one_photo_can_both_be_named(service: Service) -> None:
    axes = np.eye(48, dtype=np.float32)
    faces = [
        replace(unknown_face("both.jpg", axes[row], row + 1), box=np.float32([90 * row, 0, 80, 80]))
        for row in (0, 1)
    ]
    store = service.catalogue.strangers
    store.keep(service.collection.id, {faces[0].sha256}, faces, days=30)
    first, second = list_groups(service)
    name_group(service, first.id, "Ada")
    name_group(service, second.id, "Grace")
    people = service.catalogue.people(service.collection.id)
    assert {(person.name, person.faces) for person in people} == {("Ada", 1), ("Grace", 1)}


def test_naming_a_group_that_is_not_there_says_where_they_are_listed(service: Service) -> None:
    with pytest.raises(NotFound, match=r"no group 7 of unknown faces.*unknowns list"):
        name_group(service, 7, "Grace")
    with pytest.raises(NameInvalid):
        name_group(service, 7, "  ")


def test_nothing_kept_is_no_group(service: Service) -> None:
    assert list_groups(service) == []


@pytest.mark.parametrize("days", [0, 30])
def test_a_query_keeps_its_unknown_faces_where_the_setting_says_so(
    tmp_path: Path, days: int
) -> None:
    settings = Settings(home=tmp_path, unknown_days=days)
    with painted_service(settings, "default") as service:
        service.ensure_collection()
        (answer,) = service.identify([Source("group.png", paint(RED, GREEN, BLUE))])
        assert [face.decision.value for face in answer.faces] == ["unknown"] * 3
        kept = service.catalogue.strangers.newest(service.collection.id, 10, None)
    assert [face.face for face in sorted(kept, key=lambda f: f.box[0])] == [1, 2, 3][: days * 3]
