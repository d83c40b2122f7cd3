"""What a copy of a catalogue loses, and tells, before it goes into a backup."""

from sqlalchemy import delete, select

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.events.store import photos_kept_by_events
from retrieval.catalogue.http.replies import replies
from retrieval.catalogue.http.sessions import sessions
from retrieval.catalogue.schema import meta, photos


def strip_for_backup(copy: Catalogue) -> str:
    """Take out what is good for a day only, replies and sessions; return the copy's epoch."""
    with copy._database.writing() as connection:
        connection.execute(delete(replies))
        connection.execute(delete(sessions))
        query = select(meta.c.value).where(meta.c.key == "epoch")
        epoch: str = connection.execute(query).scalar_one()
        return epoch


def photos_of_all(copy: Catalogue) -> list[tuple[int, str]]:
    """Each photo that a collection or an event has: the collection's id, the photo's SHA-256."""
    enrolled = select(photos.c.collection_id, photos.c.sha256)
    with copy._database.reading() as connection:
        return [
            (row[0], row[1]) for row in connection.execute(enrolled.union(photos_kept_by_events()))
        ]
