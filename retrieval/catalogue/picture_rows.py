"""How pictures of faces get into their table: encrypted where vectors are, one per face."""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, insert

from retrieval.catalogue.encrypted.encoding import encode_pictures
from retrieval.catalogue.events.tables import thumbnails


class Of(StrEnum):
    """Whose picture is meant."""

    FACE = "face"
    APPEARANCE = "appearance"
    STRANGER = "stranger"


def insert_pictures(
    connection: Connection, collection_id: int, of: Of, pictures: Mapping[int, bytes]
) -> None:
    """Insert pictures of owners who have none, by the owner's id."""
    encoded = encode_pictures(connection, list(pictures.values()))
    rows = [
        {"collection_id": collection_id, f"{of.value}_id": owner, "picture": picture}
        for owner, picture in zip(pictures, encoded, strict=True)
    ]
    if rows:
        connection.execute(insert(thumbnails), rows)
