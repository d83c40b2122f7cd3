"""A made-up company: an export of HR, a share of photos, and four commands."""

import json
from pathlib import Path

import pytest

from retrieval.catalogue.catalogue import Catalogue
from tests.cli.running import document, rollcall
from tests.company import ALIAS, FIRST, MIXED_UP, RENAMED, TWICE, Company, drawn


@pytest.fixture
def company(lfw_dir: Path, tmp_path: Path) -> Company:
    return drawn(lfw_dir, tmp_path / "share")


def _whose(catalogue: Catalogue) -> dict[str, set[str]]:
    """The people of LFW whose photos lie under each number, or under a name without one."""
    found: dict[str, set[str]] = {}
    for face in catalogue.photos(catalogue.collection("default").id):
        whose = Path(face.photo).name.rpartition("_")[0]
        found.setdefault(face.external_id or face.person, set()).add(whose)
    return found


def test_four_commands_bring_a_companys_gallery_to_the_right_state(
    company: Company, home: Path, tmp_path: Path
) -> None:
    staff, share, receipt = tmp_path / "staff.xlsx", company.share, tmp_path / "receipt.json"
    sync = ("people", "sync", staff, "--photos", share, "--yes", "--json")
    company.export(staff, company.begin())
    begun = document(rollcall(home, *sync))
    assert (len(begun["joiners"]), begun["leavers"], begun["renamed"]) == (61, [], [])

    employed = company.go_on()
    company.export(staff, employed)
    refused = rollcall(home, *sync, "--leavers", "4")
    assert "5 of 61 people are not in the list" in refused.stdout
    synced = document(rollcall(home, *sync, "--leavers", "5", "--receipt", receipt))
    assert len(synced["joiners"]) == 4
    assert len(synced["leavers"]) == 5
    assert {each["now"] for each in synced["renamed"]} == set(RENAMED.values())
    assert len(json.loads(receipt.read_text())["erased_faces"]) >= 15
    health = document(rollcall(home, "health", "--json"))
    plain = [each for each in health["findings"] if not each["doubtful"]]
    assert len(plain) == len(MIXED_UP) + 1
    accepted = document(rollcall(home, "health", "accept", "--all", "--yes", "--json"))
    assert len(accepted["accepted"]) == len(plain)

    with Catalogue.open(home / "catalogue.db") as catalogue:
        assert _whose(catalogue) == {
            company.number(person): {company.photos[person][0].parent.name} for person in employed
        }
        people = {each.external_id: each for each in catalogue.people(1)}
        assert {number: each.name for number, each in people.items()} == {
            company.number(person): company.names[person] for person in employed
        }
        assert people[str(FIRST + TWICE)].faces == 4
        assert not catalogue.people(1, search=ALIAS)
        for number, name in RENAMED.items():
            assert people[company.number(number)].name == name
    again = document(rollcall(home, "health", "--json"))
    assert not [each for each in again["findings"] if not each["doubtful"]]
