"""A staff list that somebody uploaded, with a ZIP of photos: looked at first, applied afterwards.

What it names must lie in its own folder: whoever uploads a list may not read the server's files,
nor have it ask other hosts.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retrieval.catalogue.names import called
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.enrolments import EnrolItem, EnrolReport
from retrieval.people import sync
from retrieval.people.documents import UploadedListDocument
from retrieval.photos.people_list import ListRow, PeopleList
from retrieval.service import Service
from retrieval.values import Location


class UploadedList(PeopleList):
    """A list whose photos lie beside it, and nowhere else.

    Args:
        path: of the list; its folder holds the photos.

    Raises:
        DataInvalid: see `PeopleList`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.name, self.folder = path.name, path.parent
        self._within = self.folder.resolve()

    def rows(self) -> Iterator[ListRow]:
        """The rows; one that names a place elsewhere cannot be used."""
        for row in super().rows():
            outside = [photo for photo in row.photos if not self._lies_inside(photo)]
            if outside:
                told = f"{outside[0]} does not lie in the ZIP. Put the photo into it."
                yield replace(row, photos=(), problem=told)
            else:
                yield row

    def _lies_inside(self, place: Location) -> bool:
        return isinstance(place, Path) and place.resolve().is_relative_to(self._within)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a list was understood as, and what applying it would change; nothing is changed yet.

    Attributes:
        plan: what the list would change.
        document: as JSON, with no folder of the server in it.
        digest: of the document: applying is refused where it means something else by then.
    """

    plan: sync.Plan
    document: UploadedListDocument
    digest: str


def preview(service: Service, staff: UploadedList, max_bytes: int) -> Preview:
    """Compare a list and its photos with the collection.

    Args:
        service: of the collection.
        staff: the list.
        max_bytes: of a photo.

    Raises:
        DataInvalid, FoldersUnclear: see `sync.plan`.
    """
    plan = sync.plan(service, staff, folder=staff.folder, max_bytes=max_bytes)
    named = {photo.path for photo in plan.photos}  # by the list, wherever they lie in the ZIP
    rejected = tuple(each for each in plan.rejected if each.photo.path not in named)
    plan = replace(plan, rejected=rejected)
    joining = [(each.name, each.external_id) for each in plan.joiners]
    before = service.catalogue.receipts.deleted_among(service.collection_name, joining)
    told = plan.document()
    document: UploadedListDocument = {
        "source": staff.name,
        "listed": told["listed"],
        "enrolled_before": told["enrolled_before"],
        "joiners": told["joiners"],
        "leavers": told["leavers"],
        "renamed": told["renamed"],
        "numbered": told["numbered"],
        "new_photos": told["new_photos"],
        "rejected": told["rejected"],
        "understood": staff.columns.document(),
        "deleted_before": [called(*each) for each in before],
    }
    document = _without_folder(document, staff.folder)
    return Preview(plan, document, _digest(document))


def photos_of(plan: sync.Plan, folder: Path) -> list[ListedPhoto]:
    """A plan's photos by their paths in the list's folder."""
    return [replace(photo, path=str(Path(photo.path).relative_to(folder))) for photo in plan.photos]


def enrol(service: Service, photos: Iterable[ListedPhoto], folder: Path) -> EnrolReport:
    """Enrol a plan's photos, as `photos_of` gives them, in this process."""
    report = EnrolReport()
    items = [
        EnrolItem(each.person, each.path, folder / each.path, each.external_id, each.face)
        for each in photos
    ]
    for result in service.enrol(items):
        report.add(result)
    return report


def _digest(document: UploadedListDocument) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _without_folder(value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        return value.replace(f"{folder}/", "")
    if isinstance(value, list):
        return [_without_folder(each, folder) for each in value]
    if isinstance(value, dict):
        return {key: _without_folder(each, folder) for key, each in value.items()}
    return value
