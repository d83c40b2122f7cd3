"""`enroll --tags`: names that photo programs wrote into the photos."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cli.enrol_files import EnrolFiles
from cli.enrolling import enrol_items, show_report
from cli.options import Run, tell_passed
from retrieval.collection.enrolments import EnrolItem, EnrolReport
from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.photos.folders import PassedOver
from retrieval.values import Location


def enrol_tagged(
    run: Run,
    places: Sequence[Location],
    files: EnrolFiles,
    *,
    dry_run: bool,
    yes: bool,
    same_person: bool,
) -> None:
    """Enrol the tagged faces of photos, each under its name, after saying whose they are."""
    passed = PassedOver()
    items = [replace(item, same_person=same_person) for item in _tagged(places, passed)]
    if not items:
        raise DataInvalid(
            f"No photo in {', '.join(map(str, places))} names anybody: --tags reads the regions"
            " that Lightroom, digiKam, Picasa, Apple Photos or Windows write into photos, or into"
            " .xmp files beside them."
        )
    names = sorted({item.person for item in items})
    known = _known(run, names)
    new = [name for name in names if name not in known]
    document = {"faces": len(items), "new": new, "known": sorted(known)}
    if dry_run:
        run.emit(document, lambda: _show(run, len(items), new, sorted(known)))
        return
    if not run.json:
        _show(run, len(items), new, sorted(known))
    if new and not run.confirm(f"Enrol these photos, with {len(new)} new people?", yes):
        return
    report = EnrolReport(passed_over=passed)
    with run.service() as service:
        results = enrol_items(run, service, items, report)
        if report.enrolled:
            service.keep_up(run.remark)
        state = service.state()
    files.write(run, results, passed)
    run.rejected = bool(report.rejected)
    told = {**report.document(), **document, **state.document()}
    run.emit(told, lambda: show_report(run, report))
    tell_passed(run, passed)


def _tagged(places: Sequence[Location], passed: PassedOver) -> Iterator[EnrolItem]:
    from retrieval.photos.folders import photos_at
    from retrieval.photos.regions import regions_of

    for place in places:
        if not isinstance(place, Path):
            raise SettingInvalid(f"--tags reads photos on this machine; {place} is a URL.")
        for photo in photos_at(place, passed=passed):
            regions = regions_of(photo)
            for region in regions:
                yield EnrolItem(
                    region.name,
                    str(photo),
                    photo,
                    regions=region.boxes,
                    part=len(regions) > 1,
                )


def _known(run: Run, names: Sequence[str]) -> set[str]:
    from retrieval.building import open_catalogue
    from retrieval.catalogue.names import folded
    from retrieval.errors import NotFound

    with open_catalogue(run.settings) as catalogue:
        try:
            people = catalogue.people(catalogue.collection(run.settings.collection).id)
        except NotFound:
            return set()
    there = {folded(person.name) for person in people}
    return {name for name in names if folded(name) in there}


def _show(run: Run, faces: int, new: Sequence[str], known: Sequence[str]) -> None:
    run.print(f"{faces} tagged faces.", markup=False)
    for what, names in (("New", new), ("Known", known)):
        if names:
            run.print(f"{what}: {', '.join(names)}.", markup=False)
