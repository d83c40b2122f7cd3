"""Passwords: hashed by Argon2id, and what one must be at least.

Source: RFC 9106, section 4, second recommended option (64 MiB, three passes): the default here;
NIST SP 800-63B-4, section 3.1.1.2: length counts, rules about kinds of signs do not.
"""

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from retrieval.errors import SettingInvalid

SHORTEST, LONGEST = 12, 200
_AT_ONCE = threading.BoundedSemaphore(2)  # each takes 64 MiB while it is checked
_hasher = PasswordHasher()


@cache
def _nobodys() -> str:
    """What is kept of nobody's password, so that unknown names take as long."""
    return _hasher.hash("nobody has this password")


def hashed(password: str, name: str) -> str:
    """What is kept of a user's password.

    Raises:
        SettingInvalid: it is too short, too long, or begins with what everybody tries first.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise SettingInvalid(
            f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}."
        )
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        raise SettingInvalid("The password repeats few characters or holds the name. Take another.")
    with _AT_ONCE:
        return _hasher.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether it is the password of which this was kept; None never fits, and takes as long."""
    if len(password) > LONGEST:
        return False
    nobodys = _nobodys()  # before it is known whether it is needed: both take as long
    try:
        with _AT_ONCE:
            _hasher.verify(kept or nobodys, password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None
