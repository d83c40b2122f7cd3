"""Names of people and collections: one form per name, and only names that can be shown."""

import re
import unicodedata

from retrieval.errors import NameInvalid

MAX_NAME_CHARACTERS = 200
_SPACES = re.compile(r"\s{2,}")
_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # control, surrogate, line and paragraph separators
# Letters that show nothing: fillers of Hangul, and the blank of Braille.
_BLANKS = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800"}
_JOINERS = {"\u200c", "\u200d"}
_VIRAMA = 9  # the canonical combining class
_JOINED = ("ARABIC", "SYRIAC", "MONGOLIAN", "NKO", "MANDAIC")  # scripts whose letters join


def clean_name(name: str, what: str = "name") -> str:
    """Bring a new name into its one form: NFC-normalised, stripped, inner spaces as one.

    Args:
        name: as the user or the file system gives it.
        what: what it names, for the message.

    Raises:
        NameInvalid: empty, longer than 200 characters, or with characters that cannot be shown or
            seen: two names that look alike would be two people.
    """
    cleaned = known_name(name, what)
    unseen = [cleaned[place] for place in range(len(cleaned)) if _is_unseen(cleaned, place)]
    if unseen:
        shown = ", ".join(f"{_named(each)} (U+{ord(each):04X})" for each in dict.fromkeys(unseen))
        raise NameInvalid(
            f"The {what} {cleaned!a} has characters that nobody sees: {shown}. Type the name anew."
        )
    return cleaned


def known_name(name: str, what: str = "name") -> str:
    """The form in which a name is looked up, also one that no new name may have.

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


def _is_unseen(name: str, place: int) -> bool:
    """Whether a character shows nothing: direction marks, zero-width characters, fillers.

    Joiners are letters' matter where a script needs them, after a virama and between letters that
    join, and make one picture of two. Source: RFC 5892, appendix A.1 and A.2; Unicode TR 51.
    """
    character = name[place]
    if character in _JOINERS and 0 < place < len(name) - 1:
        before, after = name[place - 1], name[place + 1]
        if unicodedata.combining(before) == _VIRAMA:
            return False
        if unicodedata.category(after) == "So":
            return before != "\ufe0f" and unicodedata.category(before) not in {"So", "Sk"}
        return not all(_named(each).startswith(_JOINED) for each in (before, after))
    return character in _BLANKS or unicodedata.category(character) == "Cf"


def _named(character: str) -> str:
    return unicodedata.name(character, "a character without a name")


def clean_external_id(external_id: str | None) -> str | None:
    """Bring an external id into its one form; an empty one is none."""
    if external_id is None or not external_id.strip():
        return None
    return clean_name(external_id, "external id")


def folded(name: str) -> str:
    """The form in which names are compared: without case, in any script, inner spaces as one."""
    return unicodedata.normalize("NFC", " ".join(name.casefold().split()))


# Letters that Unicode takes apart into no plain letter and a mark.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t"}
    | {"æ": "ae", "œ": "oe", "þ": "th"}
)


def sought(text: str) -> str:
    """The form in which names are searched: as `folded`, and without accents: `Łukasz` is `lukasz`.

    Names that differ by an accent are two names; who searches for one may type neither.
    """
    apart = unicodedata.normalize("NFKD", folded(text))
    bare = "".join(letter for letter in apart if unicodedata.category(letter) != "Mn")
    return unicodedata.normalize("NFC", bare.translate(_PLAIN))


def spelled(name: str) -> dict[str, str]:
    """The columns of a person that follow from a clean name."""
    return {"name": name, "folded": folded(name), "sought": sought(name)}


def called(name: str, external_id: str | None) -> str:
    """A name as it is shown where namesakes must be told apart: `Ann Lee (1001)`."""
    return name if external_id is None else f"{name} ({external_id})"


def storable_path(path: str) -> str:
    """A path as text that any database takes: bytes that are no UTF-8 are shown as escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
