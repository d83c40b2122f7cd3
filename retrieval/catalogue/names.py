"""Names of people and collections: one form a name, and only names that can be shown."""

import re
import unicodedata

from retrieval.errors import NameInvalid

MAX_NAME_CHARACTERS = 200
_SPACES = re.compile(r"\s{2,}")
_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # control, surrogate, line and paragraph separators


def clean_name(name: str, what: str = "name") -> str:
    """Bring a name into its one form: NFC-normalised, stripped, inner spaces as one.

    Args:
        name: as the user or the file system gives it.
        what: what it names, for the message.

    Raises:
        NameInvalid: empty, longer than 200 characters, or with characters that cannot be shown.
    """
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned:
        raise NameInvalid(f"The {what} is empty. Give one with at least one character.")
    if len(cleaned) > MAX_NAME_CHARACTERS:
        raise NameInvalid(
            f"The {what} has {len(cleaned)} characters; at most {MAX_NAME_CHARACTERS} are allowed."
        )
    if any(unicodedata.category(character) in _FORBIDDEN for character in cleaned):
        raise NameInvalid(
            f"The {what} {cleaned!a} has control or undecodable characters. Remove them."
        )
    return _SPACES.sub(" ", cleaned)


def clean_external_id(external_id: str | None) -> str | None:
    """Bring an external id into its one form; an empty one is none."""
    if external_id is None or not external_id.strip():
        return None
    return clean_name(external_id, "external id")


def folded(name: str) -> str:
    """The form in which names are compared: without case, in any script, inner spaces as one."""
    return unicodedata.normalize("NFC", " ".join(name.casefold().split()))


def storable_path(path: str) -> str:
    """A path as text that any database takes: bytes that are no UTF-8 are shown as escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
