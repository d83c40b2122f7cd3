"""Photos of events over HTTP: shown in any format, and faces in them that were missed."""

import base64
import io

import pillow_heif
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.api.conftest import receipt_of
from tests.api.painted import BLUE, GREEN, RED, paint


def made(photo: bytes, form: str, **how: object) -> bytes:
    """The photo in another format."""
    pillow_heif.register_heif_opener()
    data = io.BytesIO()
    picture = Image.open(io.BytesIO(photo)).convert("CMYK" if how.pop("cmyk", False) else "RGB")
    picture.save(data, form, **how)  # type: ignore[arg-type]
    return data.getvalue()


FORMATS = {
    "a.heic": made(paint(RED, GREEN), "HEIF", quality=95),
    "a.tif": made(paint(RED, GREEN), "TIFF"),
    "a.jp2": made(paint(RED, GREEN), "JPEG2000"),
    "a.jpg": made(paint(RED, GREEN), "JPEG", cmyk=True),
}


def event_of(client: TestClient, *photos: tuple[str, bytes], keep: bool = True) -> int:
    new = {"name": "Party", "keep_photos": keep}
    event: int = client.post("/v1/events", json=new).json()["id"]
    files = [("photos", photo) for photo in photos]
    assert client.post(f"/v1/events/{event}/photos", files=files).status_code == 200
    return event


@pytest.mark.parametrize("name", FORMATS)
def test_a_photo_of_an_event_is_shown_as_jpeg_whatever_it_was(
    client: TestClient, people: dict[str, int], name: str
) -> None:
    event = event_of(client, (name, FORMATS[name]))
    (photo,) = client.get(f"/v1/events/{event}/photos").json()["photos"]
    assert (photo["width"], photo["height"]) == (384, 192)
    for side in (320, 2048, 320):  # a copy that is held is the same
        shown = client.get(f"/v1/events/{event}/photos/{photo['id']}/picture?side={side}")
        picture = Image.open(io.BytesIO(shown.content))
        assert (picture.format, picture.mode, picture.width) == ("JPEG", "RGB", min(side, 384))


@pytest.mark.parametrize("name", FORMATS)
def test_a_photo_that_is_not_kept_is_shown_in_any_format(client: TestClient, name: str) -> None:
    # A page names its collection with everything.
    shown = client.post("/v1/previews?collection=default", files={"photo": (name, FORMATS[name])})
    assert Image.open(io.BytesIO(shown.content)).format == "JPEG"
    assert shown.headers["cache-control"] == "no-store"


def test_what_is_no_photo_has_no_preview_and_says_why(client: TestClient) -> None:
    refused = client.post("/v1/previews", files={"photo": ("a.pdf", b"%PDF-1.7\n")})
    assert (refused.status_code, refused.json()["code"]) == (422, "unreadable")


def test_a_photo_that_was_not_kept_is_not_shown(client: TestClient, people: dict[str, int]) -> None:
    event = event_of(client, ("a.png", paint(RED)), keep=False)
    (photo,) = client.get(f"/v1/events/{event}/photos").json()["photos"]
    path = f"/v1/events/{event}/photos/{photo['id']}"
    assert client.get(f"{path}/picture").status_code == 404
    assert client.get(f"{path}/picture?optional=1").status_code == 204
    refused = client.post(f"{path}/faces", json={"box": [0, 0, 50, 50]})
    assert refused.status_code == 404
    assert "was not kept" in refused.json()["detail"]


def test_a_deleted_persons_photos_are_shown_no_more_even_if_they_were_held(
    client: TestClient, people: dict[str, int]
) -> None:
    event = event_of(client, ("a.png", paint(RED, seed=7)))
    (photo,) = client.get(f"/v1/events/{event}/photos").json()["photos"]
    picture = f"/v1/events/{event}/photos/{photo['id']}/picture"
    assert client.get(f"/v1/events/{event}/roll").json()["counts"]["present"] == 1
    assert client.get(picture).status_code == 200
    receipt_of(client, client.delete(f"/v1/people/{people['Rosa']}"))
    assert client.get(picture).status_code == 404


def test_a_face_that_was_missed_is_added_once_and_decided(
    client: TestClient, people: dict[str, int]
) -> None:
    event = event_of(client, ("a.png", paint(GREEN, BLUE, seed=4)))
    (photo,) = client.get(f"/v1/events/{event}/photos").json()["photos"]
    path = f"/v1/events/{event}/photos/{photo['id']}/faces"
    there = client.get(f"/v1/events/{event}/appearances").json()["faces"]
    again = client.post(path, json={"box": there[0]["box"]})
    assert (again.status_code, again.json()["code"]) == (409, "already-exists")
    added = client.post(path, json={"box": [50, 50, 40, 40]})  # beside its middle
    assert added.status_code == 201, added.text
    assert added.json()["face"]["face"] == 3
    shown = client.get(f"/v1/events/{event}/appearances?photo={photo['id']}").json()["faces"]
    assert [face["face"] for face in shown] == [1, 2, 3]
    nonsense = client.post(path, json={"box": [0, 0, -5, 5]})
    assert nonsense.status_code == 422


def test_a_box_of_which_no_vector_can_be_made_is_refused_with_what_to_do(
    client: TestClient, people: dict[str, int]
) -> None:
    event = event_of(client, ("a.png", paint(GREEN, seed=4)))
    (photo,) = client.get(f"/v1/events/{event}/photos").json()["photos"]
    path = f"/v1/events/{event}/photos/{photo['id']}/faces"
    refused = client.post(path, json={"box": [0, 0, 40, 40]})  # plain grey
    assert (refused.status_code, refused.json()["code"]) == (422, "no-face")
    assert "Draw it from the forehead to the chin" in refused.json()["detail"]
    shown = client.get(f"/v1/events/{event}/appearances?photo={photo['id']}").json()["faces"]
    assert [face["face"] for face in shown] == [1]


def test_faces_are_listed_by_photo_and_by_id(client: TestClient, people: dict[str, int]) -> None:
    event = event_of(client, ("a.png", paint(RED, GREEN)), ("b.png", paint(BLUE)))
    first, second = client.get(f"/v1/events/{event}/photos").json()["photos"]
    faces = f"/v1/events/{event}/appearances"
    of_first = client.get(f"{faces}?photo={first['id']}").json()["faces"]
    assert len(of_first) == 2
    both = client.get(f"{faces}?photo={first['id']}&photo={second['id']}").json()["faces"]
    assert len(both) == 3
    (one,) = client.get(f"{faces}?face={of_first[1]['id']}").json()["faces"]
    assert one == of_first[1]
    assert one["candidates"][0]["face_id"] > 0


def test_photos_are_listed_by_the_page(client: TestClient, people: dict[str, int]) -> None:
    event = event_of(client, *((f"{n}.png", paint(RED, seed=n)) for n in range(3)))
    page = client.get(f"/v1/events/{event}/photos?limit=2").json()
    rest = client.get(f"/v1/events/{event}/photos?limit=2&after={page['next']}").json()
    assert [p["photo"] for p in page["photos"] + rest["photos"]] == ["0.png", "1.png", "2.png"]
    assert rest["next"] is None


def test_an_enrolled_face_has_a_picture_after_its_photo_is_gone(
    client: TestClient, people: dict[str, int]
) -> None:
    (face, _) = client.get(f"/v1/people/{people['Rosa']}").json()["photos"]
    for question in ("", "?small=1"):
        picture = client.get(f"/v1/faces/{face['face_id']}/picture{question}")
        assert Image.open(io.BytesIO(picture.content)).size == (112, 112)


def test_what_no_line_can_show_of_a_photos_name_is_replaced(
    client: TestClient, people: dict[str, int]
) -> None:
    event = client.post("/v1/events", json={"name": "Party"}).json()["id"]
    for place in (f"/v1/events/{event}/photos", f"/v1/people/{people['Rosa']}/photos"):
        head = b'--X\r\nContent-Disposition: form-data; name="photos"; filename="a\0b.png"\r\n\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=X"}
        body = head + paint(RED, seed=31) + b"\r\n--X--\r\n"
        assert client.post(place, content=body, headers=kind).status_code < 300
    sent = {"name": "c\0d.png", "base64": base64.b64encode(paint(RED, seed=32)).decode()}
    client.post(f"/v1/events/{event}/photos/inline", json={"photos": [sent]})
    shown = client.get(f"/v1/events/{event}/photos").json()["photos"]
    assert {photo["photo"] for photo in shown} == {"a\ufffdb.png", "c\ufffdd.png"}
    held = client.get(f"/v1/people/{people['Rosa']}").json()["photos"]
    assert "a\ufffdb.png" in {photo["photo"] for photo in held}
