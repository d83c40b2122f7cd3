"""`rollcall watch`, killed again and again, over files that other processes write badly."""

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.processes import rollcall

FILES = int(os.environ.get("ROLLCALL_WATCHED_FILES", "40"))  # 1,000 in a soak, killed ten times
KILLS = 10 if FILES >= 1000 else 3
# By turns: how files come. `held` is open, half-written, for longer than it takes to settle.
WAYS = ("slowly", "part", "moved", "held", "continued", "deleted", "renamed", "slowly")

WRITER = """
import json, os, random, sys, time
folder, listed, aside, turn = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
held = []

def write(path, data, mode="wb", pause_s=0.01):
    with open(path, mode) as file:
        for piece in range(4):
            file.write(data[piece * len(data) // 4 : (piece + 1) * len(data) // 4])
            file.flush()
            time.sleep(pause_s)

for number, (photo, name, way) in list(enumerate(json.load(open(listed))))[turn::3]:
    path, data = os.path.join(folder, name), open(photo, "rb").read()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    other = os.path.join(aside if way == "moved" else os.path.dirname(path), f"{number}.jpg")
    other = path + ".part" if way == "part" else other
    half = len(data) // 2
    if way == "held":
        file = open(path, "wb")
        file.write(data[:half])
        file.flush()
        held.append((time.monotonic() + random.uniform(2, 8), file, data[half:]))
    elif way == "continued":
        write(path, data[:half])
        write(path, data[half:], "ab")
    else:
        write(other if way in ("part", "moved", "renamed") else path, data, pause_s=0.05)
        if way in ("part", "moved", "renamed"):
            os.rename(other, path)
        elif way == "deleted":
            os.remove(path)
    while held and held[0][0] < time.monotonic():
        _, file, rest = held.pop(0)
        file.write(rest)
        file.close()
for until, file, rest in sorted(held, key=lambda each: each[0]):
    time.sleep(max(until - time.monotonic(), 0))
    file.write(rest)
    file.close()
"""


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lines(logs):
    return sum(log.read_bytes().count(b".jpg: ") for log in logs)


@pytest.mark.parametrize("goes", ["event", "enroll"])
def test_each_file_is_taken_once_and_whole_however_it_comes_and_often_it_is_killed(
    home, lfw_dir, tmp_path, goes
):
    folder, aside, listed = tmp_path / "in", tmp_path / "aside", tmp_path / "files.json"
    folder.mkdir()
    aside.mkdir()
    by_bytes = {digest(photo): photo for photo in sorted(lfw_dir.glob("*/*.jpg"))[: 2 * FILES]}
    photos = random.Random(1).sample(sorted(by_bytes.values()), FILES)
    plan = [
        (str(photo), f"{photo.parent.name}/{number}.jpg", WAYS[number % len(WAYS)])
        for number, photo in enumerate(photos)
    ]
    listed.write_text(json.dumps(plan))
    words = ["watch", str(folder), "--home", str(home), "--settled", "1"]
    words += ["--enroll"] if goes == "enroll" else ["--event", "Open day"]
    if goes == "event":
        command = [sys.executable, "-m", "cli", "events", "create", "Open day", "--home", str(home)]
        subprocess.run(command, check=True)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(listed), str(aside), str(turn)]
        )
        for turn in range(3)
    ]
    logs = []
    for kill in range(KILLS):  # at moments that files, not clocks, tell
        logs.append(tmp_path / f"{kill}.log")
        until = (kill + 1) * FILES // (2 * KILLS)
        with rollcall(*words, log=logs[-1]) as process:
            deadline = time.monotonic() + 600
            while lines(logs) < until:
                assert process.poll() is None, logs[-1].read_text()
                assert time.monotonic() < deadline, logs[-1].read_text()
                time.sleep(0.01)
            process.kill()
            process.wait()
    assert [writer.wait(600) for writer in writers] == [0, 0, 0]
    logs.append(tmp_path / "last.log")
    with rollcall(*words, "--once", log=logs[-1]) as process:
        assert process.wait(600) in (0, 1), logs[-1].read_text()  # 1: of a photo of several people
    truth = [digest(path) for path in folder.rglob("*") if path.is_file()]
    assert len(truth) == len({name for _, name, way in plan if way != "deleted"})
    with sqlite3.connect(home / "catalogue.db") as catalogue:
        if goes == "event":
            query = "SELECT sha256, code, (SELECT count(*) FROM appearances WHERE photo_id = p.id)"
            rows = catalogue.execute(f"{query} FROM event_photos p").fetchall()
        else:
            query = "SELECT photo_sha256, NULL, (SELECT count(*) FROM faces WHERE photo_id = p.id)"
            rows = catalogue.execute(f"{query} FROM photos p").fetchall()
    refused = {told for log in logs for told in log.read_text().splitlines() if "rejected" in told}
    assert not [told for told in refused if "damaged" in told], "half a file was taken"
    if goes == "event":
        assert refused == set()
        assert Counter(sha256 for sha256, _, _ in rows) == Counter(truth)
        assert all(code is None for _, code, _ in rows)
    else:  # of somebody's photo that shows nobody, or two, nothing is enrolled, which is said
        assert len(rows) + len(refused) == len(truth)
        assert {(sha256 in truth, faces) for sha256, _, faces in rows} == {(True, 1)}
