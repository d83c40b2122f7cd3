"""People of a collection, and strangers who came back, as Python users edit them."""

import builtins
from collections.abc import Iterator, Sequence

from retrieval.catalogue.records import JournalEntry, Person
from retrieval.people.deletions import forget_with_receipt
from retrieval.people.documents import Receipt
from retrieval.people.editing import plan_merge, plan_move, plan_split
from retrieval.people.strangers import Group, Naming, list_groups, name_group
from retrieval.service import Service
from retrieval.settings import Settings


class People:
    """Who is enrolled in a collection, and edits of them; each edit can be undone."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self._settings = settings

    def __iter__(self) -> Iterator[Person]:
        return iter(self.list())

    def __len__(self) -> int:
        return self._service.catalogue.counts(self._service.collection.id).people

    def list(self, search: str | None = None) -> builtins.list[Person]:
        """Everybody, by name; with `search`, those whose names contain it in any case."""
        return self._service.catalogue.people(self._service.collection.id, search=search)

    def get(self, name: str) -> Person:
        """The person of a name.

        Raises:
            NotFound: nobody of that name is enrolled.
        """
        return self._service.person(name)

    def rename(self, name: str, new_name: str) -> Person:
        """Give a person another name.

        Raises:
            NotFound, AlreadyExists, NameInvalid: see the messages.
        """
        return self._service.rename(name, new_name)

    def merge(self, name: str, into: str) -> JournalEntry:
        """Give all faces of a person to another one.

        Raises:
            NotFound: nobody of one of the names is enrolled.
        """
        return plan_merge(self._service, name, into).apply()

    def move(self, name: str, photos: Sequence[str], to: str) -> JournalEntry:
        """Give some of a person's photos, named by path or SHA-256, to another person.

        Raises:
            NotFound: nobody of one of the names is enrolled, or no such photo is.
        """
        return plan_move(self._service, name, photos, to).apply()

    def split(self, name: str, photos: Sequence[str], new_name: str) -> JournalEntry:
        """Make a new person of some of a person's photos.

        Raises:
            NotFound, AlreadyExists: see the messages.
        """
        return plan_split(self._service, name, photos, new_name).apply()

    def history(self, limit: int = 20) -> builtins.list[JournalEntry]:
        """Edits, newest first."""
        return self._service.catalogue.journal(self._service.collection.id, limit)

    def undo(self, entry: int | None = None) -> JournalEntry:
        """Take back an edit, the newest by default.

        Raises:
            UndoImpossible: what it left was changed or deleted since.
        """
        catalogue, collection = self._service.catalogue, self._service.collection.id
        return catalogue.undo(collection, entry or catalogue.newest_edit(collection))

    def delete(self, name: str) -> Receipt:
        """Delete a person for good: faces, vectors, kept photos, and the index's entries.

        Returns:
            What was erased, and where its traces were looked for.

        Raises:
            NotFound: nobody of that name is enrolled.
        """
        person = self._service.person(name)
        return forget_with_receipt(self._service, person, self._settings.home)


class Strangers:
    """Unknown faces that were kept (ROLLCALL_UNKNOWN_DAYS), in groups of one stranger each."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def groups(self, *, least: int = 1) -> list[Group]:
        """The groups, largest first; only those with so many faces or more."""
        return list_groups(self._service, least=least)

    def name(self, group: int, person: str) -> Naming:
        """Enrol a group's faces under a name; `undo` takes it back, by the number of its `entry`.

        Raises:
            NotFound: there is no such group (any more).
        """
        return name_group(self._service, group, person)
