"""A backup that is verified and restored into a catalogue at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retrieval.catalogue.catalogue import Catalogue
from retrieval.files.keys import UserKeySource
from retrieval.upkeep.backup import restoring
from retrieval.upkeep.backup.frames import Passphrase


def restore(
    catalogue: Catalogue,
    home: Path,
    file: Path,
    *,
    passphrase: Passphrase | None = None,
    user_key: UserKeySource | None = None,
    receipts: Sequence[Path] = (),
    **how: Any,
) -> restoring.Restored | None:
    """See `restoring.verified_backup` and `restoring.restore`."""
    with restoring.verified_backup(home, file, passphrase, user_key, receipts) as backup:
        return restoring.restore(backup, catalogue, **how)
