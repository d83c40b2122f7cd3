"""What runs leave under the home folder goes in time, and with the collection."""

import os
import time
from pathlib import Path

from retrieval.catalogue.http.audit import Audit, AuditEntry
from retrieval.catalogue.runs.runs import Runs
from retrieval.runs.files import forget_old, rejects_of, uploads_below
from retrieval.settings import Settings
from tests.worker.small_models import small_service


def left_by_a_run(home: Path, runs: Runs, collection: str) -> tuple[Path, Path]:
    """An unpacked archive, and a list of rejects."""
    upload = uploads_below(home) / collection
    (upload / "Ann").mkdir(parents=True)
    (upload / "Ann" / "1.jpg").write_bytes(b"a photo")
    run = runs.create("enrol", collection, "people.zip", {"base": str(upload)})
    rejects = rejects_of(home, run.id)
    rejects.parent.mkdir(exist_ok=True)
    rejects.write_text("person,external_id,photo\nAnn,,1.jpg\n")
    return upload, rejects


def test_what_is_old_is_deleted_and_what_is_new_stays(tmp_path: Path) -> None:
    with small_service(Settings(home=tmp_path)) as service:
        runs = Runs(service.catalogue.database)
        old, new = (left_by_a_run(tmp_path, runs, name) for name in ("old", "new"))
    week_ago = time.time() - 8 * 24 * 3600
    for path in old:
        os.utime(path, (week_ago, week_ago))
    forget_old(tmp_path, days=7)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in new)
    forget_old(tmp_path / "nothing", days=7)


def test_a_deleted_collection_takes_its_files_and_what_its_audit_entries_tell(
    tmp_path: Path,
) -> None:
    with small_service(Settings(home=tmp_path)) as service:
        runs, audit = Runs(service.catalogue.database), Audit(service.catalogue.database)
        for name in ("default", "another"):
            service.create_collection(name)
        gone, kept = (left_by_a_run(tmp_path, runs, name) for name in ("default", "another"))
        told = {"person": "Ann"}
        audit.record(
            [
                AuditEntry("door", "identify", name, "f" * 64, told, 0.9, "sums")
                for name in ("default", "another")
            ]
        )
        audit.record([AuditEntry("admin", "create-key", "default", answer={"key": "door"})])
        service.delete_collection("default")
        key, other, asked = (each.entry for each in audit.entries())
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)
    assert asked == AuditEntry("door", "identify", "default", None, None, 0.9, "sums")
    assert (other.photo, other.answer) == ("f" * 64, told)
    assert key.answer == {"key": "door"}
