"""Sealed files: any length comes back, any change is noticed."""

import os

import pytest

from retrieval.files.encrypted import HEAD, decrypt, encrypt, encrypted_by, is_encrypted
from retrieval.files.keys import DataKey, DecryptionFailed

pytest.importorskip("cryptography", reason="needs the extra encryption")

KEY = DataKey.new()
MIB = 1 << 20
BLOCK = MIB + 28


def find(key_id):
    assert key_id == KEY.id
    return KEY


@pytest.mark.parametrize("length", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_a_file_of_any_length_comes_back(length):
    data = os.urandom(length)
    encrypted = encrypt(data, KEY, b"a")
    assert decrypt(encrypted, find, b"a") == data
    assert is_encrypted(encrypted)
    assert encrypted_by(encrypted[:HEAD]) == KEY.id
    assert length < 16 or data[:16] not in encrypted


def test_a_file_opens_under_its_own_label_alone():
    with pytest.raises(DecryptionFailed):
        decrypt(encrypt(b"data", KEY, b"photo 1"), find, b"photo 2")


def test_a_changed_byte_is_noticed_wherever_it_is():
    encrypted = encrypt(b"data" * 10, KEY, b"a")
    kept = {*range(18, 26)}  # the key's id leads to another key, or to none
    for place in set(range(len(encrypted))) - kept:
        changed = bytearray(encrypted)
        changed[place] ^= 1
        with pytest.raises(DecryptionFailed):
            decrypt(bytes(changed), find, b"a")


def test_blocks_cannot_be_dropped_added_or_moved():
    encrypted = encrypt(os.urandom(2 * MIB + 5), KEY, b"a")
    first, second, last = (encrypted[HEAD + n * BLOCK : HEAD + (n + 1) * BLOCK] for n in range(3))
    for blocks in (
        (first, second),
        (first,),
        (),
        (first, last),
        (second, first, last),
        (first, second, last, last),
        (first, second, last[:-1]),
    ):
        with pytest.raises(DecryptionFailed):
            decrypt(encrypted[:HEAD] + b"".join(blocks), find, b"a")


def test_a_block_of_another_file_does_not_fit():
    one, other = (encrypt(os.urandom(MIB + 5), KEY, b"a") for _ in range(2))
    with pytest.raises(DecryptionFailed):
        decrypt(one[: HEAD + BLOCK] + other[HEAD + BLOCK :], find, b"a")


def test_other_files_are_not_taken_for_sealed_ones():
    for data in (b"", b"Rollcall sealed", b"\xff\xd8 a photo"):
        assert not is_encrypted(data)
        assert encrypted_by(data) is None
