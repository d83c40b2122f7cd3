"""Which columns hold one of some texts, asked of both databases."""

import pytest
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, select

from retrieval.catalogue.database import Database
from retrieval.catalogue.erasing.texts import Texts

told = Table("told", MetaData(), Column("text", String), Column("bytes", LargeBinary))

TEXT = """x/Zoë_1's "50%" \\ {'a': 1}/é.jpg"""


@pytest.mark.parametrize(
    ("texts", "stand"),
    [
        (["Zoë"], True),
        (["nobody", "50%"], True),
        (["_1's"], True),
        (['"50'], True),
        (["\\ {"], True),
        (["é"], True),
        (["zoë"], False),  # letter by letter: a look at what is found decides by case as well
        (["Z_ë", "5%"], False),  # no wildcards
        ([], False),
        ([f"nobody {n}" for n in range(2_000)], False),
    ],
)
def test_a_column_holds_one_of_some_texts(url: str, texts: list[str], stand: bool) -> None:
    database = Database(url)
    try:
        with database.writing() as connection:
            told.create(connection)
            connection.execute(told.insert(), [{"text": TEXT, "bytes": TEXT.encode()}])
            sought = Texts(texts)
            dialect = connection.dialect.name
            for holds in (
                sought.stand_in(told.c.text),
                sought.stand_in_bytes(told.c.bytes, dialect),
            ):
                found = connection.execute(select(told.c.text).where(holds)).all()
                assert bool(found) is stand
    finally:
        database.close()
