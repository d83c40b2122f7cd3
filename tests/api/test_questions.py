"""Questions about photos over HTTP."""

from fastapi.testclient import TestClient

from retrieval.api.context import Context
from retrieval.collection.answers import identification
from retrieval.settings import Settings
from retrieval.values import Source
from tests.api.painted import BLUE, GREEN, RED, paint, painted_service

Files = list[tuple[str, tuple[str, bytes]]]


def photos(**named: bytes) -> Files:
    return [("photos", (f"{name}.png", data)) for name, data in named.items()]


def test_identify_names_the_known_and_leaves_the_stranger_unknown(
    client: TestClient, people: dict[str, int]
) -> None:
    answer = client.post("/v1/identify", files=photos(party=paint(RED, BLUE, GREEN, seed=9)))
    assert answer.status_code == 200
    (photo,) = answer.json()["photos"]
    faces = sorted(photo["faces"], key=lambda face: face["box"][0])
    assert [face["person"] for face in faces] == ["Rosa", None, "Gustav"]
    assert [face["decision"] for face in faces] == ["match", "unknown", "match"]
    assert faces[0]["candidates"][0]["person_id"] == people["Rosa"]


def test_identify_answers_as_the_library_does(
    client: TestClient, people: dict[str, int], settings: Settings
) -> None:
    data = paint(RED, BLUE, seed=9)
    over_http = client.post("/v1/identify", files=photos(party=data)).json()
    with painted_service(settings, "default") as service:
        answers = service.identify([Source("party.png", data)])
        assert over_http == identification(answers, service.state())


def test_a_photo_that_cannot_be_read_does_not_stop_the_others(
    client: TestClient, people: dict[str, int]
) -> None:
    files = photos(bad=b"no photo", good=paint(RED, seed=9))
    answer = client.post("/v1/identify", files=files)
    assert answer.status_code == 200
    bad, good = answer.json()["photos"]
    assert "faces" not in bad
    assert "bad.png" in bad["error"]
    assert good["faces"][0]["person"] == "Rosa"


def test_a_photo_without_faces_is_answered_with_none(
    client: TestClient, people: dict[str, int]
) -> None:
    with client.app.state.context.services.lease("default") as service:  # type: ignore[attr-defined]
        service.gallery.rebuild()
    answer = client.post("/v1/identify", files=photos(wall=paint(seed=9)))
    assert answer.status_code == 200
    assert [photo["faces"] for photo in answer.json()["photos"]] == [[]]


def test_a_request_without_one_readable_photo_is_refused(
    client: TestClient, people: dict[str, int]
) -> None:
    answer = client.post("/v1/identify", files=photos(bad=b"no photo"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "unreadable"
    assert problem["status"] == 422
    assert "bad.png" in problem["detail"]


def test_a_collection_that_is_not_there_is_not_found(client: TestClient) -> None:
    answer = client.post("/v1/identify", files=photos(party=paint(RED)))
    assert answer.status_code == 404
    assert answer.json()["code"] == "not-found"


def test_the_audit_log_keeps_who_asked_and_what_was_answered_but_no_vectors(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    client.post("/v1/identify", files=photos(party=paint(RED, seed=9)), data={"threshold": "0.5"})
    (entry,) = context.catalogue.audit.entries(limit=1)
    told = entry.entry
    assert (told.who, told.action, told.threshold, told.model) == (
        "local",
        "identify",
        0.5,
        "colours",
    )
    assert told.answer is not None
    (face,) = told.answer["faces"]
    assert set(face) == {"decision", "person", "score"}
    assert face["person"] == "Rosa"


def test_search_finds_the_photos_of_the_same_person_first(
    client: TestClient, people: dict[str, int]
) -> None:
    answer = client.post("/v1/search", files={"photo": ("q.png", paint(GREEN, seed=9))})
    assert answer.status_code == 200
    hits = answer.json()["hits"]
    assert [hit["person"] for hit in hits[:2]] == ["Gustav", "Gustav"]
    assert [hit["same_person"] for hit in hits] == [True, True, False, False]
    assert all(hit["person_id"] and hit["face_id"] for hit in hits), "by which to ask for more"


def test_verify_compares_a_photo_with_a_photo_and_with_a_person(
    client: TestClient, people: dict[str, int]
) -> None:
    photo = {"photo": ("a.png", paint(RED, seed=9))}
    same = client.post("/v1/verify", files={**photo, "other": ("b.png", paint(RED, seed=8))})
    other = client.post("/v1/verify", files={**photo, "other": ("b.png", paint(BLUE, seed=8))})
    person = client.post("/v1/verify", files=photo, data={"person": "Rosa"})
    both = client.post("/v1/verify", files=photo)
    assert [answer.json().get("same") for answer in (same, other, person)] == [True, False, True]
    assert both.status_code == 422


def test_verify_names_the_field_that_says_which_of_several_faces_is_meant(
    client: TestClient, people: dict[str, int]
) -> None:
    one, two = ("a.png", paint(RED, seed=9)), ("b.png", paint(RED, BLUE, seed=8))
    for files, field in (
        ({"photo": two, "other": one}, "face"),
        ({"photo": one, "other": two}, "other_face"),
    ):
        refused = client.post("/v1/verify", files=files)
        assert (refused.status_code, refused.json()["code"]) == (422, "several-faces")
        assert "b.png: 2 faces were found" in refused.json()["detail"]
        assert f"`{field}`" in refused.json()["detail"]
        assert "--" not in refused.json()["detail"]
        meant = client.post("/v1/verify", files=files, data={field: "1"})
        assert meant.json()["same"] is True


def test_a_person_without_photos_is_nobody_to_compare_with(
    client: TestClient, people: dict[str, int]
) -> None:
    for face in client.get(f"/v1/people/{people['Rosa']}").json()["photos"]:
        client.delete(f"/v1/people/{people['Rosa']}/photos/{face['face_id']}")
    files = {"photo": ("a.png", paint(RED, seed=7))}
    answer = client.post("/v1/verify", files=files, data={"person": "Rosa"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert "Rosa has no photo to compare with" in answer.json()["detail"]
