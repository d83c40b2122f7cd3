"""People over HTTP: list, enrol, edit, undo, delete."""

import io
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response
from PIL import Image

from retrieval.settings import Settings
from tests.api.conftest import enrol, receipt_of
from tests.api.painted import BLUE, GREEN, PINK, RED, paint

# Left, top, width, height of the first and the second painted square.
FIRST, SECOND = "48,48,96,96", "240,48,96,96"


def who(client: TestClient, *colours: tuple[int, int, int]) -> list[str | None]:
    files = {"photos": ("q.png", paint(*colours, seed=99))}
    (photo,) = client.post("/v1/identify", files=files).json()["photos"]
    faces = sorted(photo["faces"], key=lambda face: face["box"][0])
    return [face["person"] for face in faces]


def test_people_are_listed_a_page_at_a_time(client: TestClient) -> None:
    for number, name in enumerate(["Ada", "Bea", "Cleo", "Dora", "Edda"]):
        enrol(client, name, paint(RED, seed=number))
    names, cursor = [], None
    for _ in range(3):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/people", params=params).json()
        names.append([person["person"] for person in page["people"]])
        cursor = page["next"]
    assert names == [["Ada", "Bea"], ["Cleo", "Dora"], ["Edda"]]
    assert cursor is None
    found = client.get("/v1/people", params={"search": "DO"}).json()["people"]
    assert [person["person"] for person in found] == ["Dora"]


def test_a_cursor_that_is_none_of_ours_is_refused(client: TestClient, people: object) -> None:
    answer = client.get("/v1/people", params={"cursor": "%%%"})
    assert (answer.status_code, answer.json()["code"]) == (422, "setting")


def test_enrolling_tells_what_was_taken_and_what_not(client: TestClient) -> None:
    files = [
        ("photos", ("good.png", paint(RED, seed=1))),
        ("photos", ("empty.png", paint(seed=1))),
        ("photos", ("two.png", paint(BLUE, GREEN, seed=1))),
        ("photos", ("broken.png", b"\x89PNG")),
    ]
    answer = client.post("/v1/people", data={"person": "Rosa"}, files=files)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["enrolled"], told["known"], len(told["face_ids"])) == (1, 0, 1)
    assert [(one["photo"], one["reason"]) for one in told["rejected"]] == [
        ("empty.png", "no-face"),
        ("two.png", "several-faces"),
        ("broken.png", "unreadable"),
    ]
    again = client.post("/v1/people", data={"person": "Rosa"}, files=files[:1])
    assert (again.json()["enrolled"], again.json()["known"]) == (0, 1)


def test_enrolling_nothing_is_a_problem_that_lists_why(client: TestClient) -> None:
    answer = client.post(
        "/v1/people", data={"person": "Rosa"}, files={"photos": ("empty.png", paint())}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "nothing-enrolled"
    assert answer.json()["rejected"][0]["reason"] == "no-face"


def test_a_face_of_several_can_be_named(client: TestClient) -> None:
    photo = paint(RED, BLUE)
    answer = client.post(
        "/v1/people", data={"person": "Blau", "face": "2"}, files={"photos": ("two.png", photo)}
    )
    assert answer.status_code == 201
    assert who(client, RED, BLUE) == [None, "Blau"]


def test_photos_are_added_to_a_person_and_removed(
    client: TestClient, people: dict[str, int]
) -> None:
    rosa = people["Rosa"]
    files = {"photos": ("third.png", paint(RED, seed=3))}
    (face_id,) = client.post(f"/v1/people/{rosa}/photos", files=files).json()["face_ids"]
    shown = client.get(f"/v1/people/{rosa}").json()
    assert [photo["photo"] for photo in shown["photos"]] == ["0.png", "1.png", "third.png"]
    gone = client.delete(f"/v1/people/{rosa}/photos/{face_id}")
    assert (gone.status_code, gone.json()["erased_faces"]) == (202, [face_id])
    assert len(client.get(f"/v1/people/{rosa}").json()["photos"]) == 2
    elsewhere = client.delete(f"/v1/people/{people['Gustav']}/photos/{face_id}")
    assert elsewhere.status_code == 404


def test_rename_is_seen_in_answers(client: TestClient, people: dict[str, int]) -> None:
    renamed = client.patch(f"/v1/people/{people['Rosa']}", json={"person": "Rosa Rot"})
    told = renamed.json()
    assert [each["kind"] for each in told.pop("edits")] == ["rename"]
    assert told == {"id": people["Rosa"], "person": "Rosa Rot", "external_id": None}
    assert who(client, RED) == ["Rosa Rot"]
    taken = client.patch(f"/v1/people/{people['Rosa']}", json={"person": "Gustav"})
    assert (taken.status_code, taken.json()["code"]) == (409, "already-exists")


def test_a_number_is_given_with_a_name_or_alone(client: TestClient, people: dict[str, int]) -> None:
    person = f"/v1/people/{people['Rosa']}"
    assert client.patch(person, json={"external_id": "E1"}).status_code == 200
    assert client.get(person).json()["external_id"] == "E1"
    both = client.patch(person, json={"person": "Gustav", "external_id": "E2"})
    assert both.status_code == 409, "a name is shared only where both have numbers"
    assert client.get(person).json()["external_id"] == "E1", "neither, where one is refused"
    client.patch(f"/v1/people/{people['Gustav']}", json={"external_id": "E3"})
    both = client.patch(person, json={"person": "Gustav", "external_id": "E2"})
    assert [each["kind"] for each in both.json()["edits"]] == ["number", "rename"]
    assert client.patch(person, json={"person": "Gustav"}).json()["edits"] == []
    assert [each["external_id"] for each in client.get("/v1/people").json()["people"]] == [
        "E2",
        "E3",
    ]


def test_merge_and_undo_restore_the_answers(client: TestClient, people: dict[str, int]) -> None:
    double = enrol(client, "Rosa's double", paint(RED, seed=3))
    assert who(client, RED) == [None]  # two people who look the same: ambiguous
    merge = {"person_id": double, "into_id": people["Rosa"]}
    preview = client.get(f"/v1/people/{double}/merge-preview", params={"into_id": people["Rosa"]})
    assert preview.json()["summary"] == "moves 1 face to Rosa"
    edit = client.post("/v1/people/merge", json=merge).json()
    assert edit["kind"] == "merge"
    assert who(client, RED, GREEN) == ["Rosa", "Gustav"]
    undone = client.post("/v1/undo", json={"edit": edit["id"]})
    assert undone.json()["undone"] is True
    assert who(client, RED, GREEN) == [None, "Gustav"]
    assert client.get(f"/v1/people/{double}").json()["person"] == "Rosa's double"
    assert [each["kind"] for each in client.get("/v1/edits").json()["edits"]] == ["merge"]
    nothing = client.post("/v1/undo", json={})
    assert nothing.status_code == 404


def test_move_and_split_give_faces_to_others(client: TestClient, people: dict[str, int]) -> None:
    mixed = client.post(
        f"/v1/people/{people['Rosa']}/photos", files={"photos": ("p.png", paint(PINK))}
    ).json()["face_ids"]
    split = {"face_ids": mixed, "person": "Pia"}
    assert client.post(f"/v1/people/{people['Rosa']}/split", json=split).status_code == 200
    assert who(client, PINK) == ["Pia"]
    move = {"face_ids": mixed, "to_id": people["Gustav"]}
    assert client.post("/v1/people/move", json=move).json()["kind"] == "move"
    shown = client.get(f"/v1/people/{people['Gustav']}").json()
    assert mixed[0] in [photo["face_id"] for photo in shown["photos"]]


def test_a_deleted_person_is_named_no_more_and_leaves_no_traces(
    client: TestClient, people: dict[str, int]
) -> None:
    assert who(client, RED) == ["Rosa"]
    deleted = client.delete(f"/v1/people/{people['Rosa']}")
    assert deleted.status_code == 202
    assert who(client, RED) == [None]
    receipt = receipt_of(client, deleted)
    assert (len(receipt["erased_faces"]), len(receipt["erased_photo_marks"])) == (2, 2)
    assert (receipt["clean"], receipt["traces"]) == (True, [])
    assert receipt["searched"]["catalogue.db"] == 1
    assert "Rosa" not in str(receipt)
    assert who(client, RED) == [None]
    assert client.get(f"/v1/people/{people['Rosa']}").status_code == 404


def test_a_repeated_post_with_the_same_idempotency_key_is_done_once(
    client: TestClient, people: dict[str, int]
) -> None:
    def post(name: str) -> tuple[int, dict[str, object], str | None]:
        answer = client.post(
            "/v1/people",
            data={"person": name},
            files={"photos": ("a.png", paint(BLUE, seed=5))},
            headers={"Idempotency-Key": "one"},
        )
        return answer.status_code, answer.json(), answer.headers.get("idempotency-replayed")

    status, told, replayed = post("Bo")
    assert (status, told["enrolled"], replayed) == (201, 1, None)
    assert post("Bo") == (201, told, "true")  # not `known`, as a second enrolment would say
    status, told, _ = post("Somebody else")
    assert (status, told["code"]) == (422, "repeated-wrongly")


def test_a_failed_post_may_be_tried_again_under_its_idempotency_key(
    client: TestClient, people: dict[str, int]
) -> None:
    headers = {"Idempotency-Key": "again"}
    merge = {"person_id": 999, "into_id": people["Rosa"]}
    for _ in range(2):
        assert client.post("/v1/people/merge", json=merge, headers=headers).status_code == 404


def test_a_face_has_a_picture_where_photos_are_kept(
    client: TestClient, people: dict[str, int], settings: Settings
) -> None:
    def picture(person_id: int) -> Response:
        (face, *_) = client.get(f"/v1/people/{person_id}").json()["photos"]
        answer: Response = client.get(f"/v1/faces/{face['face_id']}/picture")
        return answer

    small = picture(people["Rosa"])
    assert max(Image.open(io.BytesIO(small.content)).size) <= 112, (
        "the thumbnail, where no photo is"
    )
    assert client.get("/v1/faces/999/picture").status_code == 404
    settings.keep_photos = True
    client.app.state.context.services.close()  # type: ignore[attr-defined]
    shown = picture(enrol(client, "Petra", paint(PINK)))
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    red, green, blue = Image.open(io.BytesIO(shown.content)).resize((1, 1)).getpixel((0, 0))
    assert red > 150 < blue
    assert green < 150


def test_another_face_of_a_photo_that_is_enrolled_whole_is_somebody_elses(
    client: TestClient,
) -> None:
    def enrolled(person: str, **chosen: str) -> dict[str, Any]:
        files = {"photos": ("both.png", paint(RED, BLUE))}
        told = client.post("/v1/people", data={"person": person, **chosen}, files=files).json()
        return dict(told)

    assert enrolled("Rosa", face="1")["enrolled"] == 1
    (asked,) = enrolled("Blau")["rejected"]
    assert asked["reason"] == "other-person"
    assert "If it shows 'Blau' as well, choose the face." in asked["message"]
    for chosen in ({"face": "1"}, {"box": FIRST}):
        (refused,) = enrolled("Blau", **chosen)["rejected"]
        assert refused["message"].startswith("This face of the photo is enrolled under 'Rosa'.")
    assert enrolled("Blau", face="2")["enrolled"] == 1
    assert enrolled("Blau", face="2")["known"] == 1
    assert who(client, RED, BLUE) == ["Rosa", "Blau"]
    found = client.get("/v1/people").json()["people"]
    assert {each["person"]: each["photos"] for each in found} == {"Rosa": 1, "Blau": 1}


def test_a_face_of_several_is_enrolled_by_the_box_round_it(client: TestClient) -> None:
    files = {"photos": ("two.png", paint(BLUE, GREEN, seed=1))}
    told = client.post("/v1/people", data={"person": "Gus", "box": SECOND}, files=files)
    assert (told.status_code, told.json()["enrolled"]) == (201, 1)
    assert who(client, BLUE, GREEN) == [None, "Gus"]
    (person,) = client.get("/v1/people").json()["people"]
    path = f"/v1/people/{person['id']}/photos"
    more = client.post(path, data={"box": SECOND}, files={"photos": ("q", paint(RED, GREEN))})
    assert more.json()["enrolled"] == 1


def test_a_box_is_of_one_photo_and_no_number_stands_beside_it(client: TestClient) -> None:
    photo = ("photos", ("two.png", paint(BLUE, GREEN, seed=1)))
    for data, files in (
        ({"box": FIRST, "face": "1"}, [photo]),
        ({"box": FIRST}, [photo, ("photos", ("q.png", paint(RED)))]),
        ({"box": "1,2,3"}, [photo]),
    ):
        answer = client.post("/v1/people", data={"person": "Gus", **data}, files=files)
        assert answer.status_code == 422
        assert "box" in answer.json()["detail"].lower()
    assert client.get("/v1/people").status_code == 404  # nobody made the gallery


def rows(seed: int) -> bytes:
    """Two rows of squares: of the first, the left one lies a little lower than the right one."""
    first, second, third = (
        Image.open(io.BytesIO(paint(colour, seed=seed))) for colour in (PINK, RED, GREEN)
    )
    wide, high = first.size
    photo = Image.new("RGB", (2 * wide, 2 * high + 40), (128, 128, 128))
    for square, corner in ((first, (0, 30)), (second, (wide, 0)), (third, (wide // 2, high + 40))):
        photo.paste(square, corner)
    data = io.BytesIO()
    photo.save(data, "PNG")
    return data.getvalue()


def test_a_number_means_the_same_face_wherever_it_is_given_and_shown(client: TestClient) -> None:
    for number, name in enumerate(("Pia", "Rosa", "Gus"), 1):
        data = {"person": name, "face": str(number)}
        files = {"photos": (f"{number}.png", rows(seed=number))}
        assert client.post("/v1/people", data=data, files=files).json()["enrolled"] == 1
    files = {"photos": ("asked.png", rows(seed=9))}
    (asked,) = client.post("/v1/identify", files=files).json()["photos"]
    named = [(face["face"], face["person"]) for face in asked["faces"]]
    assert named == [(1, "Pia"), (2, "Rosa"), (3, "Gus")]
    assert asked["faces"][0]["box"][1] > asked["faces"][1]["box"][1]
    (found,) = client.post("/v1/faces/detect", files=files).json()["photos"]
    places = [(face["face"], face["box"]) for face in asked["faces"]]
    assert [(face["face"], face["box"]) for face in found["faces"]] == places
