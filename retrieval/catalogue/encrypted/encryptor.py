"""The data keys of a catalogue, for the files that lie beside it."""

from retrieval.catalogue.database import Database
from retrieval.files.keys import DataKey


class CatalogueEncryptor:
    """Asks the catalogue at each call, so that files follow it when its key changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def active(self) -> DataKey | None:
        """The key that new files are encrypted with; None where they lie in the clear."""
        with self._database.reading() as connection:
            return self._database.keyring.active(connection)

    def find(self, key_id: bytes) -> DataKey:
        """The key with this id.

        Raises:
            CatalogueEncrypted: there is none, or the user's key does not open it.
        """
        with self._database.reading() as connection:
            return self._database.keyring.find(connection, key_id)
