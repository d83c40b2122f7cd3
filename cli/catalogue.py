"""`catalogue`: the database that holds everything."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Run, Writes, command
from retrieval.errors import SettingInvalid

if TYPE_CHECKING:
    from retrieval.upkeep.encryption import Rewritten

catalogue = typer.Typer(help="The database that holds everything.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(catalogue, name="catalogue")


@command(catalogue, "migrate")
def migrate(
    run: Run,
    target: Annotated[
        str, typer.Option("--to", metavar="URL", help="An empty database, or a file to be made.")
    ],
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="The catalogue to copy; this home's if unset."),
    ] = None,
) -> None:
    """Copy the catalogue between SQLite and PostgreSQL, and compare every row.

    Interrupted, the same command goes on where it was. What it copies from stays as it is; set
    ROLLCALL_CATALOGUE_URL to the new one afterwards.
    """
    from retrieval.building import open_catalogue
    from retrieval.catalogue.copying.transfer import migrate as copy

    run.change(catalogue_url=origin)
    with open_catalogue(run.settings) as source, run.progress("rows", None) as advance:
        tally = copy(source, target, lambda table, rows: advance(rows, table=table))
        origin_label = source.url
    document = {"from": origin_label, "rows": tally.rows, "copied": tally.added}
    sentence = (
        f"Copied {tally.added:,} rows of {origin_label}; all {tally.rows:,} were compared and are "
        "equal. Set ROLLCALL_CATALOGUE_URL to the new catalogue."
    )
    run.emit(document, lambda: run.print(sentence, markup=False))


@command(catalogue, "new-key")
def new_key(
    run: Run,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="To be made."), Writes.FILE],
) -> None:
    """Make a key for vectors and kept photos at rest, in a file that you alone can read.

    Keep a copy of it away from this machine: without the key, what is encrypted is lost.
    """
    from retrieval.files.keys import write_key_file

    key = write_key_file(file)
    sentence = f"{file} holds the key {key.id}. Keep a copy elsewhere; nobody can replace it."
    run.emit({"file": str(file), "key": key.id}, lambda: run.print(sentence, markup=False))


@command(catalogue, "encrypt")
def encrypt(run: Run) -> None:
    """Encrypt vectors and kept photos at rest, under the key in ROLLCALL_DATA_KEY_FILE.

    Whoever uses the catalogue must be started again with that key. Interrupted, even killed, the
    same command goes on.
    """
    from retrieval.upkeep.encryption import encrypt as encrypt_all

    if run.settings.index_url is not None:
        raise SettingInvalid(
            "ROLLCALL_INDEX_URL is set, and that server holds vectors in the clear. Delete "
            "Rollcall's collections there and unset it: the index is then kept in memory and in "
            "encrypted files."
        )
    _rewrite(run, encrypt_all)


@command(catalogue, "decrypt")
def decrypt(run: Run) -> None:
    """Let vectors and kept photos lie in the clear again; then unset the key.

    Interrupted, even killed, the same command goes on.
    """
    from retrieval.upkeep.encryption import decrypt as decrypt_all

    _rewrite(run, decrypt_all)


@command(catalogue, "rotate-key")
def rotate_key(
    run: Run,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="File of the new key; the present one if unset."),
    ] = None,
) -> None:
    """Make a new data key, locked by a new key of yours, and encrypt everything by it.

    Others go on reading and writing meanwhile, with the old key or the new one. At the end the old
    one opens nothing any more. Interrupted, even killed, the same command goes on.
    """
    from retrieval.files.keys import read_key_file
    from retrieval.upkeep.encryption import rotate

    new = read_key_file(to) if to else None
    _rewrite(run, partial(rotate, new=new))


def _rewrite(run: Run, change: Any) -> None:
    from retrieval.building import open_catalogue, photos_root

    settings = run.settings
    with (
        open_catalogue(settings, check_key=False) as opened,
        run.progress("vectors and photos", None) as advance,
    ):
        done: Rewritten = change(
            opened, settings.home, progress=advance, photos_at=photos_root(settings)
        )
        server = not opened.files()
    document = {
        "encrypted": done.key is not None,
        "key": done.key,
        "data_key": done.data_key,
        "vectors": done.vectors,
        "photos": done.photos,
        "snapshots": done.snapshots,
        "unreadable_photos": done.unreadable,
        "nothing_old_left": done.emptied and not server,
    }
    run.emit(document, lambda: run.print(_told(done), markup=False))
    if server:
        run.remark(_SERVER)
    elif not done.emptied:
        run.remark(_WAL)
    run.rejected = bool(done.unreadable)


def _told(done: "Rewritten") -> str:
    state = f"encrypted under the key {done.key}" if done.key else "in the clear"
    told = (
        f"{done.vectors:,} vectors, {done.photos:,} kept photos and {done.snapshots:,} index files "
        f"were written anew; the catalogue is {state}."
    )
    if done.unreadable:
        told += f" {done.unreadable:,} kept photos could not be read and stay as they were."
    return told


_SERVER = (
    "PostgreSQL keeps the old rows in its files until VACUUM FULL, and in its write-ahead log "
    "until that is recycled: see docs/encryption.md."
)
_WAL = (
    "Another process has been reading all the time, so the write-ahead log still holds old rows: "
    "end it; the log is emptied when the last process closes the catalogue."
)
