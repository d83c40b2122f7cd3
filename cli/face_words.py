"""What is said of faces, and of the photos that show them, to people."""

from collections.abc import Iterator

from retrieval.collection.answers import FaceAnswer, PhotoAnswer

_TURNS_IN_WORDS = {90: "a quarter to the right", 180: "upside down", 270: "a quarter to the left"}


def remarks(answer: PhotoAnswer) -> Iterator[str]:
    """What is to be said of a photo as a whole."""
    if answer.turned:
        yield f"lies turned: turn it {_TURNS_IN_WORDS[answer.turned]} to stand upright"
    if answer.too_small:
        faces = "1 face is" if answer.too_small == 1 else f"{answer.too_small} faces are"
        yield f"{faces} too small to name: a photo from nearer would show who it is"


def words_of(face: FaceAnswer) -> tuple[str, str, str, str]:
    """Person, score, margin and reason as people read them."""
    person = face.person or " / ".join(c.person for c in face.candidates[:2])
    shown = face.person or (f"({person})" if person and face.decision == "ambiguous" else "")
    score = "" if face.score is None else f"{face.score:.3f}"
    margin = "" if face.margin is None else f"{face.margin:.3f}"
    return shown, score, margin, face.reason or ""
