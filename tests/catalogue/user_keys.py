"""Keys for tests of encrypted catalogues."""

import random

from retrieval.files.keys import UserKey


def user_key(number):
    """What gives a user's key; another number, another key."""
    return lambda: UserKey(random.Random(number).randbytes(32))
