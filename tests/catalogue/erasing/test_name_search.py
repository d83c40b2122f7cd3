"""Names leave rows wherever they are words, and what still names somebody is found."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.erasing.name_search import files_naming, folders_naming
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.runs.run_records import ListedPhoto, PhotoOutcome, Taken
from tests.catalogue.made import make_collection, new_face, new_faces

ANN, OTHER = "Ann", "Ann Lee"


def told(catalogue: Catalogue, collection: int) -> None:
    """Tell of both in every way in which lines speak of people."""
    sentences: list[dict[str, Any]] = [
        {"edit": 1, "summary": "merged Old Ann into Ann"},
        {"edit": 2, "summary": "moved 1 face of Ann to Ann Lee"},
        {"same": True, "against": "person Ann"},
        {"same": True, "against": "person Ann Lee"},
    ]
    catalogue.audit.record([AuditEntry("key", "merge", "default", answer=s) for s in sentences])
    catalogue.audit.record([AuditEntry("key", "merge", "another", answer=sentences[0])])
    kept, runs = catalogue.replies, catalogue.runs
    kept.claim("key", "token", "print")
    body = b'{"person": "Ann Lee", "summary": "moved 1 face of Ann to Ann Lee", "photo": "Ann.jpg"}'
    kept.keep("key", "token", 200, "application/json", body)
    run = runs.create("enrol", "default", "/ingest/Ann", {"base": "/ingest/Ann"})
    named, failed, left = runs.add(
        run.id,
        [
            ListedPhoto("/ingest/Ann/1.jpg", OTHER),
            ListedPhoto("/ingest/Ann 2.jpg", OTHER),
            ListedPhoto("/ingest/Ann/3.jpg", OTHER),
        ],
    )
    runs.record(run.id, [PhotoOutcome(named, Taken.REJECTED, "no-face", "Ann: no face")])
    runs.record(run.id, [PhotoOutcome(failed, Taken.FAILED, "store", "/ingest/Ann 2.jpg is gone")])
    assert left


def test_a_deleted_name_leaves_every_line_and_others_names_stay(url: str) -> None:
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        catalogue.enrol(gallery, [*new_faces(OTHER, [1, 2]), new_face("Old Ann", 3)])
        for face in catalogue.photos(gallery):
            assert ANN in face.photo.split("/")[1]
        catalogue.enrol(gallery, new_faces(ANN, [4]))
        told(catalogue, gallery)
        catalogue.delete_person(gallery, catalogue.person(gallery, "Old Ann").id)
        erased = catalogue.delete_person(gallery, catalogue.person(gallery, ANN).id)
        summaries = [each.entry.answer for each in catalogue.audit.entries(collection="default")]
        reply = catalogue.replies.claim("key", "token", "print")
        (run,) = catalogue.runs.of_collection("default")
        rejected, failed = catalogue.runs.not_taken(run.id)
        left = catalogue.rows_naming(gallery, catalogue.mentions_of(erased.names))
    assert summaries[::-1] == [
        {"edit": 1, "summary": "merged (deleted) into (deleted)"},
        {"edit": 2, "summary": "moved 1 face of (deleted) to Ann Lee"},
        {"same": True, "against": "person (deleted)"},
        {"same": True, "against": "person Ann Lee"},
    ]
    assert reply is not None
    assert reply.body == (
        b'{"person": "Ann Lee", "summary": "moved 1 face of (deleted) to Ann Lee",'
        b' "photo": "(deleted).jpg"}'
    )
    assert run.source == "/ingest/(deleted)"
    assert rejected.path.startswith("/ingest/(deleted)/1.jpg")
    assert (rejected.message, failed.message) == (
        "(deleted): no face",
        "/ingest/(deleted) 2.jpg is gone",
    )
    # What is still to be done must be found: the receipt says so.
    assert left == ["runs.options (1 row)", "run_photos.path (1 row)"]


def test_looking_for_more_names_makes_no_new_statements_and_takes_any_number(url: str) -> None:
    asked: dict[int, set[str]] = {}
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        catalogue.enrol(gallery, new_faces(OTHER, [1, 2]))
        for count in (1, 5, 1_100):  # SQLite takes 1,000 terms
            asked[count] = set()

            def note(_c: Any, _k: Any, sql: str, *_rest: Any, to: set[str] = asked[count]) -> None:
                to.add(sql)

            event.listen(Engine, "before_cursor_execute", note)
            try:
                names = [ANN, *(f"Nobody {n}" for n in range(1, count))]
                left = catalogue.rows_naming(gallery, catalogue.mentions_of(names))
            finally:
                event.remove(Engine, "before_cursor_execute", note)
            assert left == []
        assert catalogue.rows_naming(gallery, Mentions([OTHER, *names[1:]])) == [
            "photos.photo (2 rows)"
        ]
    assert asked[1] == asked[5] == asked[1_100]


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("Ann", True),
        ("person Ann, found", True),
        ("Ann Lee", False),
        ("Ann Lee and Ann", True),
        ("Anna, Joann, Ann_1", False),
        ("x/Ann.jpg", True),
    ],
)
def test_a_name_stands_where_it_is_a_word_and_no_part_of_another(text: str, stands: bool) -> None:
    assert Mentions([ANN], [OTHER]).stand_in(text) is stands


def test_files_and_folders_that_name_somebody_are_found(tmp_path: Path) -> None:
    files = {
        "rejects/1.csv": b"person,photo\nAnn,1.jpg\n",
        "rejects/2.csv": b"person,photo\nAnn Lee,1.jpg\n",
        "uploads/1/Ann/1.jpg": b"\xff\xd8\0",
        "uploads/1/Bob/1.jpg": b"\xff\xd8\0 Ann ",  # three letters by chance
        "redis/appendonly.aof": b"\0$3\r\nAnn\r\n",
        "told.json": b'{"who": "Zo\\u00eb"}',
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "uploads" / "2" / "Ann").mkdir(parents=True)
    mentions = Mentions([ANN, "Zoë"], [OTHER])
    paths = [tmp_path / name for name in files]
    found = [str(path.relative_to(tmp_path)) for path in files_naming(paths, tmp_path, mentions)]
    assert found == [
        "redis/appendonly.aof",
        "rejects/1.csv",
        "told.json",
        "uploads/1/Ann/1.jpg",
    ]
    folders = {str(path.relative_to(tmp_path)) for path in folders_naming(tmp_path, mentions)}
    assert folders == {"uploads/1/Ann", "uploads/2/Ann"}
