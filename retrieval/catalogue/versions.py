"""What each version of the schema added, word for word as it was released.

Statements here are never edited and never made from today's tables, so a catalogue of any version
passes through the schemas that its writer knew. They are written once for both databases: `{id}`,
`{ref}`, `{name}`, `{double}` and `{bytes}` stand for the types of `TYPES`, `:now` for the moment of
the migration. Where the databases differ by more, a migration has statements for each. Statements
end at a semicolon, which must stand in no literal.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

TYPES = {
    "sqlite": {
        "id": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        "ref": "INTEGER",
        "name": "TEXT",
        "double": "DOUBLE",
        "bytes": "BLOB",
    },
    "postgresql": {
        "id": "BIGSERIAL PRIMARY KEY",
        "ref": "BIGINT",
        "name": 'TEXT COLLATE "C"',
        "double": "DOUBLE PRECISION",
        "bytes": "BYTEA",
    },
}

_RUNS = """
CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, collection {name} NOT NULL,
    source TEXT NOT NULL, options JSON NOT NULL, state TEXT NOT NULL, listed BOOLEAN NOT NULL,
    counts JSON NOT NULL, started_at TEXT NOT NULL, finished_at TEXT);
CREATE TABLE run_photos (
    id {id}, run_id TEXT NOT NULL, path {bytes} NOT NULL, person {name} NOT NULL,
    external_id TEXT, outcome TEXT, code TEXT, message TEXT, answer JSON,
    FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE);
CREATE INDEX run_photos_by_outcome ON run_photos (run_id, outcome, code);
CREATE UNIQUE INDEX run_photos_by_path ON run_photos (run_id, path, person)
"""

_API_KEYS = """
CREATE TABLE keys (
    id {id}, handle TEXT NOT NULL, name {name} NOT NULL, role TEXT NOT NULL, collection {name},
    requests_per_minute INTEGER, sha256 TEXT NOT NULL, created_at TEXT NOT NULL, revoked_at TEXT,
    UNIQUE (handle), UNIQUE (name))
"""

_AUDIT = """
CREATE TABLE audit (
    id {id}, at TEXT NOT NULL, who {name} NOT NULL, action TEXT NOT NULL, collection {name},
    photo TEXT, answer JSON, threshold {double}, model TEXT);
CREATE INDEX audit_by_moment ON audit (at);
CREATE INDEX audit_by_photo ON audit (photo)
"""

_REPLIES = """
CREATE TABLE replies (
    who TEXT NOT NULL, token TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER,
    media_type TEXT, body {bytes}, created_at TEXT NOT NULL, PRIMARY KEY (who, token))
"""

_SPACES = """
CREATE TABLE spaces (
    collection_id {ref} NOT NULL PRIMARY KEY, matrix {bytes} NOT NULL,
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE)
"""

_ERASURES = """
CREATE TABLE erasures (
    id TEXT NOT NULL PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL,
    collection {name} NOT NULL, document JSON NOT NULL)
"""

_BACKUPS = """
CREATE TABLE backups (
    id TEXT NOT NULL PRIMARY KEY, path TEXT NOT NULL, made_at TEXT NOT NULL, epoch TEXT NOT NULL,
    seq {ref} NOT NULL)
"""

_STRANGERS = """
CREATE TABLE unknowns (
    id {id}, collection_id {ref} NOT NULL, sha256 TEXT NOT NULL, face INTEGER NOT NULL,
    photo TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    score {double} NOT NULL, size_px {double} NOT NULL, sharpness {double} NOT NULL,
    yaw_deg {double} NOT NULL, cut_off {double} NOT NULL, box {bytes} NOT NULL,
    landmarks {bytes} NOT NULL, vector {bytes} NOT NULL, group_id {ref}, seen_at TEXT NOT NULL,
    UNIQUE (collection_id, sha256, face),
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE);
CREATE INDEX unknowns_by_moment ON unknowns (collection_id, seen_at)
"""

_OTHER_MODELS = """
CREATE TABLE spare_models (
    collection_id {ref} NOT NULL PRIMARY KEY, embedder TEXT NOT NULL, precision TEXT NOT NULL,
    mirror BOOLEAN NOT NULL, fingerprint TEXT NOT NULL, dimension INTEGER NOT NULL,
    calibration JSON, matrix {bytes}, term TEXT, aside BOOLEAN NOT NULL, former BOOLEAN NOT NULL,
    created_at TEXT NOT NULL,
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE);
CREATE TABLE model_vectors (
    face_id {ref} NOT NULL, fingerprint TEXT NOT NULL, vector {bytes} NOT NULL,
    PRIMARY KEY (face_id, fingerprint),
    FOREIGN KEY(face_id) REFERENCES faces (id) ON DELETE CASCADE);
ALTER TABLE collections ADD COLUMN term TEXT NOT NULL DEFAULT '';
ALTER TABLE collections ADD COLUMN aside BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE unknowns ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
UPDATE unknowns SET fingerprint = (
    SELECT fingerprint FROM collections WHERE collections.id = unknowns.collection_id)
"""

_DATA_KEYS = """
CREATE TABLE data_keys (
    id TEXT NOT NULL, user_key TEXT NOT NULL, wrapped {bytes} NOT NULL, role TEXT NOT NULL,
    created_at TEXT NOT NULL, PRIMARY KEY (id, user_key));
INSERT INTO data_keys (id, user_key, wrapped, role, created_at)
VALUES ('plain', '', '', 'active', :now)
"""

_INDEX_REGISTRY = """
CREATE TABLE indexes (
    id {id}, collection_id {ref} NOT NULL, "key" TEXT NOT NULL, epoch TEXT NOT NULL,
    seq {ref} NOT NULL, ready BOOLEAN NOT NULL, faces INTEGER NOT NULL, people INTEGER NOT NULL,
    recipe JSON, made_at TEXT NOT NULL);
CREATE TABLE index_leases (
    collection_id {ref} NOT NULL, "key" TEXT NOT NULL, holder TEXT NOT NULL,
    until {double} NOT NULL, PRIMARY KEY (collection_id, "key"))
"""

_RUNS_SAY_WHY = """
ALTER TABLE runs ADD COLUMN reason TEXT;
ALTER TABLE runs ADD COLUMN passed_over JSON;
ALTER TABLE run_photos ADD COLUMN face INTEGER
"""

_EVENTS = """
CREATE TABLE events (
    id {id}, collection_id {ref} NOT NULL, name {name} NOT NULL, day TEXT,
    expects TEXT NOT NULL, keep_photos BOOLEAN NOT NULL, days INTEGER,
    created_at TEXT NOT NULL, revision INTEGER NOT NULL, decided INTEGER NOT NULL, stamp TEXT,
    UNIQUE (collection_id, name),
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE);
CREATE TABLE event_people (
    event_id {ref} NOT NULL, person_id {ref} NOT NULL, PRIMARY KEY (event_id, person_id),
    FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE,
    FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE);
CREATE TABLE event_photos (
    id {id}, collection_id {ref} NOT NULL, event_id {ref} NOT NULL, sha256 TEXT,
    photo TEXT NOT NULL, location TEXT, width INTEGER NOT NULL, height INTEGER NOT NULL,
    taken_at TEXT, added_at TEXT NOT NULL, code TEXT, message TEXT, UNIQUE (event_id, sha256),
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE,
    FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE);
CREATE INDEX event_photos_by_event ON event_photos (event_id, id);
CREATE TABLE appearances (
    id {id}, collection_id {ref} NOT NULL, event_id {ref} NOT NULL, photo_id {ref} NOT NULL,
    face INTEGER NOT NULL, score {double} NOT NULL, size_px {double} NOT NULL,
    sharpness {double} NOT NULL, yaw_deg {double} NOT NULL, cut_off {double} NOT NULL,
    unusable TEXT, box {bytes} NOT NULL, landmarks {bytes} NOT NULL, vector {bytes} NOT NULL,
    fingerprint TEXT NOT NULL, outcome TEXT NOT NULL, person_id {ref}, likeness {double},
    needed {double}, margin {double}, basis TEXT NOT NULL, reason TEXT,
    candidates {bytes} NOT NULL, group_id {ref},
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE,
    FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE,
    FOREIGN KEY(photo_id) REFERENCES event_photos (id) ON DELETE CASCADE,
    FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE SET NULL);
CREATE INDEX appearances_by_event ON appearances (event_id, id);
CREATE INDEX appearances_by_person ON appearances (person_id, event_id);
CREATE INDEX appearances_by_photo ON appearances (photo_id);
CREATE TABLE verdicts (
    id {id}, collection_id {ref} NOT NULL, event_id {ref} NOT NULL,
    appearance_id {ref} NOT NULL, act {ref} NOT NULL, kind TEXT NOT NULL, person_id {ref},
    judge TEXT NOT NULL, said_at TEXT NOT NULL, undone_at TEXT, undone_by TEXT,
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE,
    FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE,
    FOREIGN KEY(appearance_id) REFERENCES appearances (id) ON DELETE CASCADE);
CREATE INDEX verdicts_by_appearance ON verdicts (appearance_id);
CREATE INDEX verdicts_by_event ON verdicts (event_id, id);
CREATE INDEX verdicts_by_person ON verdicts (person_id);
CREATE TABLE thumbnails (
    id {id}, collection_id {ref} NOT NULL, face_id {ref}, appearance_id {ref},
    stranger_id {ref}, picture {bytes} NOT NULL,
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE,
    UNIQUE (face_id), FOREIGN KEY(face_id) REFERENCES faces (id) ON DELETE CASCADE,
    UNIQUE (appearance_id),
    FOREIGN KEY(appearance_id) REFERENCES appearances (id) ON DELETE CASCADE,
    UNIQUE (stranger_id), FOREIGN KEY(stranger_id) REFERENCES unknowns (id) ON DELETE CASCADE)
"""

# SQLite cannot take a constraint away, so the table is written anew there.
_NAMES_OF_KEYS_BY_SCOPE = {
    "sqlite": """
CREATE TABLE keys_by_scope (
    id {id}, handle TEXT NOT NULL, name {name} NOT NULL, role TEXT NOT NULL, collection {name},
    requests_per_minute INTEGER, sha256 TEXT NOT NULL, created_at TEXT NOT NULL, revoked_at TEXT,
    UNIQUE (handle), UNIQUE (collection, name));
INSERT INTO keys_by_scope (id, handle, name, role, collection, requests_per_minute, sha256,
    created_at, revoked_at)
SELECT id, handle, name, role, collection, requests_per_minute, sha256, created_at, revoked_at
FROM keys;
DROP TABLE keys;
ALTER TABLE keys_by_scope RENAME TO keys;
INSERT INTO meta SELECT 'keyed', :now WHERE EXISTS (SELECT 1 FROM keys)
""",
    "postgresql": """
ALTER TABLE keys DROP CONSTRAINT IF EXISTS keys_name_key;
ALTER TABLE keys ADD CONSTRAINT keys_collection_name_key UNIQUE (collection, name);
INSERT INTO meta SELECT 'keyed', :now WHERE EXISTS (SELECT 1 FROM keys)
""",
}

_KEYS_IN_AUDIT = "ALTER TABLE audit ADD COLUMN key TEXT"

_CLAIMS = """
ALTER TABLE replies ADD COLUMN claimant TEXT;
ALTER TABLE replies ADD COLUMN claimed_until TEXT
"""

_SESSIONS = """
CREATE TABLE sessions (
    sha256 TEXT NOT NULL PRIMARY KEY, handle TEXT NOT NULL, ends_at TEXT NOT NULL)
"""

_FACES_OF_RUNS = """
ALTER TABLE run_photos ADD COLUMN face_id {ref};
UPDATE run_photos SET face_id = CAST(external_id AS {ref}), external_id = NULL
WHERE external_id IS NOT NULL AND run_id IN (SELECT id FROM runs WHERE kind = 'embed')
"""

_USERS = """
CREATE TABLE users (
    id {id}, handle TEXT NOT NULL, name {name} NOT NULL, login {name} NOT NULL, role TEXT NOT NULL,
    collection {name}, password TEXT, link_sha256 TEXT, link_ends_at TEXT, issuer TEXT,
    subject TEXT, created_at TEXT NOT NULL, ended_at TEXT, UNIQUE (handle),
    UNIQUE (issuer, subject))
"""

_RECEIPTS = """
CREATE TABLE receipts (
    id TEXT NOT NULL PRIMARY KEY, collection_id {ref} NOT NULL, collection {name} NOT NULL,
    kind TEXT NOT NULL, deleted_id {ref} NOT NULL, erased_at TEXT NOT NULL, finished_at TEXT,
    document JSON NOT NULL, claimed_until TEXT);
CREATE INDEX receipts_by_collection ON receipts (collection, erased_at)
"""

_VIDEOS = """
ALTER TABLE event_photos ADD COLUMN seconds {double};
ALTER TABLE appearances ADD COLUMN first_s {double};
ALTER TABLE appearances ADD COLUMN last_s {double};
ALTER TABLE appearances ADD COLUMN best_s {double}
"""

# As above; ids go on where they were.
_HOMONYMS = {
    "sqlite": """
CREATE TABLE people_anew (
    id {id}, collection_id {ref} NOT NULL, name {name} NOT NULL, folded TEXT NOT NULL,
    external_id TEXT, created_at TEXT NOT NULL, UNIQUE (collection_id, external_id),
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE);
INSERT INTO sqlite_sequence (name, seq)
SELECT 'people_anew', seq FROM sqlite_sequence WHERE name = 'people';
INSERT INTO people_anew (id, collection_id, name, folded, external_id, created_at)
SELECT id, collection_id, name, folded, external_id, created_at FROM people;
DROP TABLE people;
ALTER TABLE people_anew RENAME TO people;
CREATE INDEX people_by_name ON people (collection_id, name);
CREATE INDEX people_by_folded ON people (collection_id, folded);
CREATE UNIQUE INDEX people_without_number ON people (collection_id, name)
WHERE external_id IS NULL
""",
    "postgresql": """
ALTER TABLE people DROP CONSTRAINT IF EXISTS people_collection_id_name_key;
CREATE INDEX people_by_name ON people (collection_id, name);
CREATE INDEX people_by_folded ON people (collection_id, folded);
CREATE UNIQUE INDEX people_without_number ON people (collection_id, name)
WHERE external_id IS NULL
""",
}

# Until `migrations` spells them, names are sought as they are folded.
_SOUGHT = """
ALTER TABLE people ADD COLUMN sought {name} NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN cover {ref};
UPDATE people SET sought = folded;
CREATE INDEX people_by_sought ON people (collection_id, sought);
CREATE TABLE webhooks (
    id {id}, collection_id {ref} NOT NULL, url TEXT NOT NULL, created_at TEXT NOT NULL,
    tried_at TEXT, problem TEXT, UNIQUE (collection_id, url),
    FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE)
"""

_AGREEMENT = """
ALTER TABLE appearances ADD COLUMN agreement {double}
"""

# Calibrations once fitted a space to the gallery; a threshold of one means nothing without it.
_NO_SPACES = """
UPDATE collections SET calibration = NULL WHERE id IN (SELECT collection_id FROM spaces);
DROP TABLE spaces;
UPDATE spare_models SET calibration = NULL WHERE matrix IS NOT NULL;
ALTER TABLE spare_models DROP COLUMN matrix
"""

# Until `migrations` finds them, parts of photos are taken for photos.
_PARTS = """
ALTER TABLE photos ADD COLUMN photo_sha256 TEXT NOT NULL DEFAULT '';
UPDATE photos SET photo_sha256 = sha256;
CREATE INDEX photos_by_photo ON photos (collection_id, photo_sha256);
ALTER TABLE unknowns ADD COLUMN known_since {ref};
UPDATE unknowns SET known_since = -group_id, group_id = NULL WHERE group_id < 0
"""

# Each makes its version of the one before; the first makes version 2 of version 1.
MIGRATIONS: tuple[str | Mapping[str, str], ...] = (
    _RUNS,
    _API_KEYS,
    _AUDIT,
    _REPLIES,
    _SPACES,
    _ERASURES,
    _BACKUPS,
    _STRANGERS,
    _OTHER_MODELS,
    _DATA_KEYS,
    _INDEX_REGISTRY,
    _RUNS_SAY_WHY,
    _EVENTS,
    _NAMES_OF_KEYS_BY_SCOPE,
    _KEYS_IN_AUDIT,
    _CLAIMS,
    _SESSIONS,
    _FACES_OF_RUNS,
    _USERS,
    _RECEIPTS,
    _VIDEOS,
    _HOMONYMS,
    _SOUGHT,
    _AGREEMENT,
    _NO_SPACES,
    _PARTS,
)


def migrate(connection: Connection, migration: str | Mapping[str, str], moment: datetime) -> None:
    """Run the statements of one migration, in the words of the connection's database."""
    database = connection.dialect.name
    statements = migration if isinstance(migration, str) else migration[database]
    now = moment.isoformat(timespec="milliseconds")
    for statement in statements.format(**TYPES[database]).split(";"):
        connection.execute(text(statement), {"now": now} if ":now" in statement else {})
