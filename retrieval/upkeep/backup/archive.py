"""The archive of a backup: named members, the digest of each, in the frames of one file.

It is a tar archive cut into frames (see `frames`); its last member, `SHA256SUMS`, has the digest of
every other one.
"""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from retrieval.errors import DataInvalid
from retrieval.files.output import replacing
from retrieval.upkeep.backup.frames import (
    FrameReader,
    FrameWriter,
    Passphrase,
    decrypt,
    read_header,
)

_SUMS = "SHA256SUMS"


class BackupWriter:
    """Writes members, one after the other; made by `writing_backup`.

    Attributes:
        sha256: of the whole, once it is finished; the file's last 32 bytes.
    """

    sha256 = ""

    def __init__(self, file: BinaryIO, passphrase: str | None) -> None:
        self._frames = FrameWriter(file, passphrase)
        # tarfile needs nothing of a file but `write` in this mode; `finish` closes it.
        self._tar = tarfile.open(fileobj=cast(BinaryIO, self._frames), mode="w|")  # noqa: SIM115
        self._sums: list[str] = []

    def add(self, name: str, content: Path | bytes) -> None:
        """Add a member.

        Args:
            name: in the archive.
            content: its bytes, or the path of a file that nobody writes to.
        """
        with BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
            member = tarfile.TarInfo(name)
            member.mode = 0o600
            member.size = source.seek(0, os.SEEK_END)
            source.seek(0)
            hashed = _Hashed(source)
            self._tar.addfile(member, cast(BinaryIO, hashed))
        self._sums.append(f"{hashed.digest()}  {name}\n")

    def finish(self) -> None:
        """Write the digests, and what ends the archive."""
        sums = "".join(self._sums).encode()
        member = tarfile.TarInfo(_SUMS)
        member.size = len(sums)
        self._tar.addfile(member, BytesIO(sums))
        self._tar.close()
        self.sha256 = self._frames.finish()

    def abandon(self) -> None:
        """Write no more: tarfile would still end its archive when it is let go of."""
        self._frames.abandoned = True
        self._tar.close()


@contextmanager
def writing_backup(path: Path, passphrase: str | None) -> Iterator[BackupWriter]:
    """Write a backup beside its place, readable by its owner alone; sync and rename it at the end.

    Args:
        path: of the file; an older one is replaced when the new one is whole.
        passphrase: to encrypt it with, or None.

    Raises:
        StoreFull: no space is left; nothing is there under the path's name that was not before.
        StoreError: the folder cannot be written to.
        SettingInvalid: a passphrase, but no cryptography.
    """
    with replacing(path) as part, part.open("wb") as draft:
        writer = BackupWriter(draft, passphrase)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise


class BackupReader:
    """Reads a backup; every byte is verified before it is given out."""

    def __init__(self, path: Path, passphrase: Passphrase | None) -> None:
        """Open a file.

        Args:
            path: of the file.
            passphrase: is called if the file is encrypted.

        Raises:
            DataInvalid: it cannot be read, or is no backup.
            SettingInvalid: the passphrase is wrong, or there is none.
        """
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise _reading_failed(path, error) from error
        try:
            self._header = read_header(path, self._file)
            self._cipher = decrypt(path, self._header, passphrase)
        except BaseException:
            self._file.close()
            raise

    @property
    def encrypted(self) -> bool:
        """Whether a passphrase is needed."""
        return "encryption" in self._header.values

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def members(self) -> Iterator[tuple[str, BinaryIO]]:
        """Each member's name and bytes, in order; what the caller leaves unread is read over.

        At the end the digests of all members and of the whole file have been compared.

        Raises:
            DataInvalid: a byte is not what was written; where.
        """
        frames = FrameReader(self.path, self._file, self._header, self._cipher)
        found: dict[str, str] = {}
        try:
            with tarfile.open(fileobj=cast(BinaryIO, frames), mode="r|") as archive:
                for member in archive:
                    frames.inside = member.name
                    content = archive.extractfile(member)
                    if content is None:
                        raise DataInvalid(f"{self.path}: {member.name} is no file.")
                    if member.name == _SUMS:
                        _compare(self.path, content.read().decode(), found)
                        found.clear()
                        break
                    hashed = _Hashed(cast(BinaryIO, content))
                    yield member.name, cast(BinaryIO, hashed)
                    hashed.read_rest()
                    found[member.name] = hashed.digest()
                    frames.inside = ""
                else:
                    raise DataInvalid(f"{self.path} lacks the list of its members' digests.")
            frames.finish()
        except (tarfile.TarError, UnicodeDecodeError) as error:
            raise DataInvalid(f"{self.path} holds no archive of ours: {error}.") from error
        except OSError as error:
            raise _reading_failed(self.path, error) from error


class _Hashed:
    """A file of which the digest is taken while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sum.update(data)
        return data

    def read_rest(self) -> None:
        while self.read(1 << 20):
            pass

    def digest(self) -> str:
        return self._sum.hexdigest()


def _compare(path: Path, sums: str, found: dict[str, str]) -> None:
    lines = (line.partition("  ") for line in sums.splitlines())
    told = {name: digest for digest, _, name in lines}
    wrong = sorted(name for name in told | found if told.get(name) != found.get(name))
    if wrong:
        raise DataInvalid(
            f"{path} is damaged: {', '.join(wrong[:3])} is not what was written. "
            "Nothing is taken from it; use another copy of the backup."
        )


def _reading_failed(path: Path, error: OSError) -> DataInvalid:
    return DataInvalid(f"The backup {path} cannot be read: {error.strerror or error}.")
