"""Eight writers and four readers at once, as processes: nobody meets a lock, indexes end right.

ROLLCALL_CONTENTION_S sets for how long, a minute and more for a soak test; what was done is
printed (pytest -s).
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.made import make_collection

ROOT = Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("ROLLCALL_CONTENTION_S", "4"))
WRITERS, READERS = 8, 4


def start(what, url, folder, seed):
    command = [sys.executable, "-m", "tests.catalogue.contending", what, url, str(folder)]
    return subprocess.Popen(
        [*command, str(seed)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(processes):
    """Have them stop; what each did."""
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    found = [process.communicate(timeout=300) for process in processes]
    for process, (_, errors) in zip(processes, found, strict=True):
        assert process.returncode == 0, errors
    return [json.loads(output) for output, _ in found]


def test_eight_writers_and_four_readers_end_with_indexes_that_equal_the_catalogue(url, tmp_path):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        writers = [start("write", url, tmp_path, number + 1) for number in range(WRITERS)]
        # Two share snapshots, as the service and a command on one machine do; two have their own.
        folders = [tmp_path / name for name in ("shared", "shared", "own 1", "own 2")]
        readers = [start("read", url, folders[n], 100 + n) for n in range(READERS)]
        for process in (*writers, *readers):
            assert process.stdout.readline(), process.stderr.read()
        time.sleep(SECONDS)
        written, read = end(writers), end(readers)
        done = sum(map(Counter, written), Counter())
        head = catalogue.feed(gallery).head()
        faces = catalogue.counts(gallery).faces
        catalogue.check()
    print(f"\n{sum(done.values())} edits in {SECONDS:.0f} s: {dict(done)}; {faces} faces; {read}")  # noqa: T201
    kinds = {"enrol", "enrol_others", "rename", "merge", "split", "move", "undo", "remove"}
    assert kinds | {"delete"} <= done.keys(), "some kind of edit never came about"
    assert all(each["searches"] > 0 and each["problem"] is None for each in read)
    assert all(each["sound"] and each["seq"] == head.seq for each in read)
    assert all(each["faces"] == faces for each in read)
