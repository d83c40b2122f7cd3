"""A process of its own that enrols, for tests with several processes.

Run as: python -m tests.catalogue.enrolling URL FIRST COUNT BATCH. It enrols photos FIRST to
FIRST + COUNT - 1, BATCH at a time, and prints the next photo's number once a batch was reported.
"""

import sys

from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.made import new_face


def main(url: str, first: int, count: int, batch: int) -> None:
    with Catalogue.open(url) as catalogue:
        gallery = catalogue.collection("default").id
        for start in range(first, first + count, batch):
            numbers = range(start, start + batch)
            catalogue.enrol(gallery, [new_face(f"person {n // 5}", n) for n in numbers])
            sys.stdout.write(f"{start + batch}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
