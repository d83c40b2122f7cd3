"""The bodies that the API takes, with examples."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from retrieval.api.uploads import ClientName
from retrieval.catalogue.http.api_keys import Role

Id = Annotated[int, Field(ge=1, le=2**62)]

_CALLED = "A name by which somebody is meant: refused if they have another by now. Of"


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


# People


class NewName(BaseModel):
    """A name to give, a number, a face that stands for them; what is left out stays as it is."""

    model_config = _example(person="Grace Brewster Hopper")

    person: str | None = Field(None, min_length=1, max_length=200)
    external_id: str | None = Field(None, min_length=1, max_length=200)
    cover: int | None = Field(
        None, ge=1, le=2**62, description="One of their faces, to stand for them in lists."
    )


class Merge(BaseModel):
    """Two people who are one."""

    model_config = _example(person_id=8, into_id=7)

    person_id: int = Field(description="Who is merged away.", ge=1, le=2**62)
    into_id: int = Field(description="Who keeps name and external id.", ge=1, le=2**62)
    called: str | None = Field(None, description=f"{_CALLED} who is merged away.", max_length=200)
    into_called: str | None = Field(None, description=f"{_CALLED} who stays.", max_length=200)


class Move(BaseModel):
    """Faces that belong to somebody else."""

    model_config = _example(face_ids=[12], to_id=8)

    face_ids: list[Id] = Field(min_length=1, max_length=1000)
    to_id: int = Field(description="Whose they are to be.", ge=1, le=2**62)
    person_id: int | None = Field(
        None, description="Whose they are: refused if one is another's by now.", ge=1, le=2**62
    )
    called: str | None = Field(None, description=f"{_CALLED} whose they are.", max_length=200)
    to_called: str | None = Field(
        None, description=f"{_CALLED} whose they are to be.", max_length=200
    )


class Split(BaseModel):
    """Faces of a person that become a person of their own."""

    model_config = _example(face_ids=[12], person="Grace Hopper II")

    face_ids: list[Id] = Field(min_length=1, max_length=1000)
    person: str = Field(description="The new person's name.", min_length=1, max_length=200)
    called: str | None = Field(None, description=f"{_CALLED} whose they are.", max_length=200)


class Undo(BaseModel):
    """Which edit to undo."""

    model_config = _example(edit=3)

    edit: int | None = Field(None, description="Null for the newest that stands.", ge=1, le=2**62)


class ApplyList(BaseModel):
    """What of a preview is to be done."""

    digest: str = Field(max_length=64, description="As the preview told it.")
    leavers: int | None = Field(
        None, ge=0, description="How many are deleted for good, as listed; null deletes nobody."
    )


class NameOfGroup(BaseModel):
    """Whose the faces of a group are."""

    model_config = _example(person="Grace Hopper", face_ids=[31, 34])

    person: str | None = Field(None, min_length=1, max_length=200)
    external_id: str | None = Field(
        None, min_length=1, max_length=200, description="Tells people of one name apart."
    )
    person_id: int | None = Field(
        None, ge=1, le=2**62, description="Or somebody who is enrolled already."
    )
    called: str | None = Field(
        None, max_length=200, description="Refused if they have another name by now."
    )
    face_ids: list[Id] | None = Field(
        None,
        description="As listed: these are enrolled, and refused if one is not in the group any"
        " more. Null for all.",
        min_length=1,
        max_length=5000,
    )


class GroupToForget(BaseModel):
    """A group of unknown faces, as it was seen."""

    face_ids: list[Id] = Field(
        min_length=1,
        max_length=5000,
        description="As listed; refused if the group has others by now.",
    )


# Administration


class NewKey(BaseModel):
    """A key to make."""

    model_config = _example(name="badge printer", role="viewer", collection="default")

    name: str = Field(min_length=1, max_length=200)
    role: Role
    collection: str | None = Field(None, max_length=200, description="Null for all collections.")
    requests_per_minute: int | None = Field(None, ge=1, le=1_000_000)


class NewWebhook(BaseModel):
    """An address to be told of runs."""

    model_config = _example(url="https://hr.example.com/rollcall")

    url: str = Field(min_length=1, max_length=2000, description="http or https.")


class WantedRate(BaseModel):
    """The rate of wrong names that strangers may get."""

    model_config = _example(fpir=0.01)

    fpir: float = Field(0.01, gt=0, lt=1, description="False positive identification rate.")


class SettledReject(BaseModel):
    """What became of a photo that was not taken."""

    model_config = _example(now="dismissed")

    now: Literal["mended", "dismissed", "open"]


# Events


class NewEvent(BaseModel):
    """An event to make."""

    name: str = Field(min_length=1, max_length=200)
    day: date | None = Field(None, description="When it was; else its photos tell.")
    expects: Literal["nobody", "everybody", "listed"] = "nobody"
    expected: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=20_000, description="Names or numbers, of a list."
    )
    keep_photos: bool = False
    days: int | None = Field(None, ge=1, le=100_000, description="For which it is kept.")


class ChangedEvent(BaseModel):
    """What of an event is to be changed; what is left out stays."""

    name: str | None = Field(None, min_length=1, max_length=200)
    day: date | None = None
    expects: Literal["nobody", "everybody", "listed"] | None = None
    expected: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=20_000
    )
    days: int | None = Field(None, ge=1, le=100_000)


class ExpectedPerson(BaseModel):
    """Somebody who is expected, and by which name they are meant."""

    id: Id
    called: str | None = Field(
        None, max_length=200, description="Refused if they have another name by now."
    )


class AlsoExpected(BaseModel):
    """People to be added to those who are expected."""

    people: list[ExpectedPerson] = Field(min_length=1, max_length=1_000)


class InlinePhoto(BaseModel):
    """A photo in a JSON document."""

    name: ClientName = Field(min_length=1, max_length=500)
    base64: str | None = Field(None, description="Its bytes.")
    url: str | None = Field(
        None, max_length=4_000, description="Or where it lies: below an allowed place."
    )


class InlinePhotos(BaseModel):
    """Photos in a JSON document."""

    photos: list[InlinePhoto] = Field(min_length=1, max_length=1_000)


class MissedFace(BaseModel):
    """A face that was missed, where somebody saw it."""

    box: tuple[float, float, float, float] = Field(
        description="Left, top, width, height in pixels of the upright photo."
    )


class NewVerdict(BaseModel):
    """What somebody says of faces."""

    verdict: Literal["right", "not", "is", "nobody"]
    faces: list[Id] = Field(min_length=1, max_length=1_000)
    person: str | None = Field(None, min_length=1, max_length=200)
    person_id: Id | None = None
    external_id: str | None = Field(None, max_length=200, description="Number of somebody new.")
    group: bool = Field(False, description="It holds for the whole group of each face.")
    teach: bool = Field(False, description="Enrol the faces as photos of that person.")


class UndoVerdict(BaseModel):
    """Which verdict to take back; the newest if left out."""

    act: Id | None = None
