"""Checking a backup, and making it the truth again while the service runs."""

import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.restoring import (
    LostPerson,
    Replaced,
    lost_people,
    replace_catalogue,
)
from retrieval.catalogue.erasing.erasure_log import Erasure, read_receipt
from retrieval.errors import CatalogueEncrypted, DataInvalid, StoreError, StoreFull
from retrieval.files.encrypted import Encryptor, is_encrypted
from retrieval.files.keys import UserKeySource
from retrieval.files.private import open_bytes
from retrieval.index import snapshot
from retrieval.photos.shelves import shelves_below
from retrieval.photos.store import opened
from retrieval.upkeep.backup.archive import BackupReader
from retrieval.upkeep.backup.contents import (
    CATALOGUE,
    MODELS,
    PHOTOS,
    SUMMARY,
    Contents,
    kept_photos,
)
from retrieval.upkeep.backup.frames import Passphrase
from retrieval.upkeep.backup.workspace import workspace
from retrieval.values import Location

logger = logging.getLogger(__name__)

_PHOTO = re.compile(rf"{PHOTOS}/(\d+)/([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup of which every byte was verified.

    Attributes:
        contents: what it holds.
        kept_photos: copies of photos in it.
        encrypted: whether a passphrase was needed.
    """

    contents: Contents
    kept_photos: int
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        backup: what was restored from.
        replaced: what became of the catalogue.
        kept_photos: copies of photos that were put back.
    """

    backup: Checked
    replaced: Replaced
    kept_photos: int


def check_backup(home: Path, file: Path, passphrase: Passphrase | None = None) -> Checked:
    """Verify every byte of a backup, and that its catalogue opens and is sound.

    Args:
        home: where the catalogue is unpacked for that, for a moment.
        file: the backup.
        passphrase: is called if the file is encrypted.

    Raises:
        DataInvalid: it is damaged, and where; or it is no backup.
        SettingInvalid: the passphrase is wrong, or there is none.
        CatalogueIncompatible: a newer Rollcall made it.
    """
    with (
        BackupReader(file, passphrase) as backup,
        workspace(home, file, _size(file)) as folder,
    ):
        checked = _verify(backup, folder / CATALOGUE)
        with Catalogue.open(folder / CATALOGUE, check_key=False) as held:
            held.check()
        return checked


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """A backup of which every byte was verified, and that the key opens it.

    Attributes:
        checked: what was found.
        encrypted_at_rest: whether vectors and kept photos in it are.
        receipts: of deletions that are to be applied to it.
    """

    checked: Checked
    encrypted_at_rest: bool
    receipts: tuple[Erasure, ...]
    _home: Path
    _reader: BackupReader
    _held: Catalogue


@contextmanager
def verified_backup(
    home: Path,
    file: Path,
    passphrase: Passphrase | None = None,
    user_key: UserKeySource | None = None,
    receipts: Sequence[Path] = (),
) -> Iterator[Verified]:
    """Verify a backup before anything is made or changed for it.

    Args:
        home: where the catalogue is unpacked, for as long as the backup is used.
        file: the backup.
        passphrase: is called if the file is encrypted.
        user_key: of vectors and photos in the backup, where they are encrypted.
        receipts: of deletions, as `rollcall people delete --receipt` writes them.

    Raises:
        DataInvalid: backup or receipt is damaged, and where; or it is none.
        SettingInvalid: the passphrase is wrong, or there is none.
        CatalogueEncrypted: its vectors are encrypted under another key.
        CatalogueIncompatible: a newer Rollcall made it.
    """
    told = tuple(map(read_receipt, receipts))
    with (
        BackupReader(file, passphrase) as backup,
        workspace(home, file, _size(file)) as folder,
    ):
        checked = _verify(backup, folder / CATALOGUE)
        with Catalogue.open(folder / CATALOGUE, user_key, check_key=False) as held:
            held.check()
            encrypted = _opened_by_key(held, file)
            yield Verified(checked, encrypted, told, home, backup, held)


def restore(
    backup: Verified,
    catalogue: Catalogue,
    *,
    photos_at: Location | None = None,
    keys_of_backup: bool = False,
    proceed: Callable[[Sequence[LostPerson]], bool] | None = None,
) -> Restored | None:
    """Make a backup the truth again; services that run go on with it.

    The catalogue changes in one transaction; kept photos follow. Erasures that came after the
    backup are applied: those that the catalogue knows of, and those of receipts. Indexes begin anew
    from the catalogue.

    Args:
        backup: verified, with the home that is restored.
        catalogue: to be replaced: the backup's at a later time, or an empty one. Vectors and photos
            become encrypted, or not, as it is, by its own keys.
        photos_at: where photos are kept; the folder `photos` of the home if None.
        keys_of_backup: take the backup's keys of the HTTP service in place of the catalogue's; a
            catalogue that never had any takes them anyway.
        proceed: asked, when nothing is changed yet, with the people who are enrolled now and not in
            the backup.

    Returns:
        What was done; None where `proceed` said no.

    Raises:
        InputError: somebody came while `proceed` was asked and would be gone too.
        AlreadyExists: the home is another catalogue's.
        StoreFull: no space is left.
    """
    home, held, checked = backup._home, backup._held, backup.checked
    root = photos_at or home / PHOTOS
    lost = None if proceed is None else lost_people(held, catalogue)
    if proceed is not None and lost is not None and not proceed(lost):
        return None
    before = list(_lying(root))
    done = replace_catalogue(
        held,
        catalogue,
        checked.contents.made_at,
        backup.receipts,
        keys_of_backup=keys_of_backup,
        agreed=lost,
    )
    keys = held.encryptor, catalogue.encryptor
    put = _put_back(backup._reader, home, root, done.photos, *keys)
    _discard_others(catalogue, root, before)
    _retire_indexes(home)
    catalogue.empty_wal()
    logger.info("restore: %d faces, %d photos", checked.contents.faces, put)
    return Restored(checked, done, put)


def _opened_by_key(held: Catalogue, file: Path) -> bool:
    """Whether a backup's vectors are encrypted; the user's key then opens them."""
    try:
        return held.check_key()
    except CatalogueEncrypted as error:
        raise CatalogueEncrypted(
            f"{file} holds encrypted vectors. {error} With --key-file FILE the backup is read by"
            " that key, and what it is restored into keeps its own. Nothing was changed."
        ) from error


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _verify(backup: BackupReader, catalogue: Path) -> Checked:
    """Read a whole backup, and unpack its catalogue."""
    contents, count, unpacked = None, 0, False
    for name, member in backup.members():
        if name == SUMMARY:
            contents = Contents.read(member.read())
        elif name == CATALOGUE:
            _unpack(member, catalogue)
            unpacked = True
        elif found := _PHOTO.fullmatch(name):
            count += 1
            _check_photo(backup.path, found[2], member.read())
        elif name != MODELS:
            raise DataInvalid(f"{backup.path} has a member {name!r} that this Rollcall cannot use.")
    if contents is None or not unpacked:
        raise DataInvalid(f"{backup.path} lacks {SUMMARY} or {CATALOGUE}: it is no whole backup.")
    return Checked(contents, count, backup.encrypted)


def _unpack(member: BinaryIO, path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(member, file, 1 << 20)
    except OSError as error:
        raise StoreFull(
            f"The backup's catalogue cannot be unpacked to {path}: {error.strerror}. "
            "Nothing was changed; free some space."
        ) from error


def _check_photo(path: Path, digest: str, data: bytes) -> None:
    """See that a photo is the one that it is called; an encrypted one says so when it is opened."""
    if not is_encrypted(data) and sha256(data).hexdigest() != digest:
        raise DataInvalid(f"{path}: the photo {digest[:12]} has other bytes than it should.")


def _put_back(
    backup: BackupReader,
    home: Path,
    root: Location,
    wanted: frozenset[tuple[int, str]],
    from_encryptor: Encryptor,
    to_encryptor: Encryptor,
) -> int:
    """Put the manifest and the kept photos of those who are enrolled in their places."""
    count = 0
    for name, member in backup.members():
        found = _PHOTO.fullmatch(name)
        if found and (int(found[1]), found[2]) in wanted:
            try:
                photo = opened(found[2], member.read(), from_encryptor)
            except StoreError as error:  # it was so when the backup was made
                logger.warning("Not put back: %s", error)
                continue
            kept_photos(root, int(found[1]), to_encryptor).keep(found[2], photo)
            count += 1
        elif name == MODELS:
            _put_manifest(home / MODELS, member.read())
    return count


def _put_manifest(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".part")
    try:
        with open_bytes(draft) as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"The catalogue is restored, but {path} cannot be written: {error.strerror}. "
            "Mend that and restore again."
        ) from error


def _lying(root: Location) -> Iterator[tuple[int, str]]:
    """Photos that are kept now, as (collection's id, SHA-256)."""
    for collection_id, _ in shelves_below(root):
        for digest in kept_photos(root, collection_id).kept():
            yield collection_id, digest


def _discard_others(catalogue: Catalogue, root: Location, before: list[tuple[int, str]]) -> None:
    """Delete kept photos that were there before the restore and are nobody's after it."""
    for collection_id in {collection_id for collection_id, _ in before}:
        lay = {digest for owner, digest in before if owner == collection_id}
        kept_photos(root, collection_id).discard(lay - catalogue.wanted(collection_id, lay))


def _retire_indexes(home: Path) -> None:
    """Delete snapshots: they follow another epoch, and hold vectors that may be nobody's now."""
    for folder in (home / "index").glob("*"):
        with snapshot.writing(folder):
            snapshot.retire(folder, keep=None)
