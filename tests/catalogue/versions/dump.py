"""Write the dump of today's schema, two people with a photo each, for the tests of later versions.

Run it when a migration was added: python -m tests.catalogue.versions.dump
"""

import sqlite3
import tempfile
from pathlib import Path

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.migrations import VERSION

FOLDER = Path(__file__).parent


def dump(catalogue: Path, version: int) -> None:
    """Write a catalogue that is still empty, with the rows of version 1, as statements of SQL."""
    first = (FOLDER / "version_1.sql").read_text()
    connection = sqlite3.connect(catalogue)
    old = sqlite3.connect(":memory:")
    old.executescript(first)
    for table in ("collections", "people", "photos", "faces", "changes"):
        names = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
        places = ", ".join("?" * len(names))
        columns = ", ".join(f'"{name}"' for name in names)
        rows = old.execute(f"SELECT {columns} FROM {table}").fetchall()
        connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'unknowns'").fetchone():
        connection.execute(
            "INSERT INTO unknowns (collection_id, sha256, face, photo, width, height, score,"
            " size_px, sharpness, yaw_deg, cut_off, box, landmarks, vector, seen_at)"
            " SELECT 1, 'ab', 1, 'who.jpg', width, height, score, size_px, sharpness, yaw_deg,"
            " cut_off, box, landmarks, vector, faces.created_at"
            " FROM faces JOIN photos ON photos.id = photo_id WHERE faces.id = 1"
        )
    connection.commit()
    head = f"-- A catalogue of schema version {version}, as sqlite3's iterdump gives it.\n"
    (FOLDER / f"version_{version}.sql").write_text(head + "\n".join(connection.iterdump()) + "\n")
    connection.close()
    old.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.db"
        Catalogue.open(f"sqlite:///{path}").close()
        dump(path, VERSION)
