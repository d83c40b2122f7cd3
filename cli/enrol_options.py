"""The options of `enroll`, and what of them goes together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli.enrol_group import parse_faces
from cli.options import Writes
from retrieval.errors import SettingInvalid
from retrieval.files.tables import check_table

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH...",
        help="Folders with one folder per person, or ZIP and tar files of such; with --person,"
        " photos of that person. A path or a URL (s3://bucket/people).",
    ),
]
PersonName = Annotated[
    str | None, typer.Option("--person", metavar="NAME", help="Whom loose photos show.")
]
Number = Annotated[
    str | None,
    typer.Option("--number", metavar="NUMBER", help="With --person: the employee number."),
]
SamePerson = Annotated[
    bool,
    typer.Option(
        "--same-person",
        help="Photos under a name that is enrolled are of that person, also where they look"
        " otherwise; else that is asked.",
    ),
]
FaceNumbers = Annotated[
    list[str] | None,
    typer.Option(
        "--face",
        metavar="N[=NAME]",
        help="Number of the face that is meant, as in identify; of a photo of several people,"
        " once for each: --face 2=Ann --face 3=Bob.",
    ),
]
FaceBox = Annotated[
    str | None,
    typer.Option(
        "--box",
        metavar="X,Y,W,H",
        help="Where the face of one photo is, if it is not found by itself: left, top, width,"
        " height in pixels.",
    ),
]
Nested = Annotated[
    bool | None,
    typer.Option(
        "--nested/--no-nested",
        help="Whether people's folders lie below others (departments). Recognised where the"
        " folders tell, asked where they do not.",
        show_default=False,
    ),
]
Tags = Annotated[
    bool,
    typer.Option(
        "--tags",
        help="Take the names that photo programs wrote into photos (XMP regions, sidecars).",
    ),
]
Manifest = Annotated[
    str | None,
    typer.Option(
        "--manifest",
        metavar="FILE",
        help="A list, CSV or XLSX: person, external_id, photo, face; paths from the list, or URLs.",
    ),
]
Replacing = Annotated[
    bool | None,
    typer.Option(
        "--replace/--no-replace",
        help="Whether a file that holds another picture by now replaces the photo that came of"
        " it; asked where nobody said.",
        show_default=False,
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="With --queue: show the progress to its end.")]
Rejects = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        metavar="FILE",
        help="Write what was not taken, with the reasons: .csv, .xlsx, .jsonl or .parquet.",
    ),
    Writes.FILE,
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Write a row per photo, what became of it: .csv, .xlsx, .jsonl or .parquet.",
    ),
    Writes.FILE,
]
WebhookUrl = Annotated[
    str | None,
    typer.Option("--webhook", metavar="URL", help="Called, signed, when the run has ended."),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """The command's options as they were given, in its order."""

    paths: list[str]
    person: str | None
    number: str | None
    same_person: bool
    face: list[str]
    box: str | None
    nested: bool | None
    tags: bool
    manifest: str | None
    columns: str | None
    replacing: bool | None
    yes: bool
    dry_run: bool
    queue: bool
    wait: bool
    rejects: Path | None
    out: Path | None
    webhook: str | None

    def checked(self) -> tuple[int | None, dict[int, str]]:
        """See that the options agree; which face is meant, or whose each is.

        Raises:
            SettingInvalid: they do not.
        """
        one = len(self.paths) == 1
        if self.manifest is None and not self.paths:
            raise SettingInvalid("Give folders with photos, --manifest FILE, or both.")
        if self.columns is not None and self.manifest is None:
            raise SettingInvalid("--columns belongs to --manifest.")
        if not self.queue and (self.wait or self.webhook):
            raise SettingInvalid("--wait and --webhook belong to --queue.")
        if self.dry_run and (self.out or self.rejects):
            raise SettingInvalid(
                "--dry-run takes nothing, so that --out and --rejects have no rows."
            )
        if self.queue and self.out:
            raise SettingInvalid("--out does not go with --queue; --rejects does.")
        for file in filter(None, (self.out, self.rejects)):
            check_table(file)
        alone, named = parse_faces(self.face)
        if self.number is not None and self.person is None:
            raise SettingInvalid("--number belongs to --person; a list has a column for numbers.")
        otherwise = self.person or self.manifest or self.queue or self.box
        if named and (otherwise or not one or self.dry_run):
            raise SettingInvalid(
                "--face N=NAME takes one photo, and no other way to say whom it shows."
            )
        if self.tags and (otherwise or self.face or not self.paths):
            raise SettingInvalid(
                "--tags takes photos and folders, and no other way to name people."
            )
        if self.box is not None and (self.person is None or not one or self.queue or self.face):
            raise SettingInvalid(
                "--box takes one photo with --person, and neither --face nor --queue."
            )
        return alone, named
