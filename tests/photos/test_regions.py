"""Sidecars that want to take memory, time or files: nothing is tagged, and nothing else happens."""

import os

import pytest

from retrieval.photos.regions import regions_of
from tests.api.painted import RED, paint

TAGGED = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"><rdf:Description><mwg-rs:RegionList><rdf:Bag>
<rdf:li><rdf:Description mwg-rs:Name="{name}" mwg-rs:Type="Face"><mwg-rs:Area stArea:x="0.5"
 stArea:y="0.5" stArea:w="0.5" stArea:h="0.5"/></rdf:Description></rdf:li>
</rdf:Bag></mwg-rs:RegionList></rdf:Description></rdf:RDF></x:xmpmeta>"""
LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))

HOSTILE = {
    "a billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>' + TAGGED.format(name="&l9;"),
    "another file": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    + TAGGED.format(name="&f;"),
    "another host": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + TAGGED.format(name="Ada"),
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>'
    + TAGGED.format(name="Ada"),
    "a deep nest": "<a>" * 500_000,
    "half a document": TAGGED.format(name="Ada")[:200],
    "what is no text": "\0\1\2" * 100,
}


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "1.png"
    path.write_bytes(paint(RED))
    return path


def test_a_sidecar_says_who_is_where(photo):
    photo.with_name("1.png.xmp").write_text(TAGGED.format(name="Ada King"))
    (region,) = regions_of(photo)
    assert region.name == "Ada King"
    assert region.boxes[0] == (0.25, 0.25, 0.5, 0.5)


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_sidecar_tags_nobody(photo, document):
    photo.with_name("1.png.xmp").write_text(document)
    assert regions_of(photo) == []


def test_a_sidecar_beyond_the_limit_is_not_read_whole(photo):
    padding = " " * (5 << 20)
    photo.with_name("1.png.xmp").write_text(
        TAGGED.format(name="Ada").replace(">\n<rdf:li>", f">{padding}<rdf:li>")
    )
    assert regions_of(photo) == []


def test_a_pipe_in_place_of_a_sidecar_is_not_waited_for(photo):
    os.mkfifo(photo.with_name("1.png.xmp"))
    assert regions_of(photo) == []
