"""A watched folder: files written slowly by another process, renamed, left half, or killed in."""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from retrieval.errors import DataInvalid
from retrieval.files.watching import Taken, complete
from retrieval.photos.kinds import has_photo_ending

FILES = int(os.environ.get("ROLLCALL_WATCHED_FILES", "40"))  # 1,000 in a soak

# Writes files in pieces, some under another name first, and leaves one half-written when killed.
WRITER = """
import os, sys, time
folder, first, last, half = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
for number in range(first, last):
    name = os.path.join(folder, f"{number % 5}", f"{number}.jpg")
    os.makedirs(os.path.dirname(name), exist_ok=True)
    part = name + ".part" if number % 3 == 0 else name
    with open(part, "wb") as file:
        for piece in range(4):
            file.write(f"{number} {piece};".encode())
            file.flush()
            time.sleep(0.002 if number % 7 else 0.05)
    if part != name:
        os.rename(part, name)
if half == "half":
    with open(os.path.join(folder, "half.jpg"), "wb") as file:
        file.write(b"half")
        file.flush()
        time.sleep(0.3)
        os.kill(os.getpid(), 9)
"""


def write(folder, first, last, half=""):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(first), str(last), half]
    )


def whole(number):
    return "".join(f"{number} {piece};" for piece in range(4)).encode()


def watch(folder, listed, stopped, limit=None, **options):
    """What is given out, as far as the limit; the list is as a process leaves it that is killed."""
    found = []
    with closing(Taken(listed)) as taken:
        for path, mark in complete(
            folder, taken, has_photo_ending, stopped, settled_s=0.5, **options
        ):
            found.append((path, path.read_bytes()))
            if len(found) == limit:
                break  # killed before the last one was written down
            taken.add(path, mark)
    return found


def test_each_file_is_taken_once_and_whole_through_a_kill_on_either_side(tmp_path):
    folder, listed = tmp_path / "in", tmp_path / "home" / "list.jsonl"
    folder.mkdir()
    writer = write(folder, 0, FILES, "half")
    first = watch(folder, listed, threading.Event(), limit=FILES // 2)
    writer.wait(120)
    last = write(folder, FILES, FILES + 10)
    last.wait(60)
    second = watch(folder, listed, threading.Event(), once=True)
    again = {path for path, _ in first[-1:]}  # the one that was in hand when it was killed
    taken = [path for path, _ in first[:-1] + second]
    assert len(taken) == len(set(taken))
    assert again <= set(taken)
    names = {path.name: data for path, data in first + second}
    assert names.pop("half.jpg") == b"half"  # nobody writes it any more: the decoder will say so
    assert names == {f"{n}.jpg": whole(n) for n in range(FILES + 10)}
    assert watch(folder, listed, threading.Event(), once=True) == []


HOLDER = """
import sys, time
with open(sys.argv[1], "wb") as file:
    for piece in (b"half", b"whole"):
        file.write(piece)
        file.flush()
        print(piece, flush=True)
        sys.stdin.readline()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_file_that_is_held_open_is_not_taken_however_long_its_writer_pauses(tmp_path, killed):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "first.jpg").write_bytes(b"first")
    with closing(Taken(tmp_path / "list.jsonl")) as taken:
        given = complete(folder, taken, has_photo_ending, threading.Event(), settled_s=0.5)

        def following():
            path, mark = next(given)
            taken.add(path, mark)
            return path.name, path.read_bytes()

        assert following() == ("first.jpg", b"first")  # it is watched from here on
        command = [sys.executable, "-c", HOLDER, str(folder / "slow.jpg")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            (folder / "younger.jpg").write_bytes(b"younger")
            assert following() == ("younger.jpg", b"younger")
            if killed:
                writer.kill()
            else:
                writer.communicate(b"\n\n")
        assert following() == ("slow.jpg", b"half" if killed else b"halfwhole")
        given.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who writes")
def test_a_file_that_was_begun_before_it_is_watched_is_not_taken_until_it_is_closed(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    command = [sys.executable, "-c", HOLDER, str(folder / "slow.jpg")]
    with (
        closing(Taken(tmp_path / "list.jsonl")) as taken,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer,
    ):
        writer.stdout.readline()
        (folder / "younger.jpg").write_bytes(b"younger")
        given = complete(folder, taken, has_photo_ending, threading.Event(), settled_s=0.2)
        path, mark = next(given)
        assert path.name == "younger.jpg"
        taken.add(path, mark)
        writer.communicate(b"\n\n")
        assert next(given)[0].read_bytes() == b"halfwhole"
        given.close()


def test_a_file_that_is_written_anew_is_taken_again(tmp_path):
    folder, listed = tmp_path / "in", tmp_path / "list.jsonl"
    folder.mkdir()
    (folder / "1.jpg").write_bytes(b"one")
    assert len(watch(folder, listed, threading.Event(), once=True)) == 1
    (folder / "1.jpg").write_bytes(b"another")
    (found,) = watch(folder, listed, threading.Event(), once=True)
    assert found[1] == b"another"


def test_links_hidden_and_other_files_are_left_alone(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / ".trash" / "old").mkdir(parents=True)
    for name in (".hidden.jpg", "a.jpg.part", "notes.txt", "~a.jpg", ".trash/old/a.jpg"):
        (folder / name).write_bytes(b"x")
    assert watch(folder, tmp_path / "list.jsonl", threading.Event(), once=True) == []


def test_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(DataInvalid, match="no folder"):
        watch(Path(tmp_path / "gone"), tmp_path / "list.jsonl", threading.Event())


@pytest.mark.parametrize("leaves", ["renamed", "deleted"])
def test_a_folder_that_goes_away_is_waited_for_and_watched_when_it_is_back(tmp_path, leaves):
    folder, told = tmp_path / "in", []
    folder.mkdir()
    (folder / "first.jpg").write_bytes(b"first")

    def tell(line):
        told.append(line)
        if "waiting for it" in line:  # whoever took it away brings one back
            (folder / "new").mkdir(parents=True)
            (folder / "new" / "second.jpg").write_bytes(b"second")

    with closing(Taken(tmp_path / "list.jsonl")) as taken:
        stopped = threading.Event()
        given = complete(folder, taken, has_photo_ending, stopped, settled_s=0.2, tell=tell)
        path, mark = next(given)
        taken.add(path, mark)
        folder.rename(tmp_path / "old") if leaves == "renamed" else shutil.rmtree(folder)
        path, mark = next(given)
        assert path.read_bytes() == b"second"
        assert [line.removeprefix(str(folder)).split(" (")[0] for line in told] == [
            " is away",
            " is there again",
        ]
        taken.add(path, mark)
        # Another one in its place, without a moment in between: its changes are told as well.
        folder.rename(tmp_path / "older")
        folder.mkdir()
        (folder / "third.jpg").write_bytes(b"third")
        assert next(given)[0].name == "third.jpg"
        given.close()


def test_a_folder_that_goes_away_ends_what_was_to_be_done_once(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("first.jpg", "second.jpg"):
        (folder / name).write_bytes(b"photo")
    with closing(Taken(tmp_path / "list.jsonl")) as taken:
        given = complete(
            folder, taken, has_photo_ending, threading.Event(), settled_s=0.2, once=True
        )
        next(given)
        shutil.rmtree(folder)
        with pytest.raises(DataInvalid, match="no folder"):
            list(given)


@pytest.mark.parametrize(
    "name", ["caf\udce9.jpg", "line\u2028.jpg", "next\x85.jpg", "new\nline.jpg"]
)
def test_a_file_of_any_name_is_taken_once(tmp_path, name):
    listed = tmp_path / "taken.jsonl"
    with closing(Taken(listed)) as taken:
        taken.add(tmp_path / name, (1, 2))
    with closing(Taken(listed)) as taken:
        assert taken.has(tmp_path / name, (1, 2))


def test_a_line_that_ends_within_a_letter_is_passed_over(tmp_path):
    listed = tmp_path / "taken.jsonl"
    listed.write_bytes(b'["/a.jpg", 1, 2]\n["/Zo' + "ë".encode()[:1])
    with closing(Taken(listed)) as taken:
        assert taken.has(Path("/a.jpg"), (1, 2))
