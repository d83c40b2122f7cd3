"""`backup` and `restore`: everything that is truth in one file, and back."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.auditing import note
from cli.options import Run, Writes, Yes, command, when
from retrieval.errors import SettingInvalid
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.catalogue.copying.restoring import LostPerson
    from retrieval.upkeep.backup.contents import Contents
    from retrieval.upkeep.backup.restoring import Checked, Restored

_NAMED = 10  # people that a question names
File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    command(app, "backup")(backup)
    command(app, "restore")(restore)


def backup(
    run: Run,
    file: Annotated[File, Writes.FILE],
    encrypt: Annotated[
        bool,
        typer.Option(
            "--encrypt",
            help="Ask for a passphrase; ROLLCALL_BACKUP_PASSPHRASE encrypts without asking.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an older file of that name.")
    ] = False,
) -> None:
    """Write everything that is truth into one file, while the service goes on.

    That is the catalogue, kept photos and models.toml. Indexes are made again from it.
    """
    from retrieval.building import open_catalogue, photos_root
    from retrieval.upkeep.backup.making import back_up

    passphrase = _given(run) or (_asked(file, twice=True) if encrypt else None)
    with open_catalogue(run.settings) as catalogue:
        made = back_up(
            catalogue,
            run.settings.home,
            file,
            passphrase=passphrase,
            overwrite=overwrite,
            photos_at=photos_root(run.settings),
        )
        at_rest = catalogue.encryptor.active() is not None
        note(catalogue, [run.entry(file=str(made.path), faces=made.contents.faces)])
    document = {
        "backup": str(made.path),
        "bytes": made.bytes,
        "sha256": made.sha256,
        "encrypted": made.encrypted,
        "kept_photos": made.kept_photos,
        **made.contents.document(),
    }
    sentence = f"{made.path}: {_held(made.contents, made.kept_photos)}, {made.bytes:,} bytes"
    run.emit(document, lambda: run.print(f"{sentence}.", markup=False))
    if not made.noted:
        run.remark(
            "Nothing can be written to the catalogue now, so it does not know of this file:"
            " receipts of deletions will not name it."
        )
    if at_rest:
        run.remark("Vectors and kept photos in it are encrypted; it needs the key they have now.")
    if not made.encrypted:
        rest = "Names and all else in it are" if at_rest else "It is"
        run.remark(f"{rest} not encrypted: keep it as safe as the photos themselves.")


CheckOnly = Annotated[
    bool, typer.Option("--check", help="Verify every byte of the file; change nothing.")
]
ReceiptFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--receipt", metavar="FILE", help="Of a deletion, to be applied; can be repeated."
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="Key of the vectors in the backup, where it is another than the catalogue's.",
    ),
]
WhoseKeys = Annotated[
    Literal["present", "backup"],
    typer.Option(
        "--keys",
        help="Keys of the HTTP service: those of the present catalogue, if it ever had any, or"
        " those of the backup.",
    ),
]


def restore(
    run: Run,
    file: File,
    check: CheckOnly = False,
    receipt: ReceiptFiles = None,
    key_file: KeyFile = None,
    keys: WhoseKeys = "present",
    yes: Yes = False,
) -> None:
    """Make a backup the truth again, while the service goes on.

    Deletions that came after the backup are applied to it. Indexes begin anew. Keys of the HTTP
    service stay as they are, and where keys were ever made, they are asked for afterwards too.
    """
    from retrieval.building import open_catalogue, photos_root, user_key_of
    from retrieval.files.keys import read_key_file
    from retrieval.upkeep.backup.restoring import check_backup, verified_backup
    from retrieval.upkeep.backup.restoring import restore as restore_backup

    home = run.settings.home
    passphrase = partial(_passphrase, run, file)
    if check:
        _check(run, file, check_backup(home, file, passphrase))
        return
    lost: list[LostPerson] = []

    def proceed(found: "Sequence[LostPerson]") -> bool:
        lost.extend(found)
        if found:
            run.remark(_lost(found))
        elif not catalogue.collections():
            return True  # nothing is there that could be replaced
        return run.confirm(f"Replace what is in {catalogue.url} by {file}?", yes)

    key = partial(read_key_file, key_file) if key_file else user_key_of(run.settings)
    with (
        verified_backup(home, file, passphrase, key, receipt or ()) as verified,
        open_catalogue(run.settings, lost=True) as catalogue,
    ):
        done = restore_backup(
            verified,
            catalogue,
            photos_at=photos_root(run.settings),
            keys_of_backup=keys == "backup",
            proceed=proceed,
        )
        in_clear = verified.encrypted_at_rest and catalogue.encryptor.active() is None
        if done is not None:
            faces = done.backup.contents.faces
            note(catalogue, [run.entry(file=str(file), faces=faces)])
    if done is None:
        return
    _tell(run, file, done, lost)
    if in_clear:
        run.remark(
            "Vectors and kept photos were encrypted in the backup and lie in the clear here:"
            " `rollcall catalogue encrypt` encrypts them."
        )
    if done.replaced.keyed and not done.replaced.keys_in_use:
        run.remark("No key opens the HTTP service now. Make one with `rollcall keys create`.")


def _passphrase(run: Run, file: Path) -> str:
    return _given(run) or _asked(file)


def _check(run: Run, file: Path, checked: "Checked") -> None:
    held = _held(checked.contents, checked.kept_photos)
    document = {
        "backup": str(file),
        "sound": True,
        "encrypted": checked.encrypted,
        "kept_photos": checked.kept_photos,
        **checked.contents.document(),
    }
    run.emit(document, lambda: run.print(f"{file} is sound: {held}.", markup=False))


def _tell(run: Run, file: Path, done: "Restored", lost: "Sequence[LostPerson]") -> None:
    contents, now = done.backup.contents, done.replaced
    sentence = f"Restored {_held(contents, done.kept_photos)}"
    if now.erasures:
        sentence += f"; {counted(now.faces, 'face')} deleted since, gone again"
    if now.revoked:
        sentence += f"; {counted(now.revoked, 'key')} revoked since, not in use"
    if now.keyed:
        whose = "of the backup" if now.keys_of_backup else "of before"
        sentence += f"; {counted(now.keys_in_use, 'key')} {whose} in use"
    document: dict[str, Any] = {
        "backup": str(file),
        **contents.document(),
        "kept_photos": done.kept_photos,
        "erasures_applied": now.erasures,
        "erased_faces": now.faces,
        "keys": "backup" if now.keys_of_backup else "present",
        "keys_in_use": now.keys_in_use,
        "keyed": now.keyed,
        "revoked_keys": now.revoked,
        "lost": [
            {"collection": each.collection, "person": each.person, "enrolled_again": each.again}
            for each in lost
        ],
    }
    run.emit(document, lambda: run.print(f"{sentence}.", markup=False))


def _lost(people: "Sequence[LostPerson]") -> str:
    """Who is enrolled now, and would not be any more."""
    names = ", ".join(each.person for each in people[:_NAMED]) + (
        f" and {len(people) - _NAMED:,} more" if len(people) > _NAMED else ""
    )
    told = f"Enrolled since the backup, and gone after a restore: {names}."
    again = ", ".join(each.person for each in people if each.again)
    return told + (f" Deleted after the backup and enrolled again: {again}." if again else "")


def _held(contents: "Contents", photos: int) -> str:
    people = sum(held.people for held in contents.collections)
    return (
        f"{counted(people, 'person', 'people')} with {counted(contents.faces, 'face')} in "
        f"{counted(len(contents.collections), 'collection')}, "
        f"{counted(photos, 'kept photo')}, "
        f"as of {when(contents.made_at)}"
    )


def _given(run: Run) -> str | None:
    secret = run.settings.backup_passphrase
    return secret.get_secret_value() if secret is not None else None


def _asked(file: Path, twice: bool = False) -> str:
    if not sys.stdin.isatty():
        raise SettingInvalid(
            f"{file} needs a passphrase, and nobody can answer here: set "
            "ROLLCALL_BACKUP_PASSPHRASE."
        )
    typed: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return typed
