-- A catalogue of schema version 27, as sqlite3's iterdump gives it.
BEGIN TRANSACTION;
CREATE TABLE appearances (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	event_id INTEGER NOT NULL, 
	photo_id INTEGER NOT NULL, 
	face INTEGER NOT NULL, 
	score DOUBLE NOT NULL, 
	size_px DOUBLE NOT NULL, 
	sharpness DOUBLE NOT NULL, 
	yaw_deg DOUBLE NOT NULL, 
	cut_off DOUBLE NOT NULL, 
	unusable TEXT, 
	box BLOB NOT NULL, 
	landmarks BLOB NOT NULL, 
	vector BLOB NOT NULL, 
	fingerprint TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	person_id INTEGER, 
	likeness DOUBLE, 
	needed DOUBLE, 
	margin DOUBLE, 
	basis TEXT NOT NULL, 
	reason TEXT, 
	candidates BLOB NOT NULL, 
	group_id INTEGER, 
	first_s DOUBLE, 
	last_s DOUBLE, 
	best_s DOUBLE, 
	agreement DOUBLE, 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE, 
	FOREIGN KEY(photo_id) REFERENCES event_photos (id) ON DELETE CASCADE, 
	FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE SET NULL
);
CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at TEXT NOT NULL, 
	who TEXT NOT NULL, 
	"key" TEXT, 
	action TEXT NOT NULL, 
	collection TEXT, 
	photo TEXT, 
	answer JSON, 
	threshold DOUBLE, 
	model TEXT
);
CREATE TABLE backups (
	id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	made_at TEXT NOT NULL, 
	epoch TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE changes (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	face_id INTEGER NOT NULL, 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
INSERT INTO "changes" VALUES(1,1,1);
INSERT INTO "changes" VALUES(2,1,2);
CREATE TABLE collections (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	detector TEXT NOT NULL, 
	embedder TEXT NOT NULL, 
	precision TEXT NOT NULL, 
	mirror BOOLEAN NOT NULL, 
	fingerprint TEXT NOT NULL, 
	dimension INTEGER NOT NULL, 
	calibration JSON, 
	created_at TEXT NOT NULL, 
	term TEXT DEFAULT '' NOT NULL, 
	aside BOOLEAN DEFAULT 0 NOT NULL, 
	UNIQUE (name)
);
INSERT INTO "collections" VALUES(1,'default','yunet','none','fp32',1,'fingerprint',8,'{"threshold": 0.5}','2026-11-22T12:24:16.736+00:00','',0);
CREATE TABLE data_keys (
	id TEXT NOT NULL, 
	user_key TEXT NOT NULL, 
	wrapped BLOB NOT NULL, 
	role TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (id, user_key)
);
INSERT INTO "data_keys" VALUES('plain','',X'','active','2026-11-29T02:28:59.850+00:00');
CREATE TABLE erasures (
	id TEXT NOT NULL, 
	at TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	collection TEXT NOT NULL, 
	document JSON NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE event_people (
	event_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	PRIMARY KEY (event_id, person_id), 
	FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE, 
	FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE
);
CREATE TABLE event_photos (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	event_id INTEGER NOT NULL, 
	sha256 TEXT, 
	photo TEXT NOT NULL, 
	location TEXT, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	taken_at TEXT, 
	seconds DOUBLE, 
	added_at TEXT NOT NULL, 
	code TEXT, 
	message TEXT, 
	UNIQUE (event_id, sha256), 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE
);
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	day TEXT, 
	expects TEXT NOT NULL, 
	keep_photos BOOLEAN NOT NULL, 
	days INTEGER, 
	created_at TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	decided INTEGER NOT NULL, 
	stamp TEXT, 
	UNIQUE (collection_id, name), 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
CREATE TABLE faces (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	photo_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	score DOUBLE NOT NULL, 
	size_px DOUBLE NOT NULL, 
	sharpness DOUBLE NOT NULL, 
	yaw_deg DOUBLE NOT NULL, 
	cut_off DOUBLE NOT NULL, 
	created_at TEXT NOT NULL, 
	box BLOB NOT NULL, 
	landmarks BLOB NOT NULL, 
	vector BLOB NOT NULL, 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	FOREIGN KEY(photo_id) REFERENCES photos (id) ON DELETE CASCADE, 
	FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE
);
INSERT INTO "faces" VALUES(1,1,1,1,0.75,100.0,12.5,3.5,0.0,'2026-11-22T12:24:16.776+00:00',X'000028410000A2410000C8420000F042',X'000000000000803F0000004000004040000080400000A0400000C0400000E0400000004100001041',X'61B82B3E5F21CC3E9331243E5AE221BF58EFE03E84CD5D3ED56785BEDA60903E');
INSERT INTO "faces" VALUES(2,1,2,2,0.75,100.0,12.5,3.5,0.0,'2026-11-22T12:24:16.776+00:00',X'000028410000A2410000C8420000F042',X'000000000000803F0000004000004040000080400000A0400000C0400000E0400000004100001041',X'1774623D6C8A1CBEBC63F7BD56C736BFD8BB063F7450AB3E7CE6C2BDCBB8673E');
CREATE TABLE index_leases (
	collection_id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	until DOUBLE NOT NULL, 
	PRIMARY KEY (collection_id, "key")
);
CREATE TABLE indexes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	epoch TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	ready BOOLEAN NOT NULL, 
	faces INTEGER NOT NULL, 
	people INTEGER NOT NULL, 
	recipe JSON, 
	made_at TEXT NOT NULL
);
CREATE TABLE journal (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	document JSON, 
	created_at TEXT NOT NULL, 
	undone_at TEXT, 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
CREATE TABLE journal_people (
	entry_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	PRIMARY KEY (entry_id, person_id), 
	FOREIGN KEY(entry_id) REFERENCES journal (id) ON DELETE CASCADE
);
CREATE TABLE keys (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	handle TEXT NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	collection TEXT, 
	requests_per_minute INTEGER, 
	sha256 TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	revoked_at TEXT, 
	UNIQUE (collection, name), 
	UNIQUE (handle)
);
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema','27');
INSERT INTO "meta" VALUES('epoch','30ef1828-08f6-405b-9aea-24cd097203fb');
CREATE TABLE model_vectors (
	face_id INTEGER NOT NULL, 
	fingerprint TEXT NOT NULL, 
	vector BLOB NOT NULL, 
	PRIMARY KEY (face_id, fingerprint), 
	FOREIGN KEY(face_id) REFERENCES faces (id) ON DELETE CASCADE
);
CREATE TABLE people (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	external_id TEXT, 
	created_at TEXT NOT NULL, 
	sought TEXT DEFAULT '' NOT NULL, 
	cover INTEGER, 
	UNIQUE (collection_id, external_id), 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
INSERT INTO "people" VALUES(1,1,'Ann','ann','E-1','2026-11-22T12:24:16.775+00:00','',NULL);
INSERT INTO "people" VALUES(2,1,'Bob','bob',NULL,'2026-11-22T12:24:16.776+00:00','',NULL);
CREATE TABLE photos (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	photo TEXT NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	created_at TEXT NOT NULL, 
	photo_sha256 TEXT DEFAULT '' NOT NULL, 
	UNIQUE (collection_id, sha256), 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
INSERT INTO "photos" VALUES(1,1,'e5a5555d73bc0e1568d65563abf327bd6c0b9b9dc3336e86e0b17e865e9ee6d2','photos/Ann/1.jpg',640,480,'2026-11-22T12:24:16.776+00:00','');
INSERT INTO "photos" VALUES(2,1,'9b73ce2e5c72e9c8eb35ae3f509ef901b26ed3e9811f0782f3633cceab140918','photos/Bob/2.jpg',640,480,'2026-11-22T12:24:16.776+00:00','');
CREATE TABLE receipts (
	id TEXT NOT NULL, 
	collection_id INTEGER NOT NULL, 
	collection TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	deleted_id INTEGER NOT NULL, 
	erased_at TEXT NOT NULL, 
	finished_at TEXT, 
	document JSON NOT NULL, 
	claimed_until TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE replies (
	who TEXT NOT NULL, 
	token TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	status INTEGER, 
	media_type TEXT, 
	body BLOB, 
	created_at TEXT NOT NULL, 
	claimant TEXT, 
	claimed_until TEXT, 
	PRIMARY KEY (who, token)
);
CREATE TABLE run_photos (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run_id TEXT NOT NULL, 
	path BLOB NOT NULL, 
	person TEXT NOT NULL, 
	external_id TEXT, 
	face INTEGER, 
	face_id INTEGER, 
	outcome TEXT, 
	code TEXT, 
	message TEXT, 
	answer JSON, 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
CREATE TABLE runs (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	collection TEXT NOT NULL, 
	source TEXT NOT NULL, 
	options JSON NOT NULL, 
	state TEXT NOT NULL, 
	listed BOOLEAN NOT NULL, 
	counts JSON NOT NULL, 
	reason TEXT, 
	passed_over JSON, 
	started_at TEXT NOT NULL, 
	finished_at TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE sessions (
	sha256 TEXT NOT NULL, 
	handle TEXT NOT NULL, 
	ends_at TEXT NOT NULL, 
	PRIMARY KEY (sha256)
);
CREATE TABLE spare_models (
	collection_id INTEGER NOT NULL, 
	embedder TEXT NOT NULL, 
	precision TEXT NOT NULL, 
	mirror BOOLEAN NOT NULL, 
	fingerprint TEXT NOT NULL, 
	dimension INTEGER NOT NULL, 
	calibration JSON, 
	term TEXT, 
	aside BOOLEAN NOT NULL, 
	former BOOLEAN NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (collection_id), 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
CREATE TABLE thumbnails (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	face_id INTEGER, 
	appearance_id INTEGER, 
	stranger_id INTEGER, 
	picture BLOB NOT NULL, 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	UNIQUE (face_id), 
	FOREIGN KEY(face_id) REFERENCES faces (id) ON DELETE CASCADE, 
	UNIQUE (appearance_id), 
	FOREIGN KEY(appearance_id) REFERENCES appearances (id) ON DELETE CASCADE, 
	UNIQUE (stranger_id), 
	FOREIGN KEY(stranger_id) REFERENCES unknowns (id) ON DELETE CASCADE
);
CREATE TABLE unknowns (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	face INTEGER NOT NULL, 
	photo TEXT NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	score DOUBLE NOT NULL, 
	size_px DOUBLE NOT NULL, 
	sharpness DOUBLE NOT NULL, 
	yaw_deg DOUBLE NOT NULL, 
	cut_off DOUBLE NOT NULL, 
	box BLOB NOT NULL, 
	landmarks BLOB NOT NULL, 
	vector BLOB NOT NULL, 
	group_id INTEGER, 
	seen_at TEXT NOT NULL, 
	fingerprint TEXT DEFAULT '' NOT NULL, 
	known_since INTEGER, 
	UNIQUE (collection_id, sha256, face), 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
INSERT INTO "unknowns" VALUES(1,1,'ab',1,'who.jpg',640,480,0.75,100.0,12.5,3.5,0.0,X'000028410000A2410000C8420000F042',X'000000000000803F0000004000004040000080400000A0400000C0400000E0400000004100001041',X'61B82B3E5F21CC3E9331243E5AE221BF58EFE03E84CD5D3ED56785BEDA60903E',NULL,'2026-11-22T12:24:16.776+00:00','',NULL);
CREATE TABLE users (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	handle TEXT NOT NULL, 
	name TEXT NOT NULL, 
	login TEXT NOT NULL, 
	role TEXT NOT NULL, 
	collection TEXT, 
	password TEXT, 
	link_sha256 TEXT, 
	link_ends_at TEXT, 
	issuer TEXT, 
	subject TEXT, 
	created_at TEXT NOT NULL, 
	ended_at TEXT, 
	UNIQUE (issuer, subject), 
	UNIQUE (handle)
);
CREATE TABLE verdicts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	event_id INTEGER NOT NULL, 
	appearance_id INTEGER NOT NULL, 
	act INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	person_id INTEGER, 
	judge TEXT NOT NULL, 
	said_at TEXT NOT NULL, 
	undone_at TEXT, 
	undone_by TEXT, 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE, 
	FOREIGN KEY(appearance_id) REFERENCES appearances (id) ON DELETE CASCADE
);
CREATE TABLE webhooks (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	tried_at TEXT, 
	problem TEXT, 
	UNIQUE (collection_id, url), 
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
CREATE INDEX audit_by_moment ON audit (at);
CREATE INDEX audit_by_photo ON audit (photo);
CREATE INDEX receipts_by_collection ON receipts (collection, erased_at);
CREATE INDEX people_by_name ON people (collection_id, name);
CREATE INDEX people_by_folded ON people (collection_id, folded);
CREATE INDEX people_by_sought ON people (collection_id, sought);
CREATE UNIQUE INDEX people_without_number ON people (collection_id, name) WHERE external_id IS NULL;
CREATE INDEX photos_by_photo ON photos (collection_id, photo_sha256);
CREATE INDEX changes_by_collection ON changes (collection_id, seq, face_id);
CREATE INDEX journal_by_collection ON journal (collection_id, id);
CREATE UNIQUE INDEX run_photos_by_path ON run_photos (run_id, path, person);
CREATE INDEX run_photos_by_outcome ON run_photos (run_id, outcome, code);
CREATE INDEX unknowns_by_moment ON unknowns (collection_id, seen_at);
CREATE INDEX faces_by_person ON faces (person_id);
CREATE INDEX faces_by_photo ON faces (photo_id);
CREATE INDEX faces_by_collection ON faces (collection_id, id);
CREATE INDEX journal_people_by_person ON journal_people (person_id);
CREATE INDEX event_photos_by_event ON event_photos (event_id, id);
CREATE INDEX appearances_by_event ON appearances (event_id, id);
CREATE INDEX appearances_by_photo ON appearances (photo_id);
CREATE INDEX appearances_by_person ON appearances (person_id, event_id);
CREATE INDEX verdicts_by_person ON verdicts (person_id);
CREATE INDEX verdicts_by_event ON verdicts (event_id, id);
CREATE INDEX verdicts_by_appearance ON verdicts (appearance_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('collections',1);
INSERT INTO "sqlite_sequence" VALUES('people',2);
INSERT INTO "sqlite_sequence" VALUES('photos',2);
INSERT INTO "sqlite_sequence" VALUES('faces',2);
INSERT INTO "sqlite_sequence" VALUES('changes',2);
INSERT INTO "sqlite_sequence" VALUES('unknowns',1);
COMMIT;
