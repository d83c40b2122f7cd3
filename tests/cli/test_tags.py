"""Names that photo programs wrote into photos, by the schemas' own attribute names."""

from pathlib import Path

import pytest
from PIL import Image

from retrieval.photos.regions import regions_of
from tests.cli.running import document, rollcall

SIZE = 500, 250  # two LFW photos beside each other, in which the faces are in the middle
LEFT, RIGHT = (0.18, 0.3, 0.14, 0.4), (0.68, 0.3, 0.14, 0.4)  # xywh

_HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
)
_TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>"


def mwg(names: dict[str, tuple[float, ...]], size: tuple[int, int]) -> str:
    """As Lightroom and digiKam write it, once with attributes, once with elements."""
    items = ""
    for number, (name, (x, y, wide, high)) in enumerate(names.items()):
        area = (
            f'<mwg-rs:Area stArea:x="{x + wide / 2}" stArea:y="{y + high / 2}" stArea:w="{wide}"'
            f' stArea:h="{high}" stArea:unit="normalized"/>'
        )
        if number % 2:
            items += (
                f'<rdf:li rdf:parseType="Resource"><mwg-rs:Name>{name}</mwg-rs:Name>'
                f"<mwg-rs:Type>Face</mwg-rs:Type>{area}</rdf:li>"
            )
        else:
            items += (
                f'<rdf:li><rdf:Description mwg-rs:Name="{name}" mwg-rs:Type="Face">{area}'
                "</rdf:Description></rdf:li>"
            )
    return (
        f'{_HEAD} xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"'
        ' xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
        ' xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#">'
        f'<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions stDim:w="{size[0]}"'
        f' stDim:h="{size[1]}" stDim:unit="pixel"/><mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag>'
        f"</mwg-rs:RegionList></mwg-rs:Regions>{_TAIL}"
    )


def microsoft(names: dict[str, tuple[float, ...]], size: tuple[int, int]) -> str:
    """As Windows Photo Gallery writes it."""
    items = "".join(
        f'<rdf:li><rdf:Description MPReg:Rectangle="{", ".join(map(str, box))}"'
        f' MPReg:PersonDisplayName="{name}"/></rdf:li>'
        for name, box in names.items()
    )
    return (
        f'{_HEAD} xmlns:MP="http://ns.microsoft.com/photo/1.2/"'
        ' xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"'
        ' xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"><MP:RegionInfo'
        f' rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>{items}</rdf:Bag></MPRI:Regions>'
        f"</MP:RegionInfo>{_TAIL}"
    )


@pytest.fixture
def portraits(lfw_dir: Path) -> list[list[Path]]:
    found = (sorted(each.glob("*.jpg")) for each in sorted(lfw_dir.iterdir()))
    return [photos for photos in found if len(photos) >= 5][3:5]


def both(portraits: list[list[Path]]) -> Image.Image:
    picture = Image.new("RGB", SIZE)
    for column, photos in enumerate(portraits):
        with Image.open(photos[0]) as opened:
            picture.paste(opened.convert("RGB"), (250 * column, 0))
    return picture


def turned(box: tuple[float, ...]) -> tuple[float, ...]:
    """A box of the upright photo in a picture that is stored for orientation 6."""
    x, y, wide, high = box
    return y, 1 - x - wide, high, wide


@pytest.mark.parametrize("schema", [mwg, microsoft])
@pytest.mark.parametrize("how", ["inside", "sidecar", "rotated", "rotated, of the shown picture"])
def test_the_right_names_come_to_the_right_faces(
    home: Path, tmp_path: Path, portraits: list[list[Path]], schema: object, how: str
) -> None:
    write = mwg if schema is mwg else microsoft
    names, picture, exif = {"Ann": LEFT, "Bob": RIGHT}, both(portraits), Image.Exif()
    path = tmp_path / "photos" / "both.jpg"
    path.parent.mkdir()
    size = picture.size
    if how.startswith("rotated"):
        picture = picture.rotate(90, expand=True)  # as a camera stores it; shown upright by EXIF
        exif[0x0112] = 6
        if how == "rotated":
            names, size = {name: turned(box) for name, box in names.items()}, picture.size
    text = write(names, size)  # type: ignore[arg-type]
    if how == "sidecar":
        picture.save(path, quality=95)
        path.with_name("both.xmp").write_text(text)
    else:
        picture.save(path, quality=95, exif=exif, xmp=text.encode())
    preview = document(rollcall(home, "enroll", path.parent, "--tags", "--dry-run", "--json"))
    assert preview == {"faces": 2, "new": ["Ann", "Bob"], "known": []}
    told = document(rollcall(home, "enroll", path.parent, "--tags", "--yes", "--json"))
    assert told["enrolled"] == 2, told
    for name, photos in zip(("Ann", "Bob"), portraits, strict=True):
        assert document(rollcall(home, "verify", photos[1], name, "--json"))["same"], name
    preview = document(rollcall(home, "enroll", path.parent, "--tags", "--dry-run", "--json"))
    assert preview["known"] == ["Ann", "Bob"]


@pytest.mark.parametrize(
    "text",
    ["", "<no xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', mwg({"": LEFT}, SIZE)],
)
def test_what_names_nobody_or_attacks_gives_no_region(tmp_path: Path, text: str) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "1.jpg", xmp=text.encode())
    assert regions_of(tmp_path / "1.jpg") == []


def test_photos_without_tags_are_told_of(home: Path, tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "1.jpg")
    result = rollcall(home, "enroll", tmp_path, "--tags")
    assert result.exit_code == 2
    assert "No photo in" in result.stderr
