"""Users: how they come in, what ends them, and that no secret of theirs is kept."""

from pathlib import Path

import pytest
from sqlalchemy import text

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.http.passwords import LONGEST, fits, hashed
from retrieval.errors import AlreadyExists, InputError, NotFound, SettingInvalid

PASSWORD = "correct horse battery"


@pytest.fixture
def catalogue(tmp_path: Path):
    with Catalogue.open(tmp_path / "catalogue.db") as opened:
        yield opened


@pytest.fixture
def eve(catalogue: Catalogue):
    return catalogue.users.create("Eve@example.org", Role.HR, "berlin")


def test_a_user_comes_back_as_made_and_ends_the_time_without_keys(catalogue, eve) -> None:
    assert catalogue.users.all() == [eve]
    assert (eve.role, eve.collection, eve.has_password) == (Role.HR, "berlin", False)
    assert catalogue.users.find("eve@EXAMPLE.org") == eve == catalogue.users.find(eve.handle)
    assert catalogue.api_keys.any_made()


def test_a_name_is_one_users_whatever_its_capitals_until_they_are_ended(catalogue, eve) -> None:
    with pytest.raises(AlreadyExists):
        catalogue.users.create("EVE@example.org", Role.VIEWER)
    catalogue.users.end(eve)
    again = catalogue.users.create("EVE@example.org", Role.VIEWER)
    assert again.handle != eve.handle
    assert catalogue.users.find("eve@example.org") == again


def test_a_password_fits_and_no_other_and_only_its_hash_is_kept(catalogue, eve) -> None:
    changed = catalogue.users.set_password(eve, hashed(PASSWORD, eve.name))
    assert changed.has_password
    user, kept = catalogue.users.password_of("eve@example.org")
    assert user == changed
    assert fits(PASSWORD, kept)
    for wrong in ("", PASSWORD.upper(), PASSWORD + " ", "x" * (LONGEST + 1)):
        assert not fits(wrong, kept)
    assert not fits(PASSWORD, None), "somebody without a password"
    with catalogue._database.reading() as connection:
        rows = repr(connection.execute(text("SELECT * FROM users")).all())
    assert PASSWORD not in rows
    assert "$argon2id$" in rows


@pytest.mark.parametrize(
    "password", ["short", "aaaaaaaaaaaaaaaa", "my eve@example.org 1", "x" * 999]
)
def test_a_poor_password_is_refused(password: str) -> None:
    with pytest.raises(SettingInvalid):
        hashed(password, "Eve@example.org")


def test_a_link_lets_in_once_and_a_newer_one_takes_its_place(catalogue, eve) -> None:
    users = catalogue.users
    _, old = users.make_link(eve)
    shown, token = users.make_link(eve)
    assert shown.link_ends_at is not None
    assert users.redeem(old) is None
    found = users.redeem(token)
    assert found is not None
    assert (found.handle, found.link_ends_at) == (eve.handle, None)
    assert users.redeem(token) is None, "it was used"
    _, late = users.make_link(eve, hours=-1)
    for bad in (late, "", ".", f"{eve.handle}.", f"{eve.handle}.wrong", "nobody.x"):
        assert users.redeem(bad) is None, bad


def test_ending_a_user_and_a_new_password_end_sessions_and_links(catalogue, eve) -> None:
    users, sessions = catalogue.users, catalogue.sessions
    session = sessions.open(eve.handle, 1)
    users.set_password(eve, hashed(PASSWORD, eve.name))
    assert sessions.handle(session) is None
    session, (_, link) = sessions.open(eve.handle, 1), users.make_link(eve)
    users.end(eve)
    assert sessions.handle(session) is None
    assert users.redeem(link) is None
    assert users.in_use(eve.handle) is None
    assert users.password_of(eve.name) == (None, None)
    for late in (users.end, users.make_link, lambda user: users.change(user, Role.ADMIN, None)):
        with pytest.raises(NotFound, match="ended"):
            late(eve)


def test_another_role_holds_at_once(catalogue, eve) -> None:
    catalogue.users.change(eve, Role.VIEWER, None)
    found = catalogue.users.in_use(eve.handle)
    assert (found.role, found.collection) == (Role.VIEWER, None)


def test_single_sign_on_knows_a_user_by_name_once_and_by_subject_afterwards(catalogue, eve) -> None:
    users = catalogue.users
    assert users.signed_on("https://id", "s-1", None) is None, "no name is vouched for"
    assert users.signed_on("https://id", "s-1", "mallory@example.org") is None
    assert users.signed_on("https://id", "s-1", "eve@example.org").handle == eve.handle
    assert users.signed_on("https://id", "s-1", None).handle == eve.handle
    assert users.signed_on("https://id", "s-2", "eve@example.org") is None, "she is s-1"
    assert users.signed_on("https://other", "s-1", "eve@example.org") is None
    users.end(eve)
    assert users.signed_on("https://id", "s-1", "eve@example.org") is None


def test_a_text_with_nul_is_wrong_input_where_the_database_takes_none(postgres) -> None:
    url = postgres.empty_database()
    with Catalogue.open(url) as opened, pytest.raises(InputError, match="NUL"):
        opened.users.password_of("a\0b")
