"""Uploaded archives: photos come out, everything else is refused or passed over."""

import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest

from retrieval.api import archives
from retrieval.api.archives import unpack
from retrieval.errors import DataInvalid
from retrieval.photos.folders import PassedOver, Problem, everything_below

LIMITS: dict[str, Any] = {"max_bytes": 100_000, "max_photo_bytes": 50_000}


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


def test_what_is_passed_over_is_counted_and_nobody_is_lost(tmp_path: Path) -> None:
    files = {
        "Rosa/1.jpg": b"1",
        "Rosa/2.CR2": b"2",
        "Bob/cv.pdf": b"3",
        "Cid/": b"",
        "Dan/IMG_0001": b"\xff\xd8\xff",
    }
    passed = PassedOver()
    unpack(zipped(**files), tmp_path / "zip", **LIMITS, passed=passed)
    assert passed.files == {"RAW (.cr2)": 1, ".pdf": 1}
    found = [(f.person, f.problem) for f in everything_below(tmp_path / "zip")]
    empty = Problem.EMPTY
    assert found == [("Bob", empty), ("Cid", empty), ("Dan", None), ("Rosa", None)]


def test_an_archive_without_a_photo_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"no photos \(1 x \.pdf\)"):
        unpack(zipped(**{"Bob/cv.pdf": b"3"}), tmp_path / "zip", **LIMITS)


def written(info: tarfile.TarInfo, content: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    """A tar of one member, whose header says what it is told to say, compressed."""
    padding = bytes(-len(content) % 512)
    return compress(info.tobuf(tarfile.GNU_FORMAT) + content + padding + bytes(1024))


def long_name() -> io.BytesIO:
    """A header that announces a name of 3 GB, which is there as far as 30 MB."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 3_000_000_000
    return io.BytesIO(written(info, b"a" * 30_000_000, lzma.compress))


def large_dictionary() -> io.BytesIO:
    """LZMA whose header asks for 1.5 GB to unpack a few bytes."""
    info = tarfile.TarInfo("Rosa/1.jpg")
    info.size = 7
    small = written(info, b"a photo", lambda data: lzma.compress(data, lzma.FORMAT_ALONE))
    return io.BytesIO(small[:1] + (3 << 29).to_bytes(4, "little") + small[5:])


def by_method(method: int) -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        archive.writestr("Rosa/1.jpg", bytes(40_000))
    return data


def sparse() -> io.BytesIO:
    info = tarfile.TarInfo("Rosa/1.jpg")
    info.type = tarfile.GNUTYPE_SPARSE
    return io.BytesIO(written(info, b"", bytes))


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
        (lambda: by_method(zipfile.ZIP_LZMA), "a method that is not taken"),
        (lambda: by_method(zipfile.ZIP_BZIP2), "a method that is not taken"),
        (long_name, "header of 3,000,000,000 bytes"),
        (large_dictionary, "too much memory"),
        (sparse, "file with holes"),
        (
            lambda: tarred(*((tarfile.TarInfo(f"R/{n}.txt"), b"\0" * 30_000) for n in range(4))),
            "more than is allowed",  # to read past them costs as much
        ),
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


def test_names_with_backslashes_are_paths_as_programs_for_windows_write_them(
    tmp_path: Path,
) -> None:
    assert unpack(zipped(**{"Rosa\\spring\\1.jpg": b"1"}), tmp_path / "zip", **LIMITS) == 1
    assert (tmp_path / "zip" / "Rosa" / "spring" / "1.jpg").read_bytes() == b"1"


def test_more_entries_than_are_allowed_are_refused_folders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_ENTRIES", 2)
    folder = tarfile.TarInfo("Rosa")
    folder.type = tarfile.DIRTYPE
    for many in (zipped(**{f"R/{n}.jpg": b"x" for n in range(3)}), tarred(*[(folder, b"")] * 3)):
        with pytest.raises(DataInvalid, match="more than 2 entries"):
            unpack(many, tmp_path / "one", **LIMITS)


def test_what_takes_too_long_is_ended_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"more than 0\.001 s"):
        unpack(zipped(**{"Rosa/1.jpg": b"1"}), tmp_path / "one", **LIMITS, timeout_s=0.001)
    assert not (tmp_path / "one").exists()


def test_an_archive_may_lie_in_memory_or_in_a_file_and_at_its_end(tmp_path: Path) -> None:
    content = zipped(**{"Rosa/1.jpg": b"1"}).getvalue()
    for name, most in (("memory", 1_000_000), ("disk", 1)):
        with SpooledTemporaryFile(max_size=most) as upload:
            upload.write(content)
            assert unpack(upload, tmp_path / name, **LIMITS) == 1
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
