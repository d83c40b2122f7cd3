"""How vectors lie at rest: in the clear, or encrypted by data keys that the user's key locks.

`data_keys` says what holds: one entry is active, and all is written as it says; others may be
retiring, while rows are written anew (`recoding`), or retired. "plain" is an entry like the rest.
An encrypted value is the data key's id and what `DataKey.seal` makes; rows of several keys lie side
by side, so the catalogue can be used while they are written anew.

A value is not bound to its row: who can write to the database can file a face under another person
anyway, and a face's id is not known before it is written.

A data key is never deleted: kept photos on another machine may still need it, and what is wrapped
by a key that nobody has is no use to anybody.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NoReturn

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    Row,
    Table,
    Text,
    insert,
    select,
)

from retrieval.catalogue.encrypted.encoding import to_bytes, vectors_from_bytes
from retrieval.catalogue.schema import Moment, metadata, now
from retrieval.errors import CatalogueEncrypted, SettingInvalid, StoreError, VectorDamaged
from retrieval.files.keys import KEY_ID, DataKey, DecryptionFailed, UserKey, UserKeySource
from retrieval.values import Vectors

PLAIN = "plain"  # in place of a data key's id: vectors in the clear
_LABEL = b"vector"
_TRIES = 10


class Role(StrEnum):
    """What a data key is good for."""

    ACTIVE = "active"  # values are written by it
    RETIRING = "retiring"  # values are being written anew; some may still be its
    RETIRED = "retired"  # no value is its; a kept photo may be


data_keys = Table(
    "data_keys",
    metadata,
    Column("id", Text, primary_key=True),  # 16 hexadecimal digits, or "plain"
    Column("user_key", Text, primary_key=True),  # id of the user's key that wraps it; "" for plain
    Column("wrapped", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),  # the same in all rows of an id
    Column("created_at", Moment, nullable=False),
)


def put_plain(connection: Connection, role: Role) -> None:
    """Add the entry for vectors in the clear."""
    row = {"id": PLAIN, "user_key": "", "wrapped": b"", "role": role, "created_at": now()}
    connection.execute(insert(data_keys), row)


def put_key(connection: Connection, key: DataKey, user_key: UserKey, role: Role) -> None:
    """Add a data key, wrapped by a user's key."""
    row = {
        "id": key.id.hex(),
        "user_key": user_key.id,
        "wrapped": key.wrapped(user_key),
        "role": role,
        "created_at": now(),
    }
    connection.execute(insert(data_keys), row)


class Keyring:
    """The data keys of one database that the user's key opens: the codec of its vectors.

    Safe to share between threads. Keys are read where one is met that is not known yet, in the
    transaction that met it, so a change of keys needs no restart.
    """

    def __init__(self, user_key: UserKeySource | None = None) -> None:
        """Prepare to read.

        Args:
            user_key: gives the user's key; None for a catalogue in the clear.
        """
        self._user_key = user_key
        self._known: dict[bytes, DataKey] = {}

    # The codec

    def encode(self, connection: Connection, vectors: Vectors) -> list[bytes]:
        """A value for each row of (n, d); the transaction is a writer's."""
        return self.encrypt(connection, [to_bytes(row) for row in vectors])

    def decode(self, connection: Connection, stored: Sequence[bytes], dimension: int) -> Vectors:
        """The rows (n, d) float32 of n values.

        Raises:
            CatalogueEncrypted: a value is encrypted, and the user's key is missing or another.
            VectorDamaged: one is not what was written.
        """
        opened = self.open(connection, stored) if self._user_key else stored
        if sum(map(len, opened)) != 4 * dimension * len(opened):
            self._read(connection)  # says so where they are encrypted and there is no key
            raise _damaged()
        return vectors_from_bytes(opened, dimension)

    def encrypt(self, connection: Connection, values: Sequence[bytes]) -> list[bytes]:
        """Write values as the catalogue wants them now.

        The active key stays the active one until this transaction ends.
        """
        key = self.active(connection, lock=True)
        if key is None:
            return list(values)
        return key.encrypt_rows(values, _LABEL)

    def open(self, connection: Connection, values: Sequence[bytes]) -> list[bytes]:
        """Read values, whichever way each is written.

        Raises:
            CatalogueEncrypted: the user's key is missing or another.
            VectorDamaged: a value is damaged, or lies in the clear where none should.
        """
        heads = [value[:KEY_ID] for value in values]
        plain = False
        if not self._known.keys() >= set(heads):
            plain = self._read(connection)
        known, opened = self._known, list(values)
        for head in set(heads) & known.keys():
            rows = [row for row, its in enumerate(heads) if its == head]
            try:
                found = known[head].open_rows([values[row] for row in rows], _LABEL)
            except DecryptionFailed as error:
                raise _damaged() from error
            for row, value in zip(rows, found, strict=True):
                opened[row] = value
        if not plain and not known.keys() >= set(heads):
            raise _damaged()
        return opened

    # Keys

    def active(self, connection: Connection, *, lock: bool = False) -> DataKey | None:
        """The key that values are written with now; None where they lie in the clear.

        Args:
            connection: a transaction; a writer's for a lock.
            lock: keep it the active one until the transaction ends.

        Raises:
            CatalogueEncrypted: the user's key is missing or another.
        """
        query = select(data_keys.c.id).where(data_keys.c.role == Role.ACTIVE)
        if lock:
            query = query.with_for_update(read=True)
        for _ in range(_TRIES):
            found = connection.scalars(query).all()
            if found:  # else PostgreSQL waited for a change of keys, and left out what was changed
                break
        else:
            raise StoreError("The catalogue does not say how it is encrypted. Restore a backup.")
        return None if found[0] == PLAIN else self.find(connection, bytes.fromhex(found[0]))

    def find(self, connection: Connection, key_id: bytes) -> DataKey:
        """The data key with this id.

        Raises:
            CatalogueEncrypted: the user's key is missing or another, or there is no such data key.
        """
        if key_id not in self._known:
            self._read(connection)
        if key_id not in self._known:
            raise CatalogueEncrypted(
                f"The data key {key_id.hex()} is not in the catalogue, or another key than yours "
                "locks it: what it encrypted can only be read with the catalogue and key from then."
            )
        return self._known[key_id]

    def user_key(self) -> UserKey:
        """The user's key.

        Raises:
            SettingInvalid: there is none.
        """
        if self._user_key is None:
            raise SettingInvalid(
                "There is no key: make one with `rollcall catalogue new-key FILE`, keep a copy of "
                "it elsewhere, and set ROLLCALL_DATA_KEY_FILE to the file."
            )
        return self._user_key()

    def check(self, connection: Connection, label: str) -> None:
        """See that the user's key is the one that this catalogue needs, or that it needs none.

        Raises:
            CatalogueEncrypted: encrypted, and the key is missing or another.
            SettingInvalid: a key, but not encrypted.
            StoreError: a data key is damaged.
        """
        if is_encrypted(connection):
            self._read(connection)
        elif self._user_key is not None:
            raise SettingInvalid(
                f"There is a key, but {label} is not encrypted. Encrypt it with `rollcall "
                "catalogue encrypt`, or unset ROLLCALL_DATA_KEY and ROLLCALL_DATA_KEY_FILE."
            )

    def begin(self, connection: Connection) -> None:
        """Say in a new database how vectors are written: encrypted, if there is a user's key."""
        if self._user_key is None:
            put_plain(connection, Role.ACTIVE)
            return
        put_plain(connection, Role.RETIRED)
        put_key(connection, DataKey.new(), self._user_key(), Role.ACTIVE)

    def _read(self, connection: Connection) -> bool:
        """Read the data keys; return whether values may lie in the clear."""
        rows = connection.execute(select(data_keys)).all()
        plain = any(row.id == PLAIN and row.role != Role.RETIRED for row in rows)
        if self._user_key is not None:
            user_key = self._user_key()
            mine = [row for row in rows if row.user_key == user_key.id]
            self._known = {**self._known, **dict(_unwrapped(row, user_key) for row in mine)}
        needed = {bytes.fromhex(row.id) for row in rows if _encrypts(row)}
        if not needed <= self._known.keys():
            self._refuse([row.user_key for row in rows if _encrypts(row)])
        return plain

    def _refuse(self, locks: Sequence[str]) -> NoReturn:
        wanted = " or ".join(sorted(set(locks)))
        if self._user_key is None:
            raise CatalogueEncrypted(
                f"The catalogue is encrypted under the key {wanted}, and none is set. Set "
                "ROLLCALL_DATA_KEY_FILE to the file of that key, or ROLLCALL_DATA_KEY to it."
            )
        raise CatalogueEncrypted(
            f"The catalogue is encrypted under the key {wanted}; yours is {self._user_key().id}. "
            "Set ROLLCALL_DATA_KEY_FILE or ROLLCALL_DATA_KEY to the right one."
        )


def is_encrypted(connection: Connection) -> bool:
    """Whether any value may be encrypted."""
    return any(map(_encrypts, connection.execute(select(data_keys))))


def _encrypts(row: Row[tuple[str, ...]]) -> bool:
    return bool(row.id != PLAIN and row.role != Role.RETIRED)


def _unwrapped(row: Row[tuple[str, ...]], user_key: UserKey) -> tuple[bytes, DataKey]:
    key_id = bytes.fromhex(row.id)
    return key_id, user_key.unwrap(key_id, row.wrapped)


def _damaged() -> VectorDamaged:
    return VectorDamaged(
        "A vector in the catalogue is damaged or was changed: it is not what was written. Run "
        "rollcall doctor; restore a backup."
    )
