"""The catalogue: one object for everything that is stored in SQL. Safe to share between threads."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import insert, select, update

from retrieval.catalogue import (
    enrolment,
    face_lookups,
    lookups,
    people_pages,
    photo_paths,
    undoing,
)
from retrieval.catalogue import journal as people_journal
from retrieval.catalogue.changes import LogFeed, check_model, lock_collection
from retrieval.catalogue.copying.backup_log import BackupLog
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.data_keys import is_encrypted
from retrieval.catalogue.encrypted.encryptor import CatalogueEncryptor
from retrieval.catalogue.erasing import erasure, name_search
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.erasing.receipt_log import Receipts
from retrieval.catalogue.erasing.searching import Look, traces
from retrieval.catalogue.events.albums import Albums
from retrieval.catalogue.events.erasing import stored_of_person
from retrieval.catalogue.events.faces import EventFaces
from retrieval.catalogue.events.store import EventStore
from retrieval.catalogue.events.verdicts import Verdicts
from retrieval.catalogue.http.api_keys import Keys
from retrieval.catalogue.http.audit import Audit, AuditEntry, write_down
from retrieval.catalogue.http.replies import Replies
from retrieval.catalogue.http.sessions import Sessions
from retrieval.catalogue.http.users import Users
from retrieval.catalogue.http.webhooks import Webhooks
from retrieval.catalogue.index_registry import IndexLog, orphans
from retrieval.catalogue.migrations import prepare
from retrieval.catalogue.models.other_models import OtherModels
from retrieval.catalogue.names import clean_name, known_name
from retrieval.catalogue.records import (
    Collection,
    Counts,
    EnrolledFace,
    Enrolment,
    Erased,
    JournalEntry,
    Move,
    NewFace,
    Person,
)
from retrieval.catalogue.runs.runs import Runs
from retrieval.catalogue.schema import collections, meta, now
from retrieval.catalogue.strangers import Strangers
from retrieval.catalogue.thumbnails import Thumbnails
from retrieval.catalogue.transactions import edit, question
from retrieval.errors import AlreadyExists
from retrieval.files.keys import UserKey, UserKeySource


class Catalogue:
    """Collections, people, photos, faces, vectors, the change log and the journal.

    What it asks and edits is written as functions of a connection, which say what they take and
    raise; here they are methods. Every method is one transaction, so it happens wholly or not at
    all, and what it returned as done survives a kill and a power cut. Every method may raise
    CatalogueUnavailable, StoreFull or StoreError. Close it, or use it in a `with` statement.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.runs = Runs(database)
        self.other_models = OtherModels(database)
        self.strangers = Strangers(database)
        self.thumbnails = Thumbnails(database)
        self.events = EventStore(database)
        self.albums = Albums(database)
        self.event_faces = EventFaces(database)
        self.verdicts = Verdicts(database)
        self.api_keys = Keys(database)
        self.users = Users(database)
        self.sessions = Sessions(database)
        self.audit = Audit(database)
        self.replies = Replies(database)
        self.receipts = Receipts(database)
        self.webhooks = Webhooks(database)
        self.backups = BackupLog(database)
        self.encryptor = CatalogueEncryptor(database)  # for files that lie beside it

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._database.label

    @property
    def file_bytes(self) -> int:
        """Size of its file; 0 on a server."""
        return self._database.file_bytes

    @property
    def is_read_as_it_lies(self) -> bool:
        """Whether nothing can be written to it now: on a full disk, or one mounted for reading."""
        return self._database.is_read_as_it_lies

    @classmethod
    def open(
        cls,
        url: str | Path,
        user_key: UserKeySource | None = None,
        *,
        check_key: bool = True,
    ) -> Self:
        """Open a catalogue; make it if there is none, migrate it if it is older.

        Args:
            url: the path of an SQLite file, or an SQLAlchemy URL: sqlite:////folder/catalogue.db or
                postgresql://user@host/name.
            user_key: gives the key of a catalogue that is encrypted; a new one is encrypted then.
            check_key: refuse a key that is not the right one, missing or needless; with False all
                but encrypted vectors can be read without it.

        Raises:
            SettingInvalid: no such URL, its driver is not installed, or a key where none is needed.
            CatalogueUnavailable: cannot be opened, reached or locked in time.
            CatalogueIncompatible: written by a newer Rollcall, or by something else.
            CatalogueEncrypted: encrypted, and the key is missing or another.
        """
        database = Database(url, user_key=user_key)
        try:
            prepare(database)
            if check_key:
                with database.reading() as connection:
                    database.keyring.check(connection, database.label)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def check_key(self) -> bool:
        """See that the user's key opens what is encrypted; returns whether anything is.

        Raises:
            CatalogueEncrypted: the key is missing or another.
        """
        with self._database.reading() as connection:
            if encrypted := is_encrypted(connection):
                self._database.keyring.check(connection, self.url)
            return encrypted

    def recorded(
        self, entries: Callable[[Any], Sequence[AuditEntry]]
    ) -> AbstractContextManager[None]:
        """Write each edit that this thread makes meanwhile down, in the edit's own transaction.

        Args:
            entries: of the audit log, of what the edit returned; if they cannot be written, nothing
                is edited.
        """
        return self._database.accompanied(
            lambda connection, edit: write_down(connection, entries(edit))
        )

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Collections

    def create_collection(
        self,
        name: str,
        *,
        detector: str,
        embedder: str,
        precision: str,
        mirror: bool,
        fingerprint: str,
        dimension: int,
    ) -> Collection:
        """Make an empty collection that keeps this model.

        Raises:
            NameInvalid: see `clean_name`.
            AlreadyExists: the name is taken.
        """
        name = clean_name(name, "collection's name")
        row = {
            "name": name,
            "detector": detector,
            "embedder": embedder,
            "precision": precision,
            "mirror": mirror,
            "fingerprint": fingerprint,
            "dimension": dimension,
            "created_at": now(),
        }
        with self._database.writing() as connection:
            connection.execute(select(meta.c.key).with_for_update())  # one at a time
            if connection.scalar(select(collections.c.id).where(collections.c.name == name)):
                raise AlreadyExists(f"There is a collection {name!r} already. Take another name.")
            connection.execute(insert(collections), row)
            return lookups.find_collection(connection, name)

    def collection(self, name: str) -> Collection:
        """The collection of this name, or NotFound."""
        with self._database.reading() as connection:
            return lookups.find_collection(connection, known_name(name, "collection's name"))

    collections = question(lookups.all_collections)

    def delete_collection(self, meant: str | Collection) -> Counts:
        """Erase a collection with everything in it; return what it held.

        Args:
            meant: a name, or the very collection that was read: not one that was made since under
                its name.

        Raises:
            NotFound: there is none.
        """
        with self._database.writing() as connection:
            found = meant
            if isinstance(found, str):
                found = lookups.find_collection(connection, known_name(found, "collection's name"))
            return self._database.edited(
                connection, erasure.delete_collection(connection, found.id)
            )

    def delete_if_empty(self, collection: Collection) -> bool:
        """Delete a collection without people, photos, events and runs; whether it was one."""
        with self._database.writing() as connection:
            return erasure.delete_if_empty(connection, collection.id)

    def set_calibration(
        self,
        collection_id: int,
        document: dict[str, Any] | None,
        fingerprint: str | None = None,
    ) -> None:
        """Keep calibration's results with a collection, in place of those before.

        Args:
            collection_id: whose.
            document: JSON; None for no calibration.
            fingerprint: of the model whose scores were calibrated; None where there are none.

        Raises:
            NotFound: no such collection.
            ModelSwitched: it has another model now. Nothing stored.
        """
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            if fingerprint is not None:
                check_model(connection, collection_id, fingerprint)
            chosen = update(collections).where(collections.c.id == collection_id)
            connection.execute(chosen.values(calibration=document))
            self._database.edited(connection, document)

    def calibration(self, collection_id: int) -> dict[str, Any] | None:
        """The document that `set_calibration` keeps, or None."""
        query = select(collections.c.calibration).where(collections.c.id == collection_id)
        with self._database.reading() as connection:
            document: dict[str, Any] | None = connection.scalar(query)
            return document

    seen = question(lookups.seen)

    # Enrolment

    def enrol(
        self, collection_id: int, faces: Sequence[NewFace], fingerprint: str | None = None
    ) -> list[Enrolment]:
        """Take a batch of faces in one transaction; people are made by name where missing.

        A photo belongs to one person: the same bytes under the same name are a duplicate, under
        another name they are not taken. An external id is set where the person had none.

        Args:
            collection_id: whose.
            faces: with vectors of the collection's model.
            fingerprint: of the model that made them; None where they are sure to be of it.

        Returns:
            What became of each face, in their order; see `EnrolmentOutcome`.

        Raises:
            NotFound: no such collection.
            NameInvalid: a name in the batch is; check names by `clean_name` first. Nothing stored.
            VectorInvalid: vectors with NaN or of another dimension. Nothing stored.
            ModelSwitched: the collection has another model now. Nothing stored.
        """
        with self._database.writing() as connection:
            done = enrolment.enrol(connection, collection_id, faces, fingerprint)
            self._database.edited(connection, (fingerprint, list(zip(faces, done, strict=True))))
            return done

    owners = question(enrolment.owners)
    _enrolled_whole = question(enrolment.enrolled_whole)

    def wanted(self, collection_id: int, sha256s: Iterable[str]) -> frozenset[str]:
        """Those of the photos of which a kept copy is somebody's: enrolled, or of an event."""
        asked = list(sha256s)
        kept = self.events.kept(collection_id, asked)
        return kept | self._enrolled_whole(collection_id, asked)

    # People, photos, faces

    def people(
        self,
        collection_id: int,
        *,
        search: str | None = None,
        external_id: str | None = None,
    ) -> list[Person]:
        """People by name (code point order); see `page_of_people` for pages.

        Args:
            collection_id: whose.
            search: only names or numbers that contain this, whatever its case and accents.
            external_id: only who has this number.
        """
        with self._database.reading() as connection:
            wanted = lookups.which_people(collection_id, search, external_id)
            return lookups.list_people(connection, wanted)

    page_of_people = question(people_pages.page_of_people)
    count_people = question(people_pages.count_people)
    initials = question(people_pages.initials)

    def person(self, collection_id: int, name: str) -> Person:
        """The person of this name, employee number or id; see `lookups.find_person`."""
        with self._database.reading() as connection:
            return lookups.find_person(connection, collection_id, known_name(name))

    namesakes = question(lookups.namesakes)
    person_by_id = question(lookups.person_by_id)
    people_by_id = question(lookups.people_by_id)
    portraits = question(face_lookups.portraits)
    names = question(lookups.names_of)
    external_ids = question(lookups.external_ids_of)
    faces = question(face_lookups.faces_by_id)
    faces_of = question(face_lookups.faces_of)

    def photos(
        self,
        collection_id: int,
        *,
        person: str | None = None,
        limit: int | None = None,
    ) -> list[EnrolledFace]:
        """Enrolled faces with their photos, oldest first; NotFound if there is no such person.

        Args:
            collection_id: whose.
            person: only this person's, by name.
            limit: at most so many; None for all.
        """
        with self._database.reading() as connection:
            person_id = None
            if person is not None:
                person_id = lookups.find_person(connection, collection_id, known_name(person)).id
            return face_lookups.list_photos(connection, collection_id, person_id, limit)

    counts = question(lookups.counts)
    vectors = question(face_lookups.vectors)

    def stored_in_events(self, person_ids: Iterable[int]) -> list[bytes]:
        """Vectors and pictures of people in events as they lie here, to look for their traces."""
        with self._database.reading() as connection:
            return [
                value for person in person_ids for value in stored_of_person(connection, person)
            ]

    stored_vectors = question(face_lookups.stored_vectors)
    find_photo = question(face_lookups.find_photo)

    # Edits that can be undone, and deletions. A person is meant by id, or by what was read of them
    # (`Person`): then NotFound is raised, and nothing done, if they are called otherwise by now.

    rename_person = edit(people_journal.rename)
    number_person = edit(people_journal.number)
    rename_and_number = edit(people_journal.rename_and_number)
    choose_cover = edit(people_journal.cover)
    dismiss_finding = edit(people_journal.dismiss)
    dismissed_findings = question(people_journal.dismissed)
    merge_people = edit(people_journal.merge)
    split_person = edit(people_journal.split)

    def move_faces(
        self,
        collection_id: int,
        face_ids: Iterable[int],
        to: int | Person,
        of: int | Person | None = None,
    ) -> JournalEntry:
        """Give faces, of one person or several, to another person; those already there stay.

        Args:
            collection_id: whose.
            face_ids: which.
            to: whose they are to be.
            of: whose they must be until then; None for whoever has them.

        Raises:
            NotFound: no such person or face.
            InputError: no faces, somebody else's, or all are that person's already.
        """
        return self.move_all(collection_id, [Move(tuple(face_ids), to, of)])

    move_all = edit(people_journal.move)
    journal = question(people_journal.entries)
    newest_edit = question(undoing.newest)
    undo = edit(undoing.undo)

    # Deletion

    def begin_erasure(self, collection_id: int) -> bool:
        """Note that kept photos may be left; whether an earlier erasure was not finished."""
        with self._database.writing() as connection:
            return erasure.begin(connection, collection_id)

    def end_erasure(self, collection_id: int) -> None:
        """Strike that note out: no kept photo is left that is nobody's."""
        with self._database.writing() as connection:
            erasure.end(connection, collection_id)

    def delete_person(self, collection_id: int, person: int | Person) -> Erased:
        """Erase a person for good, or NotFound; then call `empty_wal` to be rid of the bytes."""
        return self.delete_people(collection_id, [person])

    delete_people = edit(erasure.delete_people)
    remove_photo = edit(erasure.remove_photo)
    move_paths = edit(photo_paths.move_paths)

    def empty_wal(self, timeout_s: float = 5.0) -> bool:
        """Truncate SQLite's write-ahead log, which holds erased bytes until then.

        Returns:
            False where a reader's open transaction kept it open for the whole time: end it (an
            index that loads, a command that runs) and call again.
        """
        return self._database.empty_wal(timeout_s)

    def files(self) -> tuple[Path, ...]:
        """The files that SQLite keeps the catalogue in; none for a database server."""
        path = self._database.path
        if path is None:
            return ()
        return (path, Path(f"{path}-wal"), Path(f"{path}-shm"))

    def traces(self, values: Sequence[bytes]) -> list[Path]:
        """Which of the catalogue's files hold one of these byte strings; see `searching.traces`."""
        return traces(Look(self.files(), values))

    still_enrolled = question(erasure.enrolled_still)
    photos_elsewhere = question(erasure.photos_elsewhere)
    hashes_in_rows = question(erasure.hashes_in_rows)
    mentions_of = question(erasure.mentions_of)
    photos_naming = question(erasure.photos_naming)

    def take_names_out(
        self, collection_id: int, photo_ids: Iterable[int], mentions: Mentions
    ) -> None:
        """Take names out of paths of enrolled photos, which cannot be read there any more then."""
        with self._database.writing() as connection:
            erasure.take_names_out(connection, collection_id, photo_ids, mentions)

    rows_naming = question(name_search.rows_naming)

    def user_key(self) -> UserKey:
        """The user's key; SettingInvalid where there is none."""
        return self._database.keyring.user_key()

    def compact(self) -> None:
        """Give the space of what was erased or overwritten back."""
        self._database.compact()

    def check(self) -> None:
        """Look through the whole database for damage.

        Raises:
            StoreError: what was found.
        """
        self._database.check()

    # The change log

    def feed(self, collection_id: int) -> LogFeed:
        """The change log of a collection, for an index. NotFound if there is no such collection."""
        with self._database.reading() as connection:
            collection = lookups.collection_by_id(connection, collection_id)
        return LogFeed(self._database, collection)

    def feed_of(self, collection: Collection) -> LogFeed:
        """The change log of a collection as it was read, for the model that it had then."""
        return LogFeed(self._database, collection)

    def index_registry(self, collection_id: int) -> IndexLog:
        """The shared indexes of a collection."""
        return IndexLog(self._database, collection_id)

    def orphaned_indexes(self) -> list[IndexLog]:
        """The shared indexes of collections that are gone."""
        return orphans(self._database)
