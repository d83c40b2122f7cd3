"""Deleting a person, and the proof that nothing of the person is left under the home folder.

What stood for the person is noted before: vectors as the catalogue and the index's files hold them,
photos by their hashes. After the deletion every file is searched for it. What also stands for
somebody else, as a copy of the same photo does, is no trace.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.erasing.name_search import files_naming, folders_naming
from retrieval.catalogue.records import Erased, Person
from retrieval.collection.run_files import discard_lists, discard_person
from retrieval.errors import StoreError
from retrieval.files.output import replacing
from retrieval.files.private import open_text
from retrieval.people.traces import Found, Sought, proven, sought_of
from retrieval.service import Service
from retrieval.values import counted

WAIT_S = 20.0  # for readers of the catalogue to end
_NOT_SEARCHED = (
    "memory: another process forgets at its next question; index files that it has mapped are"
    " deleted, and their space is free when it lets go of them",
    "copies that others made: backups, the photos that were enrolled or added to events, where they"
    " lie, and rolls that were exported or downloaded",
)
_SERVER = (
    "the catalogue's server: its rows are deleted, but PostgreSQL keeps their bytes in its files"
    " until VACUUM, and in its write-ahead log until that is recycled"
)

_SHELF = "kept photos at {}: their copies are deleted; what the server keeps of them is its own"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a deletion erased, and what the search for traces found.

    Attributes:
        collection: where the person was.
        faces: ids of the faces that are gone.
        photos: SHA-256 of the photos that were enrolled.
        erased_at: in UTC.
        searched: files that were looked through, below the home folder.
        patterns: that were looked for: vectors, the index's codes, kept photos.
        traces: files in which one of them was found; none when all is gone.
        open: what still holds on to erased bytes, and what to do about it.
        not_searched: what no search can look into.
        erasure: its id in the log of erasures: a restore with this receipt applies it.
        backups: files that were made while the person was enrolled, and hold them still.
        mentions: where a name of theirs, or a hash of their photos, still stands: columns of the
            catalogue, files and folders.
        events: ids of the events in which the person was found.
        event_faces: ids of the faces there: name, vector and picture are gone.
    """

    collection: str
    faces: tuple[int, ...]
    photos: tuple[str, ...]
    erased_at: datetime
    searched: tuple[str, ...]
    patterns: int
    traces: tuple[str, ...]
    open: tuple[str, ...]
    not_searched: tuple[str, ...]
    erasure: str
    backups: tuple[str, ...]
    mentions: tuple[str, ...] = ()
    events: tuple[int, ...] = ()
    event_faces: tuple[int, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing was found, and nothing holds on to what was erased."""
        return not self.traces and not self.open and not self.mentions

    def sentence(self) -> str:
        """In words."""
        count = len(self.faces)
        gone = f"{counted(count, 'face')} {'is' if count == 1 else 'are'} gone"
        if self.events:
            seen, events = len(self.event_faces), len(self.events)
            gone += f", {counted(seen, 'face')} of {counted(events, 'event')} as well"
        kept = f"; backups that hold them: {', '.join(self.backups)}" if self.backups else ""
        if self.clean:
            return f"{gone}; none of their {self.patterns} byte patterns is in any of" + (
                f" {len(self.searched)} files{kept}"
            )
        left = f"bytes of them are still in {', '.join(self.traces)}" if self.traces else ""
        named = f"a name of theirs still stands in {', '.join(self.mentions)}"
        told = filter(None, (left, *self.open, named if self.mentions else ""))
        return f"{gone}, but {'; '.join(told)}{kept}"

    def document(self) -> dict[str, Any]:
        """As JSON: no name, no vectors."""
        return {
            "collection": self.collection,
            "erased_at": self.erased_at.isoformat(timespec="seconds"),
            "erased_faces": list(self.faces),
            "erased_photos": list(self.photos),
            "searched_files": list(self.searched),
            "searched_patterns": self.patterns,
            "traces": list(self.traces),
            "open": list(self.open),
            "not_searched": list(self.not_searched),
            "erasure": self.erasure,
            "backups": list(self.backups),
            "mentions": list(self.mentions),
            "events": list(self.events),
            "erased_event_faces": list(self.event_faces),
        }

    def write(self, path: Path) -> None:
        """Write it as a JSON file.

        Raises:
            StoreError: the file cannot be written; see `check_writable`, to be asked before.
        """
        try:
            with replacing(path) as part, open_text(part) as file:
                file.write(json.dumps(self.document(), indent=2) + "\n")
        except StoreError as error:
            raise type(error)(f"Who was meant is deleted, but the receipt is lost: {error}") from (
                error
            )


@dataclass(frozen=True, slots=True, eq=False)
class Forgotten:
    """People whose rows are gone, before files are cleaned of them and searched.

    Attributes:
        service: of their collection.
        home: the folder whose files are searched.
        erased: what went.
        unfinished: whether an erasure before this one was not finished.
        sought: what stood for them.
        erased_at: in UTC.
        left: what could not be done.
    """

    service: Service
    home: Path
    erased: Erased
    unfinished: bool
    sought: Sought
    erased_at: datetime
    left: tuple[str, ...]

    def proven(self, wait_s: float = WAIT_S) -> Receipt:
        """Clean the files, and search them for what could be left.

        Args:
            wait_s: how long to wait for readers of the catalogue to end.
        """
        service, home, erased, sought = self.service, self.home, self.erased, self.sought
        photos = {*erased.photos, *erased.seen.photos}
        left = [*self.left, *tried(partial(service.finish_erasure, photos, self.unfinished))]
        if not service.catalogue.empty_wal(wait_s):
            left.append(_still_open(wait_s))
        found = Found((), ())
        try:
            found, sought = proven(service, home, sought)
        except StoreError as error:
            left.append(f"{error} Files were not searched to the end")
        mentions = service.catalogue.mentions_of(erased.names)
        left += tried(partial(_take_names_out, service, mentions))
        held = service.catalogue.backups.holding(erased.faces)
        return Receipt(
            collection=service.collection.name,
            faces=erased.faces,
            photos=erased.photos,
            erased_at=self.erased_at,
            searched=_named(found.files, home, mentions),
            patterns=len(sought),
            traces=_named(found.traces, home, mentions),
            open=tuple(left),
            not_searched=_not_searched(service),
            erasure=erased.erasure,
            backups=tuple(backup.path for backup in held),
            mentions=(
                *_naming(service, home, mentions, found.files),
                *_hashes_left(service, erased.photos),
            ),
            events=erased.seen.events,
            event_faces=erased.seen.appearances,
        )


def forget(service: Service, who: str | Person | Sequence[Person], home: Path) -> Forgotten:
    """Delete people's rows for good, all or none; `proven` does the rest.

    Args:
        service: of the people's collection.
        who: a name, or people as they were read before.
        home: the folder whose files are searched.

    Raises:
        NotFound: nobody of that name is enrolled, or somebody is called otherwise by now.
    """
    people = [service.person(who)] if isinstance(who, str | Person) else list(who)
    catalogue, collection = service.catalogue, service.collection
    faces = [face.id for each in people for face in catalogue.faces_of(each.id)]
    sought = sought_of(service, faces, [person.id for person in people])
    # Before the deletion: who is enrolled under the name afterwards keeps what their run left.
    runs = catalogue.runs.of_collection(collection.name)
    unfinished = catalogue.begin_erasure(collection.id)
    erased = catalogue.delete_people(collection.id, people)
    # At once: nobody knows the names any more if this process ends.
    left = tried(
        partial(discard_person, home, runs, erased.names, erased.photos),
        " The name of who was deleted may still stand there",
    )
    discard_lists(home, collection.name)  # they are out of date, and may hold photos of theirs
    return Forgotten(service, home, erased, unfinished, sought, datetime.now(UTC), tuple(left))


def forget_with_receipt(
    service: Service, who: str | Person | Sequence[Person], home: Path, wait_s: float = WAIT_S
) -> Receipt:
    """Delete people for good, then look for what could be left of the vectors.

    Args:
        service, who, home: see `forget`.
        wait_s: how long to wait for readers of the catalogue to end.

    Raises:
        NotFound: nobody of that name is enrolled, or somebody is called otherwise by now.
    """
    return forget(service, who, home).proven(wait_s)


def tried(step: Callable[[], object], more: str = "") -> list[str]:
    """Take a step after rows are gone: if it fails, the receipt is not lost, but tells of it.

    Returns:
        what kept it from being done.
    """
    try:
        step()
    except StoreError as error:
        return [f"{error}{more}"]
    return []


def _take_names_out(service: Service, mentions: Mentions) -> None:
    """Take names out of paths of others' photos, as after a split, where copies of them are kept.

    A photo that is not kept is read again where it lies, so its path stays, and the receipt says.
    """
    catalogue, collection = service.catalogue, service.collection.id
    naming = catalogue.photos_naming(collection, mentions)
    kept = [photo for photo, sha256 in naming.items() if service.photos.has(sha256)]
    if kept:
        catalogue.take_names_out(collection, kept, mentions)
        catalogue.empty_wal()


def _hashes_left(service: Service, sha256s: Iterable[str]) -> list[str]:
    """Where rows still tell of one of the photos: events keep photos that show others too."""
    rows = service.catalogue.rows_naming(service.collection.id, Mentions(sha256s))
    return [f"{row} by a photo's hash" for row in rows]


def _naming(
    service: Service, home: Path, mentions: Mentions, files: Iterable[Path]
) -> tuple[str, ...]:
    """Where one of the names still stands, told without it."""
    rows = service.catalogue.rows_naming(service.collection.id, mentions)
    shelves = (*service.catalogue.files(), home / "index", home / "photos")
    texts = [
        path
        for path in files
        if path.is_relative_to(home) and not any(path.is_relative_to(each) for each in shelves)
    ]
    named = {*files_naming(texts, home, mentions), *folders_naming(home, mentions)}
    return (*rows, *dict.fromkeys(_named(sorted(named), home, mentions)))


def _not_searched(service: Service) -> tuple[str, ...]:
    server = () if service.catalogue.files() else (_SERVER,)
    photos = service.photos.folder
    shelf = () if isinstance(photos, Path) else (_SHELF.format(photos),)
    return (*server, *shelf, *service.gallery.elsewhere, *_NOT_SEARCHED)


def _named(paths: Iterable[Path], home: Path, mentions: Mentions) -> tuple[str, ...]:
    """Paths as they are told: a receipt names nobody."""
    return tuple(
        mentions.taken_out_of_words(
            str(path.relative_to(home) if path.is_relative_to(home) else path)
        )
        for path in paths
    )


def _still_open(wait_s: float) -> str:
    return (
        f"for {wait_s:.0f} s another process has been reading the catalogue, whose write-ahead log"
        " keeps what that reader may see: end it; the log is emptied when the last process closes"
        " the catalogue"
    )
