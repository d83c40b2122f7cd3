"""Functions of a connection as methods of an object that has a database: a transaction per call."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

from retrieval.catalogue.database import Database

P = ParamSpec("P")
R = TypeVar("R")


class _OfDatabase(Protocol):
    _database: Database


def question(
    ask: Callable[Concatenate[Connection, P], R],
) -> Callable[Concatenate[_OfDatabase, P], R]:
    """What a function reads, as a method: it takes what the function does but the connection."""

    @wraps(ask)
    def method(self: _OfDatabase, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._database.reading() as connection:
            return ask(connection, *args, **kwargs)

    return method


def edit(
    change: Callable[Concatenate[Connection, P], R],
) -> Callable[Concatenate[_OfDatabase, P], R]:
    """What a function writes, as a method; whoever accompanies edits is told what it returned."""

    @wraps(change)
    def method(self: _OfDatabase, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._database.writing() as connection:
            return self._database.edited(connection, change(connection, *args, **kwargs))

    return method
