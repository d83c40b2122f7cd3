"""Each command does what its help says, for people and for machines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.running import document, rollcall

GRACE = "Grace Hopper"


@pytest.fixture
def gallery(home: Path, samples: Path) -> Path:
    """A home in which Grace Hopper is enrolled with four photos."""
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    return home


@pytest.fixture
def group(samples: Path) -> Path:
    return samples / "queries" / "group.jpg"


@pytest.fixture
def stranger(samples: Path, tmp_path: Path) -> Path:
    """The half of the group photo that shows the other woman."""
    with Image.open(samples / "queries" / "group.jpg") as both:
        half = both.crop((both.width // 2, 0, both.width, both.height))
    half.save(tmp_path / "stranger.png")
    return tmp_path / "stranger.png"


def test_demo_names_the_enrolled_person_and_calls_the_other_unknown(home: Path) -> None:
    for _ in range(2):  # it can be repeated
        result = rollcall(home, "demo", "--json")
        assert result.exit_code == 0
        found = document(result)
        (photo,) = found["photos"]
        decisions = {face["decision"]: face["person"] for face in photo["faces"]}
        assert decisions == {"match": GRACE, "unknown": None}
    (picture,) = found["pictures"]
    with Image.open(picture) as annotated:
        assert annotated.width == photo["width"]


def test_demo_ends_with_the_commands_for_own_photos(home: Path) -> None:
    shown = rollcall(home, "demo").stdout
    assert "rollcall enroll path/to/employees" in shown
    assert "rollcall identify path/to/photo.jpg" in shown


def test_demo_takes_photos_of_the_users_own(home: Path, samples: Path, tmp_path: Path) -> None:
    result = rollcall(home, "demo", "--photos", samples, "--json")
    assert document(result)["enrolled"] == 4
    refused = rollcall(home, "demo", "--photos", tmp_path)
    assert refused.exit_code == 2
    assert "employees/<person>" in refused.stderr


def test_demo_with_people_photos_names_the_four_at_the_beach(home: Path, people_dir: Path) -> None:
    result = rollcall(home, "demo", "--photos", people_dir, "--json")
    assert result.exit_code == 0
    named = {
        face["person"]
        for photo in document(result)["photos"]
        for face in photo["faces"]
        if face["decision"] == "match"
    }
    assert named == {"family1-dad", "family1-mom", "family1-son", "family1-daughter"}


def test_enrolling_again_takes_nothing_and_says_so(gallery: Path, samples: Path) -> None:
    again = rollcall(gallery, "enroll", samples / "employees")
    assert again.exit_code == 0
    assert "4 photos known before" in again.stdout


def test_identify_prints_the_documented_json(gallery: Path, group: Path) -> None:
    found = document(rollcall(gallery, "identify", group, "--json"))
    assert found.keys() >= {"photos", "collection", "model", "people"}
    (photo,) = found["photos"]
    assert photo.keys() == {"photo", "width", "height", "turned", "too_small", "faces"}
    by_decision = {face["decision"]: face for face in photo["faces"]}
    match = by_decision["match"]
    assert match.keys() >= {
        "box", "detection_score", "decision", "reason", "person", "score", "threshold", "margin",
        "candidates",
    }  # fmt: skip
    assert match["person"] == match["candidates"][0]["person"] == GRACE
    assert by_decision["unknown"]["person"] is None
    assert "below the threshold" in by_decision["unknown"]["reason"]


def test_identify_draws_copies_and_keeps_those_of_one_name_apart(
    gallery: Path, group: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / group.name
    twin.write_bytes(group.read_bytes())
    out = tmp_path / "drawn"
    assert rollcall(gallery, "identify", group, twin, "--draw", out).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["group-2.jpg", "group.jpg"]


def test_a_given_threshold_goes_before_the_collections_own(gallery: Path, group: Path) -> None:
    strict = document(rollcall(gallery, "identify", group, "--threshold", "1.0", "--json"))
    assert {face["person"] for face in strict["photos"][0]["faces"]} == {None}


def test_search_ranks_photos_of_the_same_person_first(gallery: Path, group: Path) -> None:
    hits = document(rollcall(gallery, "search", group, "--limit", 3, "--json"))["hits"]
    assert len(hits) == 3
    assert hits[0]["person"] == GRACE
    assert hits[0]["same_person"] is True
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_verify_tells_the_same_person_from_another(
    gallery: Path, samples: Path, stranger: Path
) -> None:
    photos = sorted((samples / "employees" / GRACE).iterdir())
    assert document(rollcall(gallery, "verify", photos[0], photos[1], "--json"))["same"] is True
    assert document(rollcall(gallery, "verify", photos[0], GRACE, "--json"))["same"] is True
    assert document(rollcall(gallery, "verify", stranger, GRACE, "--json"))["same"] is False
    assert document(rollcall(gallery, "verify", stranger, photos[0], "--json"))["same"] is False


def test_people_are_listed_shown_and_renamed(gallery: Path) -> None:
    (person,) = document(rollcall(gallery, "people", "list", "--json"))["people"]
    assert (person["id"], person["person"], person["photos"]) == (1, GRACE, 4)
    assert rollcall(gallery, "people", "rename", GRACE, "Amazing Grace").exit_code == 0
    shown = document(rollcall(gallery, "people", "show", "Amazing Grace", "--json"))
    assert len(shown["photos"]) == 4


def test_edits_say_what_they_would_do_do_it_and_can_be_undone(
    gallery: Path, stranger: Path, group: Path
) -> None:
    assert rollcall(gallery, "enroll", stranger, "--person", "Eileen").exit_code == 0
    before = document(rollcall(gallery, "identify", group, "--json"))["photos"]

    would = rollcall(gallery, "people", "merge", "Eileen", GRACE, "--dry-run")
    assert "moves 1 face to Grace Hopper; 1 of them looks unlike the rest" in would.stdout
    assert len(document(rollcall(gallery, "people", "list", "--json"))["people"]) == 2

    assert rollcall(gallery, "people", "merge", "Eileen", GRACE).exit_code == 0
    (person,) = document(rollcall(gallery, "people", "list", "--json"))["people"]
    assert person["photos"] == 5

    split = rollcall(gallery, "people", "split", GRACE, "E. Collins", stranger, "--json")
    assert document(split)["preview"]["photos"] == [str(stranger)]
    photos = document(rollcall(gallery, "people", "show", GRACE, "--json"))["photos"]
    moved = rollcall(gallery, "people", "move", GRACE, "E. Collins", photos[0]["photo"])
    assert moved.exit_code == 0
    named = document(rollcall(gallery, "identify", group, "--json"))["photos"][0]["faces"]
    assert "E. Collins" in {face["candidates"][0]["person"] for face in named}

    history = document(rollcall(gallery, "people", "history", "--json"))["edits"]
    assert [entry["kind"] for entry in history] == ["move", "split", "merge"]
    for _ in history:
        assert rollcall(gallery, "people", "undo").exit_code == 0
    assert document(rollcall(gallery, "identify", group, "--json"))["photos"] == before
    assert rollcall(gallery, "people", "undo").exit_code == 2


def test_a_deleted_person_is_not_named_and_the_receipt_says_that_nothing_is_left(
    gallery: Path, group: Path, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.json"
    would = rollcall(gallery, "people", "delete", GRACE, "--dry-run")
    assert "4 photos" in would.stdout
    gone = rollcall(gallery, "people", "delete", GRACE, "--yes", "--receipt", receipt)
    assert gone.exit_code == 0
    proof = json.loads(receipt.read_text())
    assert len(proof["erased_faces"]) == 4
    assert proof["traces"] == []
    assert any("catalogue.db" in name for name in proof["searched"])
    assert GRACE not in receipt.read_text()
    answer = document(rollcall(gallery, "identify", group, "--json"))
    assert {face["person"] for face in answer["photos"][0]["faces"]} == {None}


def test_a_photo_is_removed_by_its_path(gallery: Path, samples: Path) -> None:
    photo = samples / "employees" / GRACE / "1.jpg"
    assert rollcall(gallery, "photos", "remove", photo, "--yes").exit_code == 0
    left = document(rollcall(gallery, "photos", "list", "--json"))["photos"]
    assert len(left) == 3
    assert str(photo) not in {entry["photo"] for entry in left}


def test_collections_keep_people_apart(gallery: Path, group: Path) -> None:
    assert rollcall(gallery, "collections", "create", "Lisbon").exit_code == 0
    answer = document(rollcall(gallery, "identify", group, "--collection", "Lisbon", "--json"))
    assert {face["decision"] for face in answer["photos"][0]["faces"]} == {"unknown"}
    names = document(rollcall(gallery, "collections", "list", "--json"))["collections"]
    assert [entry["collection"] for entry in names] == ["Lisbon", "default"]
    shown = document(rollcall(gallery, "collections", "show", "Lisbon", "--json"))
    assert shown["people"] == 0
    assert rollcall(gallery, "collections", "delete", "Lisbon", "--yes").exit_code == 0
    assert rollcall(gallery, "people", "list", "--collection", "Lisbon").exit_code == 2


def test_clusters_hold_every_photo_once(gallery: Path, stranger: Path) -> None:
    rollcall(gallery, "enroll", stranger, "--person", "Eileen")
    clusters = document(rollcall(gallery, "clusters", "--k", 2, "--json"))["clusters"]
    assert sorted(len(cluster) for cluster in clusters) == [1, 4]
    alone = next(cluster for cluster in clusters if len(cluster) == 1)
    assert alone[0]["person"] == "Eileen"


def test_doctor_finds_a_healthy_home_healthy(gallery: Path) -> None:
    result = rollcall(gallery, "doctor", "--json")
    found = document(result)
    assert (result.exit_code, found["healthy"]) == (0, True)
    assert {"mtcnn", "dlib-resnet", "catalogue", "index"} <= {c["what"] for c in found["checks"]}


def test_help_loads_no_network_no_index_and_no_opencv() -> None:
    code = (
        "import sys, cli.app\n"
        "loaded = {'cv2', 'faiss', 'onnxruntime', 'sklearn', 'matplotlib', 'fastapi'}"
        " & set(sys.modules)\n"
        "print(sorted(loaded))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_command_has_help_and_the_common_options() -> None:
    from typer.main import get_command

    from cli.app import app
    from cli.options import COMMON

    def walk(command: object, path: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for name, child in children.items():
                walk(child, f"{path} {name}")
            return
        assert getattr(command, "help", None), path
        names = {parameter.name for parameter in command.params}  # type: ignore[attr-defined]
        assert set(COMMON) <= names, path

    walk(get_command(app), "rollcall")
