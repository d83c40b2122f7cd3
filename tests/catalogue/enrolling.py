"""A process of its own that enrols, for tests with several processes.

Run as: python -m tests.catalogue.enrolling URL FIRST COUNT BATCH [--user-key NUMBER]. It enrols
photos FIRST to FIRST + COUNT - 1, BATCH at a time, and prints the next photo's number once a batch
was reported.
"""

import argparse
import sys

from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.made import new_face
from tests.catalogue.user_keys import user_key


def main(url: str, first: int, count: int, batch: int, key: int | None) -> None:
    with Catalogue.open(url, None if key is None else user_key(key)) as catalogue:
        gallery = catalogue.collection("default").id
        for start in range(first, first + count, batch):
            numbers = range(start, start + batch)
            catalogue.enrol(gallery, [new_face(f"person {n // 5}", n) for n in numbers])
            sys.stdout.write(f"{start + batch}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("numbers", type=int, nargs=3)
    parser.add_argument("--user-key", type=int)
    given = parser.parse_args()
    main(given.url, *given.numbers, given.user_key)
