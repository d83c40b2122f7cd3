"""Deleting a person, and the proof that nothing of the person is left under the home folder.

What stood for the person is noted before: vectors as the catalogue and the index's files hold them,
photos by their hashes. After the deletion every file is searched for it. What also stands for
somebody else, as a copy of the same photo does, is no trace.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from retrieval.catalogue.erasing.erasure_log import mark_of
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.erasing.name_search import files_naming, folders_naming
from retrieval.catalogue.records import Erased, Person
from retrieval.collection.run_files import discard_lists, discard_person
from retrieval.errors import StoreError
from retrieval.files.output import replacing
from retrieval.files.private import open_text
from retrieval.people.documents import Receipt
from retrieval.people.traces import Sought, Traces, proven, sought_of
from retrieval.service import Service
from retrieval.values import counted

T = TypeVar("T")

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

_HASH = re.compile(r"[0-9a-f]{64}")
_SHOWN_DIGITS = 8  # of a hash that is a file's name: it finds the file, and is no hash any more
_SHELF = "kept photos at {}: their copies are deleted; what the server keeps of them is its own"


@dataclass(frozen=True, slots=True, eq=False)
class PeopleGone:
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

    def receipt(self, found: Mapping[str, Any]) -> Receipt:
        """The receipt of all together, with what was found."""
        gone = {**told_of(self.erased), "counts": self.erased.counts}
        collection = self.service.collection.name
        return Receipt(collection=collection, erased_at=self.erased_at, **gone, **found)

    def found_of(self, part: Erased, found: Mapping[str, Any]) -> dict[str, Any]:
        """What was found, as the receipt of one of several people tells it."""
        others = len(self.erased.people) - len(part.people)
        backups = [each.path for each in self.service.catalogue.backups.holding(part.faces)]
        own = {**found, "backups": _without_hashes(backups)}
        return own | {"summary": _without_hashes(_summary(part, own, others))}

    def found(self, wait_s: float = WAIT_S) -> dict[str, Any]:
        """Clean the files, and search them for what could be left.

        Args:
            wait_s: how long to wait for readers of the catalogue to end.
        """
        service, home, erased, sought = self.service, self.home, self.erased, self.sought
        photos = {*erased.photos, *erased.seen.photos}
        ended = service.catalogue.empty_wal(wait_s)
        rest_s = wait_s if ended else 0.0  # who reads for so long is not waited for once more
        finish = partial(service.finish_erasure, photos, self.unfinished, rest_s)
        left = [*self.left, *tried(finish)]
        if not service.catalogue.empty_wal(rest_s):
            left.append(_still_open(wait_s))
        found = Traces((), ())
        try:
            found, sought = service.steadily(lambda _: proven(service, home, sought, rest_s))
        except StoreError as error:
            left.append(f"{error} Files were not searched to the end")
        mentions = service.catalogue.mentions_of(erased.names)
        left += tried(partial(_take_names_out, service, mentions, rest_s))
        traces = _named(found.traces, home, mentions)
        named = [*_naming(service, home, mentions, found.files)]
        named += _hashes_left(service, erased.photos)
        backups = [each.path for each in service.catalogue.backups.holding(erased.faces)]
        files = _named(found.files, home, mentions)
        told = {
            "searched": dict(Counter(map(_folder_of, map(Path, files)))),
            "searched_patterns": len(sought),
            "traces": traces,
            "open": left,
            "not_searched": _not_searched(service),
            "backups": backups,
            "mentions": named,
            "clean": not (traces or left or named),
        }
        return _without_hashes({**told, "summary": _summary(erased, told)})


def told_of(erased: Erased) -> dict[str, Any]:
    """What went, as JSON: ids, and marks in place of photos' hashes."""
    return {
        "erasure": erased.erasure,
        "erased_faces": list(erased.faces),
        "erased_photo_marks": [mark_of(sha256) for sha256 in erased.photos],
        "events": list(erased.seen.events),
        "erased_event_faces": list(erased.seen.appearances),
        "counts": asdict(erased.counts),
    }


def write_receipt(receipt: Receipt, path: Path) -> None:
    """Write a receipt as a JSON file.

    Raises:
        StoreError: the file cannot be written; see `check_writable`, to be asked before.
    """
    told = {**asdict(receipt), "erased_at": receipt.erased_at.isoformat(timespec="seconds")}
    try:
        with replacing(path) as part, open_text(part) as file:
            file.write(json.dumps(told, indent=2) + "\n")
    except StoreError as error:
        raise type(error)(f"Who was meant is deleted, but the receipt is lost: {error}") from error


def _summary(erased: Erased, found: Mapping[str, Any], others: int = 0) -> str:
    """A receipt in words, of so many others who were deleted with them."""
    count = len(erased.faces)
    gone = f"{counted(count, 'face')} {'is' if count == 1 else 'are'} gone"
    if erased.seen.events:
        seen, events = len(erased.seen.appearances), len(erased.seen.events)
        gone += f", {counted(seen, 'face')} of {counted(events, 'event')} as well"
    if others:
        gone += f", with {counted(others, 'other person', 'other people')}"
    held = found["backups"]
    kept = f"; backups that hold them: {', '.join(held)}" if held else ""
    if found["clean"]:
        patterns, files = found["searched_patterns"], sum(found["searched"].values())
        return f"{gone}; none of their {patterns} byte patterns is in any of {files} files{kept}"
    traces, named = found["traces"], found["mentions"]
    still = f"bytes of them are still in {', '.join(traces)}" if traces else ""
    stands = f"a name of theirs still stands in {', '.join(named)}" if named else ""
    return f"{gone}, but {'; '.join(filter(None, (still, *found['open'], stands)))}{kept}"


def _folder_of(path: Path) -> str:
    """A folder of the home folder, or a file of it; others lie elsewhere."""
    return "elsewhere" if path.is_absolute() else path.parts[0]


def _without_hashes(value: T) -> T:
    """Without names of kept photos, which are hashes of anybody's photos."""
    short: Any = value
    if isinstance(value, str):
        short = _HASH.sub(lambda found: f"{found.group()[:_SHOWN_DIGITS]}...", value)
    elif isinstance(value, list):
        short = [_without_hashes(each) for each in value]
    elif isinstance(value, dict):
        short = {key: _without_hashes(each) for key, each in value.items()}
    found: T = short
    return found


def forget(
    service: Service, people: Sequence[Person], home: Path, *, or_gone: bool = False
) -> PeopleGone:
    """Delete people's rows for good, all or none; `PeopleGone.found` does the rest.

    Args:
        service: of the people's collection.
        people: as they were read before.
        home: the folder whose files are searched.
        or_gone: leave out those whom somebody else has deleted already.

    Raises:
        NotFound: somebody is gone, or called otherwise by now.
    """
    catalogue, collection = service.catalogue, service.collection
    faces = [face.id for each in people for face in catalogue.faces_of(each.id)]
    owners = [person.id for person in people]
    sought = service.steadily(lambda _: sought_of(service, faces, owners))
    # Before the deletion: who is enrolled under the name afterwards keeps what their run left.
    runs = catalogue.runs.of_collection(collection.name)
    unfinished = catalogue.begin_erasure(collection.id)
    erased = catalogue.delete_people(collection.id, people, or_gone=or_gone)
    # At once: nobody knows the names any more if this process ends.
    left = tried(
        partial(discard_person, home, runs, erased.names, erased.photos),
        " The name of who was deleted may still stand there",
    )
    discard_lists(home, collection.name)  # they are out of date, and may hold photos of theirs
    return PeopleGone(service, home, erased, unfinished, sought, datetime.now(UTC), tuple(left))


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


def _take_names_out(service: Service, mentions: Mentions, wait_s: float) -> None:
    """Take names out of paths of others' photos, as after a split, where copies of them are kept.

    A photo that is not kept is read again where it lies, so its path stays, and the receipt says.
    """
    catalogue, collection = service.catalogue, service.collection.id
    naming = catalogue.photos_naming(collection, mentions)
    kept = [photo for photo, sha256 in naming.items() if service.photos.has(sha256)]
    if kept:
        catalogue.take_names_out(collection, kept, mentions)
        catalogue.empty_wal(wait_s)


def _hashes_left(service: Service, sha256s: Iterable[str]) -> list[str]:
    """Where rows still tell of one of the photos: events keep photos that show others too."""
    rows = service.catalogue.rows_naming(service.collection.id, Mentions(sha256s))
    return [f"{row} by a photo's hash" for row in rows]


def _naming(service: Service, home: Path, mentions: Mentions, files: Iterable[Path]) -> list[str]:
    """Where one of the names still stands, told without it."""
    rows = service.catalogue.rows_naming(service.collection.id, mentions)
    shelves = (*service.catalogue.files(), home / "index", home / "photos")
    texts = [
        path
        for path in files
        if path.is_relative_to(home) and not any(path.is_relative_to(each) for each in shelves)
    ]
    named = {*files_naming(texts, home, mentions), *folders_naming(home, mentions)}
    return [*rows, *dict.fromkeys(_named(sorted(named), home, mentions))]


def _not_searched(service: Service) -> list[str]:
    server = () if service.catalogue.files() else (_SERVER,)
    photos = service.photos.folder
    shelf = () if isinstance(photos, Path) else (_SHELF.format(photos),)
    return [*server, *shelf, *service.gallery.elsewhere, *_NOT_SEARCHED]


def _named(paths: Iterable[Path], home: Path, mentions: Mentions) -> list[str]:
    """Paths as they are told: a receipt names nobody."""
    return [
        mentions.taken_out_of_words(
            str(path.relative_to(home) if path.is_relative_to(home) else path)
        )
        for path in paths
    ]


def _still_open(wait_s: float) -> str:
    return (
        f"for {wait_s:.0f} s another process has been reading the catalogue, whose write-ahead log"
        " keeps what that reader may see: end it; the log is emptied when the last process closes"
        " the catalogue"
    )
