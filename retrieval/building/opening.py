"""Settings -> Service: opens the catalogue, with its key, and what answers over it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import SettingInvalid
from retrieval.settings import Settings

if TYPE_CHECKING:
    from retrieval.catalogue.catalogue import Catalogue
    from retrieval.files.keys import UserKeySource
    from retrieval.service import Service

from retrieval.building.locations import home_of
from retrieval.building.workshop import Remark, Workshop


def build_service(
    settings: Settings, remark: Remark = lambda text: None, *, lasting: bool = False
) -> "Service":
    """Open the service over these settings.

    Args:
        settings: from an entry point.
        remark: is told in a line which models were chosen, and why.
        lasting: this process lives long and answers: its index is kept up in the background.

    Raises:
        StoreError: the catalogue cannot be opened.
    """
    from retrieval.service import Service

    catalogue = open_catalogue(settings)
    workshop = Workshop(settings, catalogue, remark, lasting)
    return Service(catalogue, workshop, settings.collection)


def open_catalogue(
    settings: Settings, *, check_key: bool = True, lost: bool = False
) -> "Catalogue":
    """Open the catalogue: by its URL, or SQLite under the home folder.

    Args:
        settings: from an entry point.
        check_key: refuse a key that is not the right one, missing or needless.
        lost: make a new one also where kept photos show that there was one: to restore a backup.

    Raises:
        StoreError: it cannot be opened.
        CatalogueIncompatible: there is none, or an empty file, beside kept photos.
        SettingInvalid: there is a key, but it is not encrypted.
    """
    from retrieval.catalogue.catalogue import Catalogue

    url = settings.catalogue_url or home_of(settings) / "catalogue.db"
    if isinstance(url, Path) and not lost:
        _check_not_lost(settings, url)
    return Catalogue.open(url, user_key_of(settings), check_key=check_key)


def _check_not_lost(settings: Settings, path: Path) -> None:
    """Refuse to begin anew where kept photos show that there was a catalogue.

    A new one would hold nobody, and the next deletion would take the photos for nobody's.
    """
    from retrieval.errors import CatalogueIncompatible

    if path.is_file() and path.stat().st_size:
        return
    kept = settings.home / "photos"
    if any(each.is_file() for each in kept.glob("*/??/*")):
        found = "has 0 bytes" if path.is_file() else "is not there"
        raise CatalogueIncompatible(
            f"The catalogue {path} {found}, but photos of people are kept in {kept}: it was lost."
            " Put the file back or restore a backup (`rollcall restore FILE`). To begin anew, move"
            f" {kept} away first."
        )


def user_key_of(settings: Settings) -> "UserKeySource | None":
    """What gives the user's key of vectors at rest; None where the settings have none.

    Raises:
        SettingInvalid: they have two, or that is no key.
    """
    from retrieval.files.keys import read_key_file, read_user_key

    secret, file = settings.data_key, settings.data_key_file
    if secret is None and file is None:
        return None
    if secret is not None and file is not None:
        raise SettingInvalid("Set ROLLCALL_DATA_KEY or ROLLCALL_DATA_KEY_FILE, not both.")
    if file is not None:
        read_key_file(file)
        return partial(read_key_file, file)
    key = read_user_key(secret.get_secret_value() if secret else "", "ROLLCALL_DATA_KEY")
    return lambda: key
