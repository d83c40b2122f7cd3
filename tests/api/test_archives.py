"""Uploaded archives: photos come out, everything else is refused or passed over."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.api.archives import unpack
from retrieval.errors import DataInvalid

LIMITS = {"max_bytes": 100_000, "max_photo_bytes": 50_000}


def zipped(**files: bytes) -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data


def tarred(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> io.BytesIO:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data


def link(name: str, kind: bytes, to: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def test_photos_of_a_zip_and_of_a_tar_come_out_and_other_files_do_not(tmp_path: Path) -> None:
    files = {
        "Rosa/1.jpg": b"1",
        "Rosa/notes.txt": b"2",
        "__MACOSX/Rosa/1.jpg": b"3",
        ".x/1.jpg": b"4",
    }
    assert unpack(zipped(**files), tmp_path / "zip", **LIMITS) == 1
    members = [(tarfile.TarInfo(name), content) for name, content in files.items()]
    assert unpack(tarred(*members), tmp_path / "tar", **LIMITS) == 1
    for folder in ("zip", "tar"):
        found = [path for path in (tmp_path / folder).rglob("*") if path.is_file()]
        assert [path.read_bytes() for path in found] == [b"1"]


def symlink_in_zip() -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        info = zipfile.ZipInfo("Rosa/1.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return data


def overlapping_sizes() -> io.BytesIO:
    """A zip whose header says 1 byte, and whose content is more than is allowed."""
    data = zipped(**{"Rosa/1.jpg": b"\0" * 60_000})
    changed = data.getvalue().replace((60_000).to_bytes(4, "little"), (1).to_bytes(4, "little"))
    return io.BytesIO(changed)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: zipped(**{"../1.jpg": b"x"}), "out of its folder"),
        (lambda: zipped(**{"Rosa/../../1.jpg": b"x"}), "out of its folder"),
        (lambda: zipped(**{"/etc/1.jpg": b"x"}), "out of its folder"),
        (lambda: zipped(**{"..\\1.jpg": b"x"}), "out of its folder"),
        (lambda: zipped(**{"C:/1.jpg": b"x"}), "out of its folder"),
        (symlink_in_zip, "link"),
        (lambda: tarred((link("Rosa/1.jpg", tarfile.SYMTYPE, "/etc/passwd"), b"")), "link"),
        (lambda: tarred((link("Rosa/1.jpg", tarfile.LNKTYPE, "../x"), b"")), "link"),
        (lambda: tarred((link("Rosa/1.jpg", tarfile.FIFOTYPE, ""), b"")), "link"),
        (lambda: tarred((tarfile.TarInfo("../1.jpg"), b"x")), "out of its folder"),
        (lambda: zipped(**{"Rosa/1.jpg": b"\0" * 60_000}), "more than is allowed"),  # one photo
        (
            lambda: zipped(**{f"R/{n}.jpg": b"\0" * 40_000 for n in range(3)}),
            "more than is allowed",
        ),
        (overlapping_sizes, "cannot be read|more than is allowed"),
        (lambda: zipped(**{"a/" * 12 + "1.jpg": b"x"}), "too deep"),
        (lambda: zipped(**{"Rosa/notes.txt": b"x"}), "no photos"),
        (lambda: io.BytesIO(b"neither zip nor tar"), "cannot be read"),
        (lambda: io.BytesIO(zipped(**{"R/1.jpg": b"x" * 999}).getvalue()[:80]), "cannot be read"),
    ],
)
def test_what_is_refused_leaves_nothing(
    make: Callable[[], io.BytesIO], says: str, tmp_path: Path
) -> None:
    folder = tmp_path / "uploads" / "one"
    with pytest.raises(DataInvalid, match=says):
        unpack(make(), folder, **LIMITS)
    assert not folder.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
