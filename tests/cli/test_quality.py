from pathlib import Path

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from tests.cli.running import document, rollcall
from tests.identities.made import DIMENSION, Crowd, crowd
from tests.trusted import new_face, unknown_face


def _enrol(home: Path, gallery: Crowd) -> None:
    """People of a collection with dlib's defaults, without photos."""
    home.mkdir(parents=True, exist_ok=True)
    with Catalogue.open(f"sqlite:///{home / 'catalogue.db'}") as catalogue:
        collection = catalogue.create_collection(
            "default",
            detector="mtcnn",
            embedder="dlib-resnet",
            precision="fp32",
            mirror=True,
            fingerprint="made up",
            dimension=DIMENSION,
        )
        catalogue.enrol(
            collection.id,
            [
                new_face(f"p{person}", f"p{person}/{row}.jpg", vector)
                for row, (person, vector) in enumerate(
                    zip(gallery.people, gallery.vectors, strict=True)
                )
            ],
        )


def _meet(home: Path, strangers: Crowd) -> None:
    """Keep strangers as queries would."""
    faces = [unknown_face(f"query{row}.jpg", v) for row, v in enumerate(strangers.vectors)]
    with Catalogue.open(f"sqlite:///{home / 'catalogue.db'}") as catalogue:
        hashes = {face.sha256 for face in faces}
        catalogue.strangers.keep(catalogue.collection("default").id, hashes, faces, days=30)


def test_calibrate_prints_what_was_chosen_and_identification_uses_it(tmp_path: Path) -> None:
    _enrol(tmp_path, crowd(15, 4, seed=1))
    result = rollcall(tmp_path, "calibrate", "--fpir", "0.02", "--json")
    assert result.exit_code == 0, result.stderr
    found = document(result)
    assert (found["fpir"], found["people"], found["kept"]) == (0.02, 15, True)
    assert found["before"]["source"] == "default of dlib-resnet, measured"
    low, high = found["threshold_interval"]
    assert low < found["threshold"] < high
    again = document(rollcall(tmp_path, "calibrate", "--json"))
    assert again["before"]["source"] == "calibrated for FPIR 0.02 on 15 people"


def test_calibrate_writes_a_page_and_its_plots(tmp_path: Path) -> None:
    _enrol(tmp_path / "home", crowd(15, 4, seed=1))
    out = tmp_path / "out"
    result = rollcall(tmp_path / "home", "calibrate", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "threshold (score + half the lead)" in result.stdout
    assert "15 people place a threshold only roughly" in " ".join(result.stdout.split())
    assert {path.name for path in out.iterdir()} == {
        "calibration.html",
        "calibration.json",
        "calibration-scores.png",
        "calibration-det.png",
    }


def test_a_dry_run_and_a_reset_leave_the_models_default(tmp_path: Path) -> None:
    _enrol(tmp_path, crowd(15, 4, seed=1))
    assert rollcall(tmp_path, "calibrate", "--dry-run").exit_code == 0
    assert rollcall(tmp_path, "calibrate").exit_code == 0
    result = rollcall(tmp_path, "calibrate", "--reset")
    assert result.exit_code == 0, result.stderr
    assert "default of dlib-resnet" in result.stdout
    before = document(rollcall(tmp_path, "calibrate", "--json", "--dry-run"))["before"]
    assert before["source"] == "default of dlib-resnet, measured"


def test_too_few_photos_are_an_error_that_says_what_is_missing(tmp_path: Path) -> None:
    _enrol(tmp_path, crowd(6, 2, seed=1))
    result = rollcall(tmp_path, "calibrate")
    assert result.exit_code == 2
    assert "needs 10 people with two photos or more, found 6" in " ".join(result.stderr.split())


def test_an_impossible_rate_is_an_error(tmp_path: Path) -> None:
    _enrol(tmp_path, crowd(15, 4, seed=1))
    result = rollcall(tmp_path, "calibrate", "--fpir", "1")
    assert result.exit_code == 2
    assert "between 0 and 1" in result.stderr


def _mislabelled() -> Crowd:
    gallery = crowd(15, 4, seed=1, noise=0.1)
    return Crowd(gallery.vectors, np.where(np.arange(60) == 6, 9, gallery.people))


def test_health_lists_findings_and_changes_nothing(tmp_path: Path) -> None:
    _enrol(tmp_path, _mislabelled())
    found = document(rollcall(tmp_path, "health", "--json"))
    (wrong,) = found["findings"]
    assert (wrong["kind"], wrong["accepting"]) == ("looks-like-another", "move it to p1")
    ((photo,), (other,)) = wrong["sides"]
    assert (photo["photo"], photo["person"], other["person"]) == ("p9/6.jpg", "p9", "p1")
    assert document(rollcall(tmp_path, "health", "--json")) == found


def test_health_moves_what_is_misplaced_and_undo_takes_it_back(tmp_path: Path) -> None:
    _enrol(tmp_path, _mislabelled())
    result = rollcall(tmp_path, "health", "accept", "--all", "--yes")
    assert result.exit_code == 0, result.stderr
    assert "Moved 1 face of p9 to p1; `rollcall people undo 1` takes it back." in result.stdout
    assert document(rollcall(tmp_path, "health", "--json"))["findings"] == []
    assert rollcall(tmp_path, "people", "undo").exit_code == 0
    assert len(document(rollcall(tmp_path, "health", "--json"))["findings"]) == 1


def test_a_finding_that_there_is_not_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    _enrol(tmp_path, _mislabelled())
    known = document(rollcall(tmp_path, "health", "--json"))["findings"][0]["id"]
    result = rollcall(tmp_path, "health", "accept", known, "00000000", "--yes")
    assert result.exit_code == 2
    assert "There is no finding '00000000' (any more)" in result.stderr
    assert len(document(rollcall(tmp_path, "health", "--json"))["findings"]) == 1


def test_a_healthy_collection_is_called_so(tmp_path: Path) -> None:
    _enrol(tmp_path, crowd(15, 4, seed=1, noise=0.1))
    result = rollcall(tmp_path, "health")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "Nothing found in 60 photos of 15 people.\n"


def test_of_few_people_it_is_said_what_was_not_compared(tmp_path: Path) -> None:
    _enrol(tmp_path, crowd(3, 3, seed=1, noise=0.1))
    shown = rollcall(tmp_path, "health").stdout
    assert "Not compared: photos with those of other people: that takes four people" in shown
    assert len(document(rollcall(tmp_path, "health", "--json"))["not_compared"]) == 1


def test_health_writes_a_page(tmp_path: Path) -> None:
    _enrol(tmp_path / "home", _mislabelled())
    out = tmp_path / "out"
    result = rollcall(tmp_path / "home", "health", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "6.jpg of p9" in (out / "health.html").read_text()


def test_unknown_faces_are_listed_named_and_forgotten(tmp_path: Path) -> None:
    _enrol(tmp_path, crowd(15, 4, seed=1))
    strangers = crowd(2, 5, seed=2, noise=0.2)
    _meet(tmp_path, strangers)
    groups = document(rollcall(tmp_path, "unknowns", "list", "--json"))["groups"]
    assert [group["faces"] for group in groups] == [5, 5]
    result = rollcall(tmp_path, "unknowns", "name", groups[0]["group"], "Grace")
    assert result.exit_code == 0, result.stderr
    assert "Enrolled 5 faces as Grace." in result.stdout
    assert "`rollcall people undo 1` takes it back." in result.stderr
    people = document(rollcall(tmp_path, "people", "list", "--json"))["people"]
    assert [each["photos"] for each in people if each["person"] == "Grace"] == [5]
    gone = document(rollcall(tmp_path, "unknowns", "forget", "--yes", "--json"))
    assert gone == {"deleted": 5}
    assert document(rollcall(tmp_path, "unknowns", "list", "--json")) == {"groups": []}


def test_listing_says_how_unknown_faces_would_be_kept(tmp_path: Path) -> None:
    _enrol(tmp_path, crowd(3, 2, seed=1))
    result = rollcall(tmp_path, "unknowns", "list")
    assert result.exit_code == 0
    assert "ROLLCALL_UNKNOWN_DAYS" in result.stderr
    assert rollcall(tmp_path, "unknowns", "name", 5, "Grace").exit_code == 2


def test_health_compares_groups_of_the_users_list_and_says_what_is_too_small(
    tmp_path: Path,
) -> None:
    large = crowd(40, 4, seed=1, noise=0.1)
    poor = crowd(40, 4, seed=2, noise=1.6)
    people = np.concatenate([large.people, poor.people + 40])
    _enrol(tmp_path / "home", Crowd(np.concatenate([large.vectors, poor.vectors]), people))
    listed = tmp_path / "groups.csv"
    group = ["day"] * 37 + ["cellar"] * 3 + ["night"] * 38
    listed.write_text("Name;Shift\n" + "".join(f"P{n};{g}\n" for n, g in enumerate(group)))
    result = rollcall(tmp_path / "home", "health", "--groups", listed, "--json")
    assert result.exit_code == 0, result.stderr
    found = document(result)["groups"]
    verdicts = {each["group"]: each["verdict"] for each in found["fnir"]}
    assert verdicts == {"cellar": "too small to tell", "day": "lower", "night": "higher"}
    assert {each["people"] for each in found["fnir"]} == {37, 3, 38}
    assert (found["column"], found["ungrouped"]) == ("Shift", 2)
    shown = rollcall(
        tmp_path / "home", "health", "--groups", listed, "--out", tmp_path / "out"
    ).stdout
    assert "too small to tell" in shown
    assert "Nothing of this is inferred from a face" in " ".join(shown.split())
    assert "Groups of people" in (tmp_path / "out" / "health.html").read_text(encoding="utf-8")


def test_a_list_that_puts_people_in_one_group_is_refused(tmp_path: Path) -> None:
    _enrol(tmp_path / "home", crowd(15, 4, seed=1))
    listed = tmp_path / "groups.csv"
    for text, said in (
        ("person,group\np1,a\np2,a\n", "fewer than two groups"),
        ("person,group\nx1,a\nx2,b\n", "fewer than two groups"),
        ("person,a,b\np1,a,c\n", "one column called group"),
        ("person,group\np1,a\nP1,b\n", "'a' and 'b'"),
    ):
        listed.write_text(text)
        result = rollcall(tmp_path / "home", "health", "--groups", listed)
        assert result.exit_code == 2
        assert said in " ".join(result.stderr.split())
