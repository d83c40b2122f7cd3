"""Writing all vectors of a catalogue anew, encrypted or not, while others use it.

`begin` makes another entry of `data_keys` the active one: from its commit on everything is written
so. `recode` then brings over what was written before, a batch per transaction, and `finish` retires
the entries that nothing is written by any more. Until then whoever has the old user's key or the
new one can read and write. Killed anywhere, the same calls go on.

A vector is the same number for number afterwards: the change log says nothing, no index moves.
"""

import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    and_,
    bindparam,
    delete,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.transfer import TABLES
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.data_keys import PLAIN, Role, data_keys, is_encrypted, put_key
from retrieval.errors import SettingInvalid, StoreError
from retrieval.files.keys import KEY_ID, DataKey, UserKey

# All that the codec writes, by its name in whatever table; a test holds this to the schema.
VECTOR_COLUMNS: tuple[Column[Any], ...] = tuple(
    table.columns[name]
    for table in TABLES
    for name in ("vector", "picture")
    if name in table.columns
)
ROWS = 1_000  # a transaction: others wait for one on SQLite, 20 ms
_PAUSE_S = 0.05  # for writers who hold rows on PostgreSQL


def begin_encrypting(catalogue: Catalogue) -> bool:
    """Let vectors be written encrypted from now on; False if they already are.

    Raises:
        SettingInvalid: there is no key.
        CatalogueEncrypted: it is encrypted under another key.
    """
    database = catalogue._database
    user_key = database.keyring.user_key()
    with database.writing() as connection:
        already = _active(connection) != PLAIN
        if is_encrypted(connection):  # also while `decrypt` has not come to its end
            database.keyring.check(connection, database.label)
        if already:
            return False
        _replace_active(connection)
        put_key(connection, DataKey.new(), user_key, Role.ACTIVE)
        return True


def begin_decrypting(catalogue: Catalogue) -> bool:
    """Let vectors be written in the clear from now on; False if they already are.

    Raises:
        CatalogueEncrypted: the key is missing or another.
    """
    database = catalogue._database
    with database.writing() as connection:
        active = _active(connection)
        if active == PLAIN:
            return False
        database.keyring.active(connection)
        _replace_active(connection)
        _set_role(connection, PLAIN, Role.ACTIVE)
        return True


def begin_rotating(catalogue: Catalogue, new: UserKey | None) -> bool:
    """Let vectors be written by a new data key, locked by this user's key; False to go on with it.

    None is the present user's key.

    Both user's keys open all data keys until the end.

    Raises:
        SettingInvalid: the catalogue is not encrypted, or another change is under way.
        CatalogueEncrypted: the present key is missing or another.
    """
    database = catalogue._database
    own = database.keyring.user_key()
    with database.writing() as connection:
        active = _active(connection)
        retiring = connection.scalars(select(data_keys.c.id).where(_has(Role.RETIRING))).all()
        if active == PLAIN or PLAIN in retiring:
            raise SettingInvalid(
                "The catalogue is not encrypted, or not wholly: run `rollcall catalogue encrypt`, "
                "or let `decrypt` come to its end."
            )
        if retiring:
            _check_same_rotation(connection, active, new)
            return False
        new = new or own
        known = [
            database.keyring.find(connection, bytes.fromhex(key_id))
            for key_id in connection.scalars(
                select(data_keys.c.id).where(data_keys.c.user_key == own.id)
            ).all()
        ]
        roles = {row.id: Role(row.role) for row in connection.execute(select(data_keys))}
        _replace_active(connection)
        key = DataKey.new()
        for user_key in {own.id: own, new.id: new}.values():
            put_key(connection, key, user_key, Role.ACTIVE)
        if new.id != own.id:
            for old in known:
                role = Role.RETIRING if old.id.hex() == active else roles[old.id.hex()]
                put_key(connection, old, new, role)
        return True


def _check_same_rotation(connection: Connection, active: str, new: UserKey | None) -> None:
    locks = connection.scalars(select(data_keys.c.user_key).where(data_keys.c.id == active)).all()
    if len(locks) > 1 if new is None else new.id not in locks:
        raise SettingInvalid(
            f"A change between the keys {' and '.join(sorted(locks))} is under way. End it first, "
            "by `rollcall catalogue rotate-key --to` and the same key file."
        )


def recode(catalogue: Catalogue, rows: int = ROWS) -> Iterator[int]:
    """Write anew what is not written as the active entry says.

    Args:
        catalogue: whose.
        rows: a transaction.

    Yields:
        how many rows, a transaction each.

    Raises:
        CatalogueEncrypted: the key is missing or another.
        StoreError: a vector is damaged.
    """
    database = catalogue._database
    for column in VECTOR_COLUMNS:
        last: tuple[object, ...] | None = None
        while True:
            count, last = _recode_some(database, column, last, rows)
            yield count
            if last is None:
                with database.reading() as connection:
                    if not _is_left(connection, column):
                        break
                time.sleep(_PAUSE_S)  # another writer held rows, which were passed over


def _recode_some(
    database: Database, column: Column[Any], last: tuple[object, ...] | None, most: int
) -> tuple[int, tuple[object, ...] | None]:
    """A batch behind a key; returns rows, and the key of the last one, None at the end."""
    keys = list(column.table.primary_key.columns)
    with database.writing() as connection:
        database.keyring.active(connection, lock=True)  # before rows: see `encode_vectors`
        query = select(*keys, column).where(_otherwise(connection, column)).order_by(*keys)
        if last is not None:
            query = query.where(tuple_(*keys) > last)
        # Whoever holds a row may wait for another one of ours: never wait for rows.
        query = query.limit(most).with_for_update(skip_locked=True)
        rows = connection.execute(query).all()
        if not rows:
            return 0, None
        opened = database.keyring.open(connection, [row[-1] for row in rows])
        stored = database.keyring.encrypt(connection, opened)
        same = and_(*(key == bindparam(f"_{key.name}") for key in keys))
        connection.execute(
            update(column.table).where(same).values({column.name: bindparam("_value")}),
            [
                {"_value": value, **{f"_{key.name}": row[n] for n, key in enumerate(keys)}}
                for row, value in zip(rows, stored, strict=True)
            ],
        )
        return len(rows), tuple(rows[-1][:-1])


def finish(catalogue: Catalogue, keep: UserKey | None) -> None:
    """End the change: nothing but the active entry writes, nothing old is left.

    Args:
        catalogue: whose.
        keep: the only user's key that opens data keys from now on; None leaves the locks.

    Raises:
        StoreError: a value is written otherwise still.
    """
    database = catalogue._database
    with database.writing() as connection:
        connection.execute(select(data_keys.c.id).with_for_update()).all()
        if any(_is_left(connection, column) for column in VECTOR_COLUMNS):
            raise StoreError("Not all vectors were written anew. Run the same command again.")
        retiring = update(data_keys).where(_has(Role.RETIRING))
        connection.execute(retiring.values(role=Role.RETIRED))
        if keep is not None:
            held = select(data_keys.c.id).where(data_keys.c.user_key == keep.id)
            old = and_(data_keys.c.user_key != keep.id, data_keys.c.id.in_(held))
            connection.execute(delete(data_keys).where(old))


def _active(connection: Connection) -> str:
    """The active entry, which nobody else changes before the transaction ends."""
    connection.execute(select(data_keys.c.id).with_for_update()).all()
    query = select(data_keys.c.id).where(_has(Role.ACTIVE))
    return str(connection.execute(query).scalars().first())


def _replace_active(connection: Connection) -> None:
    chosen = update(data_keys).where(_has(Role.ACTIVE))
    connection.execute(chosen.values(role=Role.RETIRING))


def _set_role(connection: Connection, key_id: str, role: Role) -> None:
    chosen = update(data_keys).where(data_keys.c.id == key_id)
    connection.execute(chosen.values(role=role))


def _has(role: Role) -> ColumnElement[bool]:
    return data_keys.c.role == role


def _is_left(connection: Connection, column: Column[Any]) -> bool:
    query = select(literal(1)).select_from(column.table).where(_otherwise(connection, column))
    return connection.scalar(query.limit(1)) is not None


def _otherwise(connection: Connection, column: Column[Any]) -> ColumnElement[bool]:
    """Which values of a column are not written as the active entry says."""
    rows = connection.execute(select(data_keys.c.id, data_keys.c.role)).all()
    heads = {bytes.fromhex(row.id): row.role for row in rows if row.id != PLAIN}
    head = func.substr(column, 1, KEY_ID, type_=LargeBinary)
    active = [key_id for key_id, role in heads.items() if role == Role.ACTIVE]
    wrong = (
        not_(head == active[0]) if active else or_(false(), *(head == key_id for key_id in heads))
    )
    return and_(column.is_not(None), column != b"", wrong)
