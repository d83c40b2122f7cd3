"""Keys: what they seal opens whole or not at all, and nobody is told what they are."""

import base64
import os

import pytest

from retrieval.errors import AlreadyExists, SettingInvalid, StoreError
from retrieval.files.keys import (
    DataKey,
    DecryptionFailed,
    UserKey,
    new_user_key,
    read_key_file,
    read_user_key,
    write_key_file,
)

pytest.importorskip("cryptography", reason="needs the extra encryption")

SECRET = bytes(range(32))


def test_a_sealed_value_opens_by_its_key_and_label_alone():
    key, other = DataKey.new(), DataKey.new()
    encrypted = key.encrypt(b"a vector", b"vector")
    assert b"a vector" not in encrypted
    assert key.open(encrypted, b"vector") == b"a vector"
    for opener, label in ((key, b"photo"), (other, b"vector")):
        with pytest.raises(DecryptionFailed):
            opener.open(encrypted, label)


def test_any_changed_or_missing_byte_is_noticed():
    key = DataKey.new()
    encrypted = key.encrypt(b"a vector", b"vector")
    for place in range(len(encrypted)):
        changed = bytearray(encrypted)
        changed[place] ^= 1
        with pytest.raises(DecryptionFailed):
            key.open(bytes(changed), b"vector")
        with pytest.raises(DecryptionFailed):
            key.open(encrypted[:place], b"vector")


def test_the_same_value_is_never_sealed_to_the_same_bytes():
    key = DataKey.new()
    assert len({key.encrypt(b"a vector", b"vector") for _ in range(100)}) == 100


def test_a_wrapped_data_key_opens_by_its_user_key_alone():
    user_key, key = UserKey(SECRET), DataKey.new()
    wrapped = key.wrapped(user_key)
    again = user_key.unwrap(key.id, wrapped)
    assert again.open(key.encrypt(b"a", b""), b"") == b"a"
    for opener, key_id, data in (
        (UserKey(os.urandom(32)), key.id, wrapped),
        (user_key, DataKey.new().id, wrapped),
        (user_key, key.id, wrapped[:-1] + bytes([wrapped[-1] ^ 1])),
        (user_key, key.id, b""),
    ):
        with pytest.raises(StoreError, match="damaged"):
            opener.unwrap(key_id, data)


@pytest.mark.parametrize(
    "text",
    [
        SECRET.hex(),
        SECRET.hex().upper(),
        base64.b64encode(SECRET).decode(),
        base64.urlsafe_b64encode(SECRET).decode(),
        f"  {SECRET.hex()}\n",
    ],
)
def test_a_key_is_read_as_base64_and_as_hexadecimal(text):
    assert read_user_key(text, "here").id == UserKey(SECRET).id


@pytest.mark.parametrize("text", ["", "secret", "ä" * 44, "g" * 64, SECRET.hex()[:-2], "A" * 60])
def test_what_is_no_key_is_refused_and_not_repeated(text):
    with pytest.raises(SettingInvalid, match="here holds no key") as caught:
        read_user_key(text, "here")
    assert not text or text not in str(caught.value)


def test_a_made_key_file_is_its_owners_alone_and_is_never_written_over(tmp_path):
    made = write_key_file(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    with pytest.raises(AlreadyExists):
        write_key_file(tmp_path / "key")
    assert read_key_file(tmp_path / "key").id == made.id
    assert new_user_key() != new_user_key()


def test_a_key_file_that_cannot_be_read_or_written_says_why(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff" * 32)
    for name in ("missing", "binary"):
        with pytest.raises(SettingInvalid, match="cannot be read"):
            read_key_file(tmp_path / name)
    with pytest.raises(SettingInvalid, match="cannot be written"):
        write_key_file(tmp_path / "missing" / "key")
