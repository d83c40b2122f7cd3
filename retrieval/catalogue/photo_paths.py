"""Where enrolled photos lie: their paths, when a share is moved or renamed."""

from sqlalchemy import Connection, select, update

from retrieval.catalogue.changes import lock_collection
from retrieval.catalogue.names import storable_path
from retrieval.catalogue.schema import photos


def moved_path(path: str, folder: str, to: str) -> str | None:
    """A path below one folder as it is below another one; None where it lies elsewhere."""
    start = storable_path(folder).rstrip("/")
    if path != start and not path.startswith(f"{start}/"):
        return None
    return storable_path(to).rstrip("/") + path[len(start) :]


def move_paths(connection: Connection, collection_id: int, folder: str, to: str) -> int:
    """Give all photos below a folder the paths that they have below another; return how many."""
    lock_collection(connection, collection_id)
    query = select(photos.c.id, photos.c.photo).where(photos.c.collection_id == collection_id)
    count = 0
    for photo_id, path in connection.execute(query).all():
        after = moved_path(path, folder, to)
        if after is not None:
            chosen = update(photos).where(photos.c.id == photo_id)
            connection.execute(chosen.values(photo=after))
            count += 1
    return count
