"""The catalogue: one object for everything that is stored in SQL. Safe to share between threads."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import insert, select, update

from retrieval.catalogue import enrolment, face_lookups, journal, lookups, photo_paths
from retrieval.catalogue.changes import LogFeed, check_model, lock_collection, renew_epoch
from retrieval.catalogue.copying.backup_log import BackupLog
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.data_keys import is_encrypted
from retrieval.catalogue.encrypted.encryptor import CatalogueEncryptor
from retrieval.catalogue.erasing import erasure
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.erasing.name_search import rows_naming
from retrieval.catalogue.erasing.receipt_log import Receipts
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
from retrieval.catalogue.models.spaces import find_space, put_space
from retrieval.catalogue.names import clean_name, known_name
from retrieval.catalogue.people_pages import (
    Key,
    ListedPerson,
    Order,
    Wanted,
    count_people,
    initials,
    page_of_people,
)
from retrieval.catalogue.records import (
    Collection,
    Counts,
    EnrolledFace,
    Enrolment,
    Erased,
    JournalEntry,
    Move,
    NewFace,
    Owner,
    Person,
)
from retrieval.catalogue.runs.runs import Runs
from retrieval.catalogue.schema import collections, meta, now
from retrieval.catalogue.strangers import Strangers
from retrieval.catalogue.thumbnails import Thumbnails
from retrieval.errors import AlreadyExists
from retrieval.files.keys import UserKey, UserKeySource
from retrieval.values import Floats, Ints, Vectors


class Catalogue:
    """Collections, people, photos, faces, vectors, the change log and the journal.

    Every method is one transaction, so it happens wholly or not at all, and what it returned as
    done survives a kill and a power cut. Every method may raise CatalogueUnavailable, StoreFull or
    StoreError. Close it, or use it in a `with` statement.
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

    def collections(self) -> list[Collection]:
        """All collections, by name."""
        with self._database.reading() as connection:
            return lookups.all_collections(connection)

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
        matrix: Floats | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """Keep calibration's results with a collection, in place of those before.

        Args:
            collection_id: whose.
            document: JSON; None for no calibration.
            matrix: of the space that was fitted, (d, d) float32; None for the embedder's own.
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
            put_space(connection, collection_id, matrix)
            self._database.edited(connection, document)

    def calibration(self, collection_id: int) -> dict[str, Any] | None:
        """The document that `set_calibration` keeps, or None."""
        query = select(collections.c.calibration).where(collections.c.id == collection_id)
        with self._database.reading() as connection:
            document: dict[str, Any] | None = connection.scalar(query)
            return document

    def seen(self, collection_id: int) -> tuple[Collection, dict[str, Any] | None]:
        """The collection as it is now, by id, and its calibration's document: asked often."""
        with self._database.reading() as connection:
            return lookups.seen(connection, collection_id)

    def calibrated(
        self, collection_id: int
    ) -> tuple[Collection, dict[str, Any] | None, Floats | None]:
        """The collection, and the document and the matrix of `set_calibration`, of one moment."""
        with self._database.reading() as connection:
            collection, document = lookups.seen(connection, collection_id)
            return collection, document, find_space(connection, collection_id)

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

    def owners(self, collection_id: int, sha256s: Iterable[str]) -> dict[str, Owner]:
        """Under whom each of these photos is enrolled; unknown photos are left out."""
        with self._database.reading() as connection:
            return enrolment.owners(connection, collection_id, sha256s)

    def wanted(self, collection_id: int, sha256s: Iterable[str]) -> frozenset[str]:
        """Those of the photos of which a kept copy is somebody's: enrolled, or of an event."""
        asked = list(sha256s)
        kept = self.events.kept(collection_id, asked)
        return kept | self.owners(collection_id, asked).keys()

    # People, photos, faces

    def people(
        self,
        collection_id: int,
        *,
        search: str | None = None,
        external_id: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Person]:
        """People by name (code point order).

        Args:
            collection_id: whose.
            search: only names or numbers that contain this, whatever its case and accents.
            external_id: only who has this number.
            after: only names behind this one: the last of the page before.
            limit: people per page, and the namesakes of the last; None for all.
        """
        with self._database.reading() as connection:
            wanted = lookups.which_people(collection_id, search, external_id)
            return lookups.list_people(connection, wanted, after, limit)

    def page_of_people(
        self,
        collection_id: int,
        wanted: Wanted,
        order: Order = Order.NAME,
        after: Key | None = None,
        limit: int | None = None,
    ) -> tuple[list[ListedPerson], Key | None]:
        """People in an order, and where the next page begins; see `people_pages`."""
        with self._database.reading() as connection:
            return page_of_people(connection, collection_id, wanted, order, after, limit)

    def count_people(self, collection_id: int, wanted: Wanted) -> int:
        """How many people are meant."""
        with self._database.reading() as connection:
            return count_people(connection, collection_id, wanted)

    def initials(self, collection_id: int, wanted: Wanted) -> list[tuple[str, str]]:
        """The letters with which names begin, each with its first name as it is sought."""
        with self._database.reading() as connection:
            return initials(connection, collection_id, wanted)

    def person(self, collection_id: int, name: str) -> Person:
        """The person of this name, employee number or id; see `lookups.find_person`."""
        with self._database.reading() as connection:
            return lookups.find_person(connection, collection_id, known_name(name))

    def namesakes(self, collection_id: int, name: str) -> list[Person]:
        """Everybody of a clean name, however it is written."""
        with self._database.reading() as connection:
            return lookups.namesakes(connection, collection_id, name)

    def person_by_id(self, collection_id: int, person_id: int) -> Person:
        """The person with this id in this collection, or NotFound."""
        with self._database.reading() as connection:
            return lookups.person_by_id(connection, collection_id, person_id)

    def people_by_id(self, collection_id: int, person_ids: Iterable[int]) -> list[Person]:
        """People of a collection by id; those who are gone are left out."""
        with self._database.reading() as connection:
            return lookups.people_by_id(connection, collection_id, person_ids)

    def portraits(self, person_ids: Iterable[int]) -> dict[int, int]:
        """The face that stands for each person; people without one are left out."""
        with self._database.reading() as connection:
            return face_lookups.portraits(connection, person_ids)

    def names(self, ids: Iterable[int]) -> dict[int, str]:
        """Each person's name; people who are gone are left out."""
        with self._database.reading() as connection:
            return lookups.names_of(connection, ids)

    def external_ids(self, ids: Iterable[int]) -> dict[int, str]:
        """Each person's external id; people without one are left out."""
        with self._database.reading() as connection:
            return lookups.external_ids_of(connection, ids)

    def faces(self, ids: Iterable[int]) -> dict[int, EnrolledFace]:
        """Each face by id; faces that are gone are left out."""
        with self._database.reading() as connection:
            return face_lookups.faces_by_id(connection, ids)

    def faces_of(self, person_id: int) -> list[EnrolledFace]:
        """A person's faces, oldest first; none for a person who is gone."""
        with self._database.reading() as connection:
            return face_lookups.faces_of(connection, person_id)

    def photos(
        self,
        collection_id: int,
        *,
        person: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[EnrolledFace]:
        """Enrolled faces with their photos, oldest first; NotFound if there is no such person.

        Args:
            collection_id: whose.
            person: only this person's, by name.
            after: only faces behind the one with this id: the last of the page before.
            limit: faces per page; None for all.
        """
        with self._database.reading() as connection:
            person_id = None
            if person is not None:
                person_id = lookups.find_person(connection, collection_id, known_name(person)).id
            return face_lookups.list_photos(connection, collection_id, person_id, after, limit)

    def counts(self, collection_id: int) -> Counts:
        """How many people, photos and faces the collection holds."""
        with self._database.reading() as connection:
            return lookups.counts(connection, collection_id)

    def vectors(
        self, collection_id: int, face_ids: Sequence[int] | Ints | None = None
    ) -> tuple[Ints, Ints, Vectors]:
        """Vectors of the collection's faces, ascending by id.

        Args:
            collection_id: whose.
            face_ids: only these, where they still are; None for all (use the feed for very many).

        Returns:
            ids (n,) int64; people (n,) int64, whose they are; vectors (n, d) float32.
        """
        with self._database.reading() as connection:
            return face_lookups.vectors(connection, collection_id, face_ids)

    def stored_in_events(self, person_ids: Iterable[int]) -> list[bytes]:
        """Vectors and pictures of people in events as they lie here, to look for their traces."""
        with self._database.reading() as connection:
            return [
                value for person in person_ids for value in stored_of_person(connection, person)
            ]

    def stored_vectors(self, face_ids: Iterable[int]) -> list[bytes]:
        """The vectors of faces as they lie in the database, to look for their traces."""
        with self._database.reading() as connection:
            return face_lookups.stored_vectors(connection, face_ids)

    def find_photo(self, collection_id: int, photo: str) -> EnrolledFace:
        """One enrolled photo.

        Args:
            collection_id: whose.
            photo: its path as it was enrolled, or 6 to 64 hexadecimal digits of its SHA-256.

        Raises:
            NotFound: none is meant.
            InputError: several are meant; the message names them.
        """
        with self._database.reading() as connection:
            return face_lookups.find_photo(connection, collection_id, photo)

    # Edits that can be undone, and deletions. A person is meant by id, or by what was read of them
    # (`Person`): then NotFound is raised, and nothing done, if they are called otherwise by now.

    def rename_person(self, collection_id: int, person: int | Person, new_name: str) -> Person:
        """Give a person another name; the same name again changes nothing.

        Raises:
            NotFound: no such person.
            NameInvalid, AlreadyExists: the name cannot be shown, or is taken.
        """
        with self._database.writing() as connection:
            return self._database.edited(
                connection, journal.rename(connection, collection_id, person, new_name)
            )

    def number_person(self, collection_id: int, meant: int | Person, number: str) -> Person:
        """Give a person an employee number, or another one; can be undone.

        Raises:
            NotFound: there is no such person, or they are called otherwise now.
            AlreadyExists: somebody else has the number.
            InputError, NameInvalid: the number is empty, or cannot be shown.
        """
        with self._database.writing() as connection:
            done = journal.number(connection, collection_id, meant, number)
            return self._database.edited(connection, done)

    def rename_and_number(
        self,
        collection_id: int,
        names: Iterable[tuple[Person, str]],
        numbers: Iterable[tuple[Person, str]],
    ) -> list[JournalEntry]:
        """Give people other names and numbers, all or none; each edit can be undone.

        Raises:
            NotFound: somebody is not there, or called otherwise now.
            NameInvalid, AlreadyExists: a name or a number cannot be shown, or is taken.
        """
        with self._database.writing() as connection:
            done = journal.rename_and_number(connection, collection_id, names, numbers)
            return self._database.edited(connection, done)

    def choose_cover(self, collection_id: int, meant: int | Person, face_id: int) -> Person:
        """Let one of a person's faces stand for them.

        Raises:
            NotFound: there is no such person, they are called otherwise now, or the face is not
                theirs.
        """
        with self._database.writing() as connection:
            done = journal.cover(connection, collection_id, meant, face_id)
            return self._database.edited(connection, done)

    def dismiss_finding(
        self, collection_id: int, finding: str, people: Iterable[int]
    ) -> JournalEntry:
        """Say that what was found about people is no fault; can be undone as any edit.

        Raises:
            NotFound: one of them is not there any more.
        """
        with self._database.writing() as connection:
            done = journal.dismiss(connection, collection_id, finding, people)
            return self._database.edited(connection, done)

    def dismissed_findings(self, collection_id: int) -> set[str]:
        """Ids of the findings that were dismissed, and not brought back."""
        with self._database.reading() as connection:
            return journal.dismissed(connection, collection_id)

    def merge_people(
        self, collection_id: int, person: int | Person, into: int | Person
    ) -> JournalEntry:
        """Give all faces of a person to another one, who keeps name and external id.

        Raises:
            NotFound: one of them is not there.
            InputError: both are the same person.
        """
        with self._database.writing() as connection:
            return self._database.edited(
                connection, journal.merge(connection, collection_id, person, into)
            )

    def split_person(
        self, collection_id: int, person: int | Person, face_ids: Iterable[int], new_name: str
    ) -> JournalEntry:
        """Make a new person of some of a person's faces.

        Raises:
            NotFound: no such person or face.
            NameInvalid, AlreadyExists: the name cannot be shown, or is taken.
            InputError: no faces, or somebody else's.
        """
        with self._database.writing() as connection:
            return self._database.edited(
                connection, journal.split(connection, collection_id, person, face_ids, new_name)
            )

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

    def move_all(self, collection_id: int, moves: Iterable[Move]) -> JournalEntry:
        """Give faces to other people as one edit, which is undone as one.

        Raises:
            NotFound, InputError: see `move_faces`; nothing is moved.
        """
        with self._database.writing() as connection:
            return self._database.edited(connection, journal.move(connection, collection_id, moves))

    def journal(self, collection_id: int, limit: int | None = None) -> list[JournalEntry]:
        """The edits of a collection's people, newest first."""
        with self._database.reading() as connection:
            return journal.entries(connection, collection_id, limit)

    def newest_edit(self, collection_id: int) -> int:
        """The newest edit that can be undone; NotFound if there is none."""
        with self._database.reading() as connection:
            return journal.newest(connection, collection_id)

    def undo(self, collection_id: int, entry: int | None = None) -> JournalEntry:
        """Undo an edit, whatever came after it, if what it left still stands.

        Ids, names, external ids and the faces' people are again as before the edit; photos that
        were removed since stay away.

        Args:
            collection_id: whose.
            entry: the edit's id; None for the newest that stands.

        Raises:
            NotFound: no such edit, or none at all.
            UndoImpossible: later edits, new enrolments or a deletion are in the way; which.
        """
        with self._database.writing() as connection:
            return self._database.edited(connection, journal.undo(connection, collection_id, entry))

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

    def delete_people(self, collection_id: int, people: Sequence[int | Person]) -> Erased:
        """Erase people for good, all or none; see `delete_person`.

        Raises:
            NotFound: one of them is gone, or called otherwise.
        """
        with self._database.writing() as connection:
            return self._database.edited(
                connection, erasure.delete_people(connection, collection_id, people)
            )

    def remove_photo(self, collection_id: int, photo: str | EnrolledFace) -> Erased:
        """Erase one photo for good.

        Args:
            collection_id: whose.
            photo: as `find_photo` takes it; or a face of it as it was read, which must still be
                the same person's.

        Raises:
            NotFound: none is meant, or it is somebody else's by now.
            InputError: several are meant; the message names them.
        """
        with self._database.writing() as connection:
            return self._database.edited(
                connection, erasure.remove_photo(connection, collection_id, photo)
            )

    def move_paths(self, collection_id: int, folder: str, to: str) -> int:
        """Say that all photos below a folder lie below another one now; return how many."""
        with self._database.writing() as connection:
            count = photo_paths.move_paths(connection, collection_id, folder, to)
            return self._database.edited(connection, count)

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

    def traces(self, values: Iterable[bytes]) -> list[Path]:
        """Which of the catalogue's files hold one of these byte strings; see `erasure.traces`."""
        return erasure.traces(self.files(), values)

    def still_enrolled(self, stored: Iterable[bytes]) -> frozenset[bytes]:
        """Which of these stored vectors are still some face's."""
        with self._database.reading() as connection:
            return erasure.enrolled_still(connection, stored)

    def photos_elsewhere(self, collection_id: int, sha256s: Iterable[str]) -> frozenset[str]:
        """Those of the photos that are somebody's in another collection."""
        with self._database.reading() as connection:
            return erasure.photos_elsewhere(connection, collection_id, sha256s)

    def mentions_of(self, names: Iterable[str]) -> Mentions:
        """Mentions of people by these names, which are not those of people who are enrolled."""
        with self._database.reading() as connection:
            return erasure.mentions_of(connection, names)

    def photos_naming(self, collection_id: int, mentions: Mentions) -> dict[int, str]:
        """Enrolled photos whose path names somebody: the id and SHA-256 of each."""
        with self._database.reading() as connection:
            return erasure.photos_naming(connection, collection_id, mentions)

    def take_names_out(
        self, collection_id: int, photo_ids: Iterable[int], mentions: Mentions
    ) -> None:
        """Take names out of paths of enrolled photos, which cannot be read there any more then."""
        with self._database.writing() as connection:
            erasure.take_names_out(connection, collection_id, photo_ids, mentions)

    def rows_naming(self, collection_id: int, mentions: Mentions) -> list[str]:
        """Which columns of a collection's rows name somebody: `events.name (2 rows)`."""
        with self._database.reading() as connection:
            return rows_naming(connection, collection_id, mentions)

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

    def new_epoch(self) -> str:
        """Make every index start anew from the catalogue, as after a restore."""
        with self._database.writing() as connection:
            return renew_epoch(connection)
