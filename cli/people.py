"""`people`, `photos`, `collections`: what is enrolled."""

from typing import Annotated

import typer

from cli.options import Run, command

people = typer.Typer(help="Who is enrolled.", no_args_is_help=True)
photos = typer.Typer(help="The photos that are enrolled.", no_args_is_help=True)
collections = typer.Typer(help="Galleries with their own people and model.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many rows.")]


def register(app: typer.Typer) -> None:
    """Add the command groups to the app."""
    app.add_typer(people, name="people")
    app.add_typer(photos, name="photos")
    app.add_typer(collections, name="collections")


@command(people, "list")
def list_people(
    run: Run,
    search: Annotated[
        str | None, typer.Option("--search", help="Only names that contain this.")
    ] = None,
    after: Annotated[str | None, typer.Option("--after", help="Go on after this name.")] = None,
    limit: Limit = None,
) -> None:
    """List people with the number of their photos."""
    with run.service() as service:
        found = service.catalogue.people(
            service.collection.id, search=search, after=after, limit=limit
        )
    rows = [(p.name, p.external_id, p.faces, p.created_at) for p in found]
    document = {
        "people": [
            {"person": p.name, "external_id": p.external_id, "photos": p.faces} for p in found
        ]
    }
    run.emit(document, lambda: run.table(("person", "external id", "photos", "since"), rows))


@command(people, "show")
def show_person(run: Run, name: Name) -> None:
    """Show a person's photos."""
    with run.service() as service:
        person = service.catalogue.person(service.collection.id, name)
        faces = service.catalogue.faces_of(person.id)
    rows = [(f.photo, f"{f.size_px:.0f}", f"{f.score:.2f}", f.sha256[:12]) for f in faces]
    document = {
        "person": person.name,
        "external_id": person.external_id,
        "photos": [
            {"photo": f.photo, "sha256": f.sha256, "box": list(f.box), "face_id": f.id}
            for f in faces
        ],
    }
    columns = ("photo", "face px", "detection", "sha256")
    run.emit(document, lambda: run.table(columns, rows, title=person.name))


@command(people, "rename")
def rename(
    run: Run, name: Name, new_name: Annotated[str, typer.Argument(metavar="NEW-NAME")]
) -> None:
    """Give a person another name."""
    with run.service() as service:
        person = service.rename(name, new_name)
    run.emit({"person": person.name}, lambda: run.print(f"{name} is now {person.name}."))


@command(people, "delete")
def delete(run: Run, name: Name, yes: Yes = False) -> None:
    """Delete a person for good: faces, vectors, and the index's entries."""
    with run.service() as service:
        person = service.catalogue.person(service.collection.id, name)
        if not run.confirm(f"Delete {person.name} and {person.faces} photos for good?", yes):
            return
        erased = service.forget(name)
    run.emit(
        {"person": person.name, "faces": len(erased.faces), "photos": list(erased.photos)},
        lambda: run.print(f"Deleted {person.name}: {len(erased.faces)} faces are gone."),
    )


@command(photos, "list")
def list_photos(
    run: Run,
    person: Annotated[str | None, typer.Option("--person", metavar="NAME")] = None,
    limit: Limit = None,
) -> None:
    """List enrolled photos."""
    with run.service() as service:
        collection = service.collection.id
        person_id = None if person is None else service.catalogue.person(collection, person).id
        found = service.catalogue.photos(collection, person_id=person_id, limit=limit)
    rows = [(f.photo, f.person, f"{f.width}x{f.height}", f.sha256[:12]) for f in found]
    document = {
        "photos": [{"photo": f.photo, "person": f.person, "sha256": f.sha256} for f in found]
    }
    run.emit(document, lambda: run.table(("photo", "person", "size", "sha256"), rows))


@command(photos, "remove")
def remove_photo(
    run: Run,
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="Path, or start of the SHA-256.")],
    yes: Yes = False,
) -> None:
    """Remove one photo from the gallery; the file itself stays."""
    with run.service() as service:
        if not run.confirm(f"Remove {photo} from the gallery?", yes):
            return
        erased = service.remove_photo(photo)
    run.emit(
        {"photo": photo, "sha256": list(erased.photos)},
        lambda: run.print(f"Removed {photo} from the gallery."),
    )


@command(collections, "list")
def list_collections(run: Run) -> None:
    """List collections with their models."""
    with run.service() as service:
        found = [(c, service.catalogue.counts(c.id)) for c in service.catalogue.collections()]
    rows = [(c.name, n.people, n.faces, c.detector, c.embedder, c.fingerprint) for c, n in found]
    document = {
        "collections": [
            {"collection": c.name, "people": n.people, "faces": n.faces, "detector": c.detector,
             "model": c.embedder, "fingerprint": c.fingerprint}
            for c, n in found
        ]
    }  # fmt: skip
    columns = ("collection", "people", "faces", "detector", "model", "fingerprint")
    run.emit(document, lambda: run.table(columns, rows))


@command(collections, "create")
def create_collection(run: Run, name: Name) -> None:
    """Create a collection with the models that the settings ask for."""
    with run.service() as service:
        made = service.create_collection(name)
    run.emit(
        {"collection": made.name, "detector": made.detector, "model": made.embedder},
        lambda: run.print(f"Created {made.name}: {made.detector}, {made.embedder}."),
    )


@command(collections, "delete")
def delete_collection(run: Run, name: Name, yes: Yes = False) -> None:
    """Delete a collection with all its people for good."""
    with run.service() as service:
        found = service.catalogue.collection(name)
        people_count = service.catalogue.counts(found.id).people
        if not run.confirm(f"Delete {name} with {people_count} people for good?", yes):
            return
        service.delete_collection(name)
    run.emit({"collection": name}, lambda: run.print(f"Deleted {name}."))
