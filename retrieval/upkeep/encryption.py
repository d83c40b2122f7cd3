"""Encrypting what a home and its catalogue hold, decrypting it, changing its keys.

First new writes, then the rows, then the files of this home, then what SQLite keeps of old rows;
only then is the change final. Each step can be repeated, so after a crash the same call goes on.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.encrypted import recoding
from retrieval.errors import StoreError, StoreFull
from retrieval.files.keys import UserKey
from retrieval.index import snapshot
from retrieval.photos.shelves import shelves_below
from retrieval.photos.store import PhotoStore
from retrieval.values import Location

logger = logging.getLogger(__name__)

_WAL_S = 20.0  # for readers of the catalogue to end
Progress = Callable[[int], None]  # is told how many more rows or files are done


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What was written anew.

    Attributes:
        key: id of the user's key that opens it now; None where it lies in the clear.
        data_key: id of the data key that vectors are written by; None where they are in the clear.
        vectors: rows.
        photos: kept copies.
        snapshots: of indexes.
        unreadable: kept copies, damaged or encrypted by a key that is not there: as before.
        emptied: whether nothing old is left in SQLite's write-ahead log.
    """

    key: str | None
    data_key: str | None
    vectors: int
    photos: int
    snapshots: int
    unreadable: int
    emptied: bool


@dataclass(frozen=True, slots=True)
class Clear:
    """What lies in the clear, or by an old key, beside an encrypted catalogue.

    Attributes:
        photos, snapshots: files.
    """

    photos: int
    snapshots: int


def encrypt(
    catalogue: Catalogue,
    home: Path,
    progress: Progress = lambda n: None,
    photos_at: Location | None = None,
) -> Rewritten:
    """Encrypt vectors, kept photos and snapshots; what is already encrypted stays as it is.

    Raises:
        SettingInvalid: there is no key.
        CatalogueEncrypted: encrypted under another key.
        StoreError: a vector is damaged, or a file cannot be written.
    """
    recoding.begin_encrypting(catalogue)
    key = catalogue.user_key()
    return _rewrite(catalogue, home, progress, key, photos_at)


def decrypt(
    catalogue: Catalogue,
    home: Path,
    progress: Progress = lambda n: None,
    photos_at: Location | None = None,
) -> Rewritten:
    """Let vectors, kept photos and snapshots lie in the clear again.

    Raises:
        CatalogueEncrypted: the key is missing or another.
        StoreError: a vector is damaged, or a file cannot be written.
    """
    recoding.begin_decrypting(catalogue)
    return _rewrite(catalogue, home, progress, None, photos_at)


def rotate(
    catalogue: Catalogue,
    home: Path,
    new: UserKey | None,
    progress: Progress = lambda n: None,
    photos_at: Location | None = None,
) -> Rewritten:
    """Make a new data key and write everything by it.

    Args:
        catalogue: encrypted.
        home: its folder.
        new: the user's key that opens it from now on; None for the present one.
        progress: is told how far it is.
        photos_at: where photos are kept; the folder `photos` of the home if None.

    Raises:
        SettingInvalid: not encrypted, or a change to another key is under way.
        CatalogueEncrypted: the present key is missing or another.
        StoreError: a vector is damaged, or a file cannot be written.
    """
    recoding.begin_rotating(catalogue, new)
    key = new or catalogue.user_key()
    return _rewrite(catalogue, home, progress, key, photos_at)


def _rewrite(
    catalogue: Catalogue,
    home: Path,
    progress: Progress,
    key: UserKey | None,
    photos_at: Location | None,
) -> Rewritten:
    vectors = 0
    for count in recoding.recode(catalogue):
        vectors += count
        progress(count)
    photos = unreadable = 0
    for good in _photos(catalogue, photos_at or home / "photos"):
        photos, unreadable = photos + good, unreadable + (not good)
        progress(1)
    snapshots = sum(snapshot.write_anew(folder, catalogue.encryptor) for folder in _indexes(home))
    catalogue.compact()
    emptied = catalogue.empty_wal(_WAL_S)
    recoding.finish(catalogue, key)
    emptied = catalogue.empty_wal(_WAL_S) and emptied
    active = catalogue.encryptor.active()
    logger.info("rewritten: %d vectors, %d photos, %d snapshots", vectors, photos, snapshots)
    return Rewritten(
        key.id if key else None,
        active.id.hex() if active else None,
        vectors,
        photos,
        snapshots,
        unreadable,
        emptied,
    )


def lying_otherwise(catalogue: Catalogue, home: Path, photos_at: Location | None = None) -> Clear:
    """Files of this home that are not written as the active data key says."""
    active = catalogue.encryptor.active()
    wanted = active.id if active else None
    stores = [store for _, store in _stores(catalogue, photos_at or home / "photos")]
    photos = sum(store.key_of(name) != wanted for store in stores for name in store.kept())
    found = [path for folder in _indexes(home) for path in snapshot.newest_first(folder)]
    return Clear(photos, sum(snapshot.key_of(path) != wanted for path in found))


def _photos(catalogue: Catalogue, root: Location) -> Iterator[bool]:
    """Write kept copies anew; whether each could be read."""
    for collection_id, store in _stores(catalogue, root):
        if isinstance(root, Path):  # behind a URL, drafts may be somebody's who writes now
            store.drop_drafts()
        for sha256 in store.kept():
            try:
                if not store.write_anew(sha256):
                    continue
                if not catalogue.wanted(collection_id, [sha256]):
                    store.discard([sha256])  # erased while it was written
                yield True
            except StoreFull:
                raise
            except StoreError as error:
                logger.warning("%s", error)
                yield False


def _stores(catalogue: Catalogue, root: Location) -> Iterator[tuple[int, PhotoStore]]:
    for collection_id, place in shelves_below(root):
        yield collection_id, PhotoStore(place, keeps=False, encryptor=catalogue.encryptor)


def _indexes(home: Path) -> list[Path]:
    """Folders with snapshots: an index has one below its own for each model."""
    return sorted({path.parent for path in (home / "index").rglob("*.snapshot")})
