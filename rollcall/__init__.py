"""Rollcall: who of our people is in this photo?

    import rollcall

    with rollcall.open("~/faces") as staff:
        report = staff.enrol("employees")
        for face in staff.identify("group.jpg"):
            print(face.person, face.decision, face.score, face.reason)

See docs/library.md.
"""

from importlib.metadata import version

from retrieval import errors
from retrieval.collection.answers import FaceAnswer, PhotoAnswer, PhotoHit, Verification
from retrieval.collection.enrolments import EnrolItem, EnrolReport, EnrolResult
from retrieval.errors import RollcallError
from retrieval.settings import Settings
from retrieval.values import Outcome
from rollcall.collection import Collection
from rollcall.collection import open_collection as open

__version__ = version("rollcall")

__all__ = [
    "Collection",
    "EnrolItem",
    "EnrolReport",
    "EnrolResult",
    "FaceAnswer",
    "Outcome",
    "PhotoAnswer",
    "PhotoHit",
    "RollcallError",
    "Settings",
    "Verification",
    "__version__",
    "errors",
    "open",
]
