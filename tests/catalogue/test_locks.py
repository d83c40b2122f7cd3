"""SQLite's locks belong to the process: nothing else there may drop them."""

import subprocess
import sys
from pathlib import Path

from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.made import make_collection

_ADD_A_COLLECTION = """
import sys
from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.made import make_collection
with Catalogue.open(sys.argv[1]) as catalogue:
    make_collection(catalogue, sys.argv[2])
"""


def test_a_catalogue_opened_twice_in_a_process_sees_what_others_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalogue.db'}"
    with Catalogue.open(url) as first:
        make_collection(first)
        with Catalogue.open(url):
            # The first would remove the WAL, the second then writes into a new one.
            for count, name in ((2, "another"), (3, "and another")):
                command = [sys.executable, "-c", _ADD_A_COLLECTION, url, name]
                subprocess.run(command, check=True, timeout=180)
                assert len(first.collections()) == count
