"""Making a backup while the service runs."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.stripping import photos_of_all, strip_for_backup
from retrieval.catalogue.copying.transfer import copy_catalogue
from retrieval.catalogue.schema import now
from retrieval.errors import AlreadyExists, SettingInvalid, StoreError
from retrieval.upkeep.backup.archive import writing_backup
from retrieval.upkeep.backup.contents import (
    CATALOGUE,
    MODELS,
    PHOTOS,
    SUMMARY,
    Contents,
    kept_photos,
)
from retrieval.upkeep.backup.workspace import workspace
from retrieval.values import Location

logger = logging.getLogger(__name__)

SHORTEST_PASSPHRASE = 8  # characters; scrypt makes a guess slow, not a short passphrase long


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made.

    Attributes:
        path: of the file.
        contents: what it holds.
        kept_photos: copies of photos in it.
        bytes: of the file.
        sha256: of all but the file's last 32 bytes, which are this digest.
        encrypted: whether a passphrase is needed.
        noted: whether the catalogue knows of it; not where nothing can be written to it.
    """

    path: Path
    contents: Contents
    kept_photos: int
    bytes: int
    sha256: str
    encrypted: bool
    noted: bool


def back_up(
    catalogue: Catalogue,
    home: Path,
    file: Path,
    *,
    passphrase: str | None = None,
    overwrite: bool = False,
    photos_at: Location | None = None,
) -> Made:
    """Write everything that is truth into one file: a state of the catalogue that existed.

    That is the catalogue, kept photos and the user's own manifest; indexes are made again from
    the catalogue, models are pulled or exported again. Others go on reading and writing. What is
    encrypted at rest is so in the file, which then needs the user's key of that time. A home on a
    full disk, or one mounted for reading, is backed up as well, to where there is room.

    Args:
        catalogue: on SQLite or PostgreSQL.
        home: the folder of kept photos and manifest.
        file: to be written.
        passphrase: to encrypt it with, or None.
        overwrite: whether an older file may be replaced.
        photos_at: where photos are kept; the folder `photos` of the home if None.

    Raises:
        AlreadyExists: the file is there.
        SettingInvalid: the passphrase is too short, or cryptography is not installed.
        StoreFull: no space is left; no half backup is left either.
        StoreError: the file cannot be written.
    """
    file = file.absolute()
    if file.exists() and not overwrite:
        raise AlreadyExists(f"{file} is there already. Choose another name, or add --overwrite.")
    if passphrase is not None and len(passphrase) < SHORTEST_PASSPHRASE:
        raise SettingInvalid(
            f"The passphrase has {len(passphrase)} characters; at least {SHORTEST_PASSPHRASE} are "
            "needed."
        )
    log = catalogue.backups
    with workspace(home, file, catalogue.file_bytes) as folder:
        recorded = _recorded(catalogue, file)
        try:
            root = photos_at or home / PHOTOS
            made, seq = _write(
                catalogue, home, root, file, folder / CATALOGUE, passphrase, recorded
            )
        except BaseException:
            if recorded is not None:
                with suppress(StoreError):  # what went wrong first is what the user must know
                    log.withdraw(recorded)
            raise
        if recorded is not None:
            log.complete(recorded, made.contents.made_at, seq)
    faces = made.contents.faces
    logger.info("backup: %d faces, %d photos, %d bytes", faces, made.kept_photos, made.bytes)
    return made


def _recorded(catalogue: Catalogue, file: Path) -> str | None:
    """The id under which the catalogue knows the backup; None where it cannot be written to."""
    try:
        return catalogue.backups.begin(file)
    except StoreError:
        if not catalogue.is_read_as_it_lies:
            raise
        return None


def _write(
    catalogue: Catalogue,
    home: Path,
    root: Location,
    file: Path,
    copy: Path,
    passphrase: str | None,
    recorded: str | None,
) -> tuple[Made, int]:
    """Write the file; returns the newest change in it as well."""
    copy_catalogue(catalogue, copy)
    made_at = now()
    with Catalogue.open(copy, check_key=False) as held:
        seq = held.backups.settle(recorded or held.backups.begin(file))
        contents = Contents.of(held, made_at, strip_for_backup(held))
        kept = photos_of_all(held)
    count = 0
    with writing_backup(file, passphrase) as archive:
        archive.add(SUMMARY, contents.write())
        archive.add(CATALOGUE, copy)
        if (home / MODELS).is_file():
            archive.add(MODELS, (home / MODELS).read_bytes())
        for collection_id, sha256 in kept:
            data = kept_photos(root, collection_id).read(sha256)
            if data is not None:  # not kept, or erased since the copy was made
                archive.add(f"{PHOTOS}/{collection_id}/{sha256}", data)
                count += 1
    size = file.stat().st_size
    made = Made(
        path=file,
        contents=contents,
        kept_photos=count,
        bytes=size,
        sha256=archive.sha256,
        encrypted=passphrase is not None,
        noted=recorded is not None,
    )
    return made, seq
