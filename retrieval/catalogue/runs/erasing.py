"""What is erased of runs with a person, or with a collection."""

import os

from sqlalchemy import ColumnElement, Connection, delete, select, update

from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.runs.run_records import RunState
from retrieval.catalogue.runs.run_rows import run_photos, runs
from retrieval.catalogue.schema import collections


def erase_person(connection: Connection, collection_id: int, mentions: Mentions) -> None:
    """Take a person's photos out of the lists of all runs of a collection, and names from the rest.

    Paths of photos that are still to be done stay, and the folder in which such a run began: they
    are needed to find others' photos.

    Args:
        connection: of the transaction.
        collection_id: whose runs.
        mentions: of the person.
    """
    collection = select(collections.c.name).where(collections.c.id == collection_id)
    mine = runs.c.collection == collection.scalar_subquery()
    listed = run_photos.c.run_id.in_(select(runs.c.id).where(mine))
    connection.execute(delete(run_photos).where(listed, run_photos.c.person.in_(mentions.names)))
    _take_out_of_photos(connection, listed, mentions)
    query = select(runs.c.id, runs.c.source, runs.c.options, runs.c.state).where(mine)
    named = mentions.possible(runs.c.source) | mentions.possible(runs.c.options)
    for run in connection.execute(query.where(named)).all():
        values = {"source": mentions.taken_out_of_words(run.source)}
        if run.state != RunState.WORKING:
            values["options"] = mentions.taken_out_of_words(run.options)
        connection.execute(update(runs).where(runs.c.id == run.id).values(values))


def _take_out_of_photos(
    connection: Connection, listed: ColumnElement[bool], mentions: Mentions
) -> None:
    told = ("answer", "message", "path")
    done = run_photos.c.outcome.is_not(None)
    naming = mentions.possible(run_photos.c.answer) | mentions.possible(run_photos.c.message)
    in_path = mentions.possible_in_bytes(run_photos.c.path, connection.dialect.name)
    query = select(run_photos.c.id, *(run_photos.c[name] for name in told))
    for row in connection.execute(query.where(listed, done, naming | in_path)).all():
        left = {name: row._mapping[name] for name in told} | {"path": os.fsdecode(row.path)}
        left = mentions.taken_out_of_words(left)
        if left["path"] != os.fsdecode(row.path):
            left["path"] += f"#{row.id}"  # two photos of one run have two paths
        left["path"] = os.fsencode(left["path"])
        connection.execute(update(run_photos).where(run_photos.c.id == row.id).values(left))


def erase_collection(connection: Connection, collection_id: int) -> None:
    """Erase the runs of a collection that is about to be erased."""
    collection = select(collections.c.name).where(collections.c.id == collection_id)
    connection.execute(delete(runs).where(runs.c.collection == collection.scalar_subquery()))
