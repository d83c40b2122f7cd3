"""Examples of the rooms' documents, and what HTTP alone answers: pages of lists, problems."""

import ast
import inspect
import re
import sys
from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import is_typeddict

import retrieval.catalogue.documents
import retrieval.catalogue.http.audit
import retrieval.collection.documents
import retrieval.events.documents
import retrieval.people.documents
import retrieval.people.showing
import retrieval.upkeep.documents
import retrieval.upkeep.findings
import retrieval.upkeep.health
from retrieval.catalogue.documents import Edit, PersonRow
from retrieval.catalogue.http.api_keys import Key
from retrieval.catalogue.http.audit import AuditDocument
from retrieval.catalogue.http.webhooks import Webhook
from retrieval.collection.documents import (
    CandidateDocument,
    IdentificationDocument,
    NumberedFace,
    PhotoDocument,
    VerificationDocument,
)
from retrieval.identities.calibrate import Calibration
from retrieval.people.documents import ReceiptDocument
from retrieval.upkeep.documents import ThresholdDocument

_CANDIDATE: dict[str, Any] = {
    "person": "Grace Hopper",
    "person_id": 7,
    "external_id": "E-1906",
    "score": 0.97,
    "photo": "hopper/1.jpg",
    "face_id": 12,
}
_FACE: dict[str, Any] = {
    "face": 1,
    "box": [212.0, 80.5, 96.0, 120.0],
    "detection_score": 0.99,
    "decision": "match",
    "reason": None,
    "person": "Grace Hopper",
    "person_id": 7,
    "external_id": "E-1906",
    "score": 0.97,
    "threshold": 0.95,
    "margin": 0.04,
    "false_matches_in_1000": 0.3,
    "candidates": [_CANDIDATE],
}


# Examples of documents that the command line prints as well.
_EXAMPLES: dict[type[Any], dict[str, Any]] = {
    PersonRow: {
        "id": 7,
        "person": "Grace Hopper",
        "external_id": "E-1906",
        "photos": 2,
        "since": "2026-01-01T09:00:00Z",
        "face_id": 12,
        "seen": "2026-11-27",
    },
    Edit: {
        "id": 3,
        "kind": "merge",
        "summary": "merged 'G. Hopper' into 'Grace Hopper'",
        "people": [8, 7],
        "faces": [14],
        "at": "2026-01-01T09:00:00Z",
        "undone": False,
    },
    CandidateDocument: _CANDIDATE,
    IdentificationDocument: {
        "photos": [
            {
                "photo": "party.jpg",
                "width": 800,
                "height": 534,
                "turned": 0,
                "too_small": 0,
                "faces": [_FACE],
            }
        ],
        "collection": "default",
        "model": "dlib-resnet",
        "people": 6,
        "faces": 12,
        "index": "exact",
        "threshold_source": "default of dlib-resnet, measured",
    },
    VerificationDocument: {
        "same": True,
        "score": 0.97,
        "threshold": 0.95,
        "threshold_source": "default of dlib-resnet, measured",
        "against": "person Grace Hopper",
    },
    ReceiptDocument: {
        "id": "6fa459eaee8a3ca4894edb77e160355e",
        "url": "/v1/receipts/6fa459eaee8a3ca4894edb77e160355e?collection=default",
        "kind": "person",
        "deleted_id": 7,
        "state": "done",
        "collection": "default",
        "erased_at": "2026-01-01T09:00:00+00:00",
        "finished_at": "2026-01-01T09:00:02+00:00",
        "erasure": "0f8fad5bd9cb469fa16570867728950e",
        "counts": {"people": 1, "photos": 2, "faces": 2},
        "erased_faces": [12, 13],
        "erased_photo_marks": ["9f2c"],
        "events": [],
        "erased_event_faces": [],
        "searched": {"catalogue.db": 1, "index": 2},
        "searched_patterns": 4,
        "traces": [],
        "open": [],
        "not_searched": ["backups made earlier"],
        "backups": [],
        "mentions": [],
        "clean": True,
        "summary": "2 faces are gone; none of their 4 byte patterns is in any of 3 files",
    },
}
# An attribute of a docstring, with what is said of it: indented deeper, where it goes on.
_ATTRIBUTE = re.compile(r"^ {4}(\w[\w, ]*): (.+(?:\n {8}.+)*)", re.MULTILINE)
# A video of a run stands among its photos, with one face per track.
_WITH_MORE: tuple[type[Any], ...] = (PhotoDocument, NumberedFace)


def _describe(document: type[Any]) -> None:
    """Say where Pydantic looks for it what a document's fields are, with an example.

    Of a typed dictionary it is what stands below each field, of a dataclass its docstring's
    "Attributes". Pydantic's own `use_attribute_docstrings` reads and parses a room's file once per
    document, at each start; here it is parsed once, when somebody asks for the OpenAPI document.
    """

    def told(schema: dict[str, Any]) -> None:
        for field, text in _texts(document.__module__).get(document.__name__, {}).items():
            schema["properties"][field]["description"] = text
        if document in _EXAMPLES:
            schema["examples"] = [_EXAMPLES[document]]
        if is_dataclass(document):
            _tell_attributes(schema, document)

    config = ConfigDict(json_schema_extra=told)
    if document in _WITH_MORE:
        config["extra"] = "allow"
    document.__pydantic_config__ = config


@cache
def _texts(module: str) -> dict[str, dict[str, str]]:
    """What stands below the fields of a module's classes, by class and field."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {
        found.name: {
            field.target.id: inspect.cleandoc(below.value.value)
            for field, below in pairwise(found.body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        }
        for found in tree.body
        if isinstance(found, ast.ClassDef)
    }


def _tell_attributes(schema: dict[str, Any], document: type[Any]) -> None:
    """Tell of each field what docstrings say of it, the document's own and those of its bases."""
    said = [inspect.getdoc(each) or "" for each in reversed(document.__mro__[:-1])]
    for text in said:
        for names, what in _ATTRIBUTE.findall(text.partition("\nAttributes:\n")[2]):
            told = " ".join(what.split())
            for name in schema["properties"].keys() & names.split(", "):
                schema["properties"][name]["description"] = f"{told[0].upper()}{told[1:]}"
    schema["description"] = said[-1].partition("\n\nAttributes:\n")[0]


for _room in (
    retrieval.catalogue.documents,
    retrieval.catalogue.http.audit,
    retrieval.collection.documents,
    retrieval.events.documents,
    retrieval.people.documents,
    retrieval.people.showing,
    retrieval.upkeep.documents,
    retrieval.upkeep.findings,
    retrieval.upkeep.health,
):
    for _document in vars(_room).values():
        own = getattr(_document, "__module__", "") == _room.__name__
        if own and (is_typeddict(_document) or is_dataclass(_document)):
            _describe(_document)


class Problem(BaseModel):
    """What went wrong, as in RFC 9457."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:rollcall:problem:not-found",
                    "title": "No such person, photo, face, collection, run or model",
                    "status": 404,
                    "detail": "There is no person 'Grace Hoper'. Did you mean Grace Hopper?",
                    "code": "not-found",
                }
            ]
        },
    )

    type: str = Field(description="A URN that names the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="What was wrong, what was found and what to do.")
    code: str = Field(description="The error's code, as the command line prints it.")


class PeoplePage(BaseModel):
    """People in an order, a page at a time."""

    people: list[PersonRow]
    next: str | None = Field(description="The cursor of the next page; null on the last.")
    total: int = Field(description="On all pages.")


class DeletedPerson(BaseModel):
    """Somebody who was deleted."""

    receipt: str
    erased_at: datetime


class KnownPeople(BaseModel):
    """Who has a name or a number, and who had it before they were deleted, newest first."""

    people: list[PersonRow]
    deleted: list[DeletedPerson]


class WebhookList(BaseModel):
    """A collection's webhooks, oldest first."""

    webhooks: list[Webhook]


class ReceiptsPage(BaseModel):
    """Receipts, newest first."""

    receipts: list[ReceiptDocument]
    next: str | None = Field(description="The `before` of the page that follows.")


class Forgotten(BaseModel):
    """How many unknown faces were deleted."""

    deleted: int


class Curves(BaseModel):
    """What each threshold is worth, and how scores are distributed."""

    thresholds: list[float]
    fpir: list[float]
    fnir: list[float]
    edges: list[float] = Field(description="Of the bins of the two histograms.")
    genuine: list[int]
    strangers: list[int]


class Measured(BaseModel):
    """A calibration with its curves."""

    calibration: Calibration
    before: ThresholdDocument
    curves: Curves


class RunReject(BaseModel):
    """A photo of a run that was not taken."""

    id: int
    photo: str
    person: str
    external_id: str | None
    reason: str | None
    message: str | None
    dismissed: bool = Field(description="Whether somebody said that it is right so.")


class RejectsPage(BaseModel):
    """Photos that were not taken, in the order of the source."""

    rejects: list[RunReject]
    next: int | None = Field(description="`after` of the next page; null on the last.")
    total: int = Field(description="On all pages.")


class AnswersPage(BaseModel):
    """What a run that identifies has found, in the order of the source."""

    photos: list[PhotoDocument]
    next: int | None = Field(description="`after` of the next page; null on the last.")


class KeyList(BaseModel):
    """All keys, revoked ones too."""

    keys: list[Key]


class AuditPage(BaseModel):
    """The audit log, newest first."""

    entries: list[AuditDocument]
    next: int | None = Field(description="`before` of the next page; null on the last.")


class Alive(BaseModel):
    """Whether the process lives."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether it can answer."""

    status: Literal["ready"]
    collections: int
    models: Literal["loaded", "none yet"]
