"""A backup's file: what went in comes out, and no byte can be changed unnoticed."""

import random
import re
import shutil
import subprocess
from io import BytesIO

import pytest

from retrieval.errors import DataInvalid, SettingInvalid, StoreError, StoreFull
from retrieval.upkeep.backup.archive import BackupReader, BackupWriter, writing_backup
from retrieval.upkeep.backup.frames import read_header

PASSPHRASE = "correct horse battery"
FRAME = 65_536
MEMBERS = {
    "empty": b"",
    "one": b"1",
    "a frame": random.Random(1).randbytes(FRAME),
    "more": random.Random(2).randbytes(3 * FRAME + 17),
    "photos/1/" + 64 * "a": b"x" * 999,
}


def write(path, passphrase=None):
    with writing_backup(path, passphrase) as archive:
        for name, data in MEMBERS.items():
            archive.add(name, data)
    return path


def read(path, passphrase=None):
    with BackupReader(path, None if passphrase is None else lambda: passphrase) as backup:
        return {name: member.read() for name, member in backup.members()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write(tmp_path_factory.mktemp("plain") / "a.backup")


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    pytest.importorskip("cryptography", reason="needs the extra encryption")
    return write(tmp_path_factory.mktemp("sealed") / "a.backup", PASSPHRASE)


def places(size, header_end):
    """Every part of a file: its start, its header, frames' edges, its end, and at random."""
    edge = FRAME + 36
    frames = [header_end + n * edge + offset for n in range(5) for offset in (-33, -1, 0, 3, 4)]
    chosen = [*range(header_end + 8), *frames, *range(size - 70, size)]
    return sorted({*chosen, *random.Random(3).sample(range(size), 60)})


def flip(data, place):
    changed = bytearray(data)
    changed[place] ^= 1 << place % 8
    return bytes(changed)


def header_size(path):
    with path.open("rb") as file:
        return len(read_header(path, file).bytes)


def test_members_come_back_as_they_were_and_nobody_else_can_read_the_file(plain):
    assert read(plain) == MEMBERS
    assert plain.stat().st_mode & 0o077 == 0
    assert [path.name for path in plain.parent.iterdir()] == ["a.backup"]


def test_members_that_are_not_read_are_verified_all_the_same(plain, tmp_path):
    with BackupReader(plain, None) as backup:
        assert [name for name, _ in backup.members()] == list(MEMBERS)
        assert [name for name, _ in backup.members()] == list(MEMBERS), "a second time"


def test_a_flipped_bit_anywhere_is_refused_with_its_place(plain, tmp_path):
    data, damaged = plain.read_bytes(), tmp_path / "damaged"
    for place in places(len(data), header_size(plain)):
        damaged.write_bytes(flip(data, place))
        with pytest.raises(DataInvalid) as refused:
            read(damaged)
        message = str(refused.value)
        if found := re.search(r"bytes (\d+) to (\d+)", message):
            first, last = int(found[1]), int(found[2])
            assert first <= place <= last < first + FRAME + 60, message
        else:  # a length that leads beyond the end
            assert int(re.search(r"from (\d+) on", message)[1]) <= place < len(data), message


def test_the_message_names_the_member_that_is_damaged(plain, tmp_path):
    data = plain.read_bytes()
    (tmp_path / "damaged").write_bytes(flip(data, len(data) - 2 * FRAME))
    with pytest.raises(DataInvalid, match="in more are"):
        read(tmp_path / "damaged")


def test_a_file_that_was_cut_or_grew_is_refused(plain, tmp_path):
    data, damaged = plain.read_bytes(), tmp_path / "damaged"
    frames_end = len(data) - 32
    for size in (0, 1, 30, 60, 5_000, frames_end - FRAME, frames_end, len(data) - 1):
        damaged.write_bytes(data[:size])
        with pytest.raises(DataInvalid, match="damaged"):
            read(damaged)
    damaged.write_bytes(data + b"!")
    with pytest.raises(DataInvalid, match=f"bytes {len(data)} to {len(data)} behind the end"):
        read(damaged)


def test_frames_in_another_order_are_refused(plain, tmp_path):
    data, start, size = plain.read_bytes(), header_size(plain), FRAME + 36
    first, second = data[start : start + size], data[start + size : start + 2 * size]
    (tmp_path / "damaged").write_bytes(data[:start] + second + first + data[start + 2 * size :])
    with pytest.raises(DataInvalid, match=f"bytes {start} to"):
        read(tmp_path / "damaged")


def test_another_file_is_no_backup(tmp_path):
    (tmp_path / "diary").write_text("Dear diary")
    with pytest.raises(DataInvalid, match="no backup of Rollcall's"):
        read(tmp_path / "diary")
    with pytest.raises(DataInvalid, match="cannot be read"):
        read(tmp_path / "nothing")
    with pytest.raises(DataInvalid, match="cannot be read"):
        read(tmp_path)


def test_an_encrypted_backup_opens_with_its_passphrase_and_shows_nothing(encrypted):
    assert read(encrypted, PASSPHRASE) == MEMBERS
    data = encrypted.read_bytes()
    assert not any(name.encode() in data for name in MEMBERS if len(name) > 3)
    assert MEMBERS["more"][1_000:1_016] not in data


@pytest.mark.parametrize("wrong", ["correct horse batterz", "", None])
def test_a_wrong_passphrase_is_told_from_damage(encrypted, wrong):
    with pytest.raises(SettingInvalid, match="ROLLCALL_BACKUP_PASSPHRASE"):
        read(encrypted, wrong)


def test_a_flipped_bit_in_an_encrypted_backup_is_refused_with_its_place(encrypted, tmp_path):
    data, damaged = encrypted.read_bytes(), tmp_path / "damaged"
    for place in (20, header_size(encrypted) + 1, 100_000, len(data) - 1):
        damaged.write_bytes(flip(data, place))
        with pytest.raises(DataInvalid) as refused:
            read(damaged, PASSPHRASE)
        first, last = map(int, re.search(r"bytes (\d+) to (\d+)", str(refused.value)).groups())
        assert first <= place <= last


def test_the_same_passphrase_never_gives_the_same_key(encrypted, tmp_path):
    again = write(tmp_path / "again", PASSPHRASE).read_bytes()
    start = header_size(encrypted)
    assert again[start : start + 2_000] != encrypted.read_bytes()[start : start + 2_000]


def test_a_full_disk_leaves_nothing_under_the_name_and_an_older_backup_in_place(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        with pytest.raises(StoreFull, match="No space"), writing_backup(disk / "a", None) as new:
            new.add("large", bytes(2_000_000))
        assert list(disk.iterdir()) == []
        write(disk / "a")
        with pytest.raises(StoreFull), writing_backup(disk / "a", None) as new:
            new.add("large", bytes(2_000_000))
        assert read(disk / "a") == MEMBERS
        assert [path.name for path in disk.iterdir()] == ["a"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_is_interrupted_leaves_nothing(tmp_path):
    def interrupted():
        with writing_backup(tmp_path / "a", None) as archive:
            archive.add("one", b"1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        write(tmp_path / "nowhere" / "a")


def test_a_member_that_the_list_of_digests_lacks_is_refused(tmp_path):
    """Whoever makes an archive by hand makes all digests of frames right, and forgets this one."""
    file = BytesIO()
    writer = BackupWriter(file, None)
    writer.add("one", b"1")
    writer._sums.clear()
    writer.finish()
    (tmp_path / "a").write_bytes(file.getvalue())
    with pytest.raises(DataInvalid, match="one is not what was written"):
        read(tmp_path / "a")
