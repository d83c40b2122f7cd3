"""Answers of an identification as a file: a line per face, in the order of the input.

A photo without faces, or one that could not be read, has one line with no face in it, so every
photo of the input is there. JSON lines carry the same words as `rollcall identify --json`; tables
have a cell for each thing that an office asks for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.options import Run
from retrieval.errors import AlreadyExists, DataInvalid, StoreError
from retrieval.files.output import replacing
from retrieval.files.tables import check_table, read_rows, write_table
from retrieval.values import counted

Answer = Mapping[str, Any]  # of one photo, see retrieval.collection.answers
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """How answers of one kind are written.

    Attributes:
        columns: of a table.
        lines: an answer's entries, as JSON lines have them.
        row: an entry as one flat row of a table.
    """

    columns: Mapping[str, type]
    lines: Callable[[Answer], Iterator[Row]]
    row: Callable[[Row], Row]


_COLUMNS: dict[str, type] = {
    "photo": str,
    "face": int,
    "from": str,
    "to": str,
    "decision": str,
    "person": str,
    "number": str,
    "person_id": int,
    "score": float,
    "threshold": float,
    "margin": float,
    "second_person": str,
    "second_number": str,
    "second_score": float,
    "reason": str,
    "left": float,
    "top": float,
    "width": float,
    "height": float,
    "detection_score": float,
    "error": str,
}


def _faces(answer: Answer) -> Iterator[Row]:
    """The answer's faces, numbered from 1, or one entry that says why there are none."""
    photo = answer["photo"]
    if "error" in answer:
        yield {"photo": photo, "face": None, "error": answer["error"]}
    elif not answer["faces"]:
        yield {"photo": photo, "face": None}
    else:
        for number, face in enumerate(answer["faces"], 1):
            yield {"photo": photo, "face": number, **face}


def _row(face: Row) -> Row:
    """The face as one flat row."""
    row = {name: face.get(name) for name in _COLUMNS}
    if "box" in face:
        sides = zip(("left", "top", "width", "height"), face["box"], strict=True)
        row |= {side: float(pixels) for side, pixels in sides}
    first, second = (*face.get("candidates", ())[:2], {}, {})[:2]
    if face.get("person") is not None:
        row |= {"person_id": first.get("person_id"), "number": first.get("external_id")}
    row |= {
        "second_person": second.get("person"),
        "second_number": second.get("external_id"),
        "second_score": second.get("score"),
    }
    return row


FACES = Form(_COLUMNS, _faces, _row)

_HIT_COLUMNS: dict[str, type] = {
    "photo": str,
    "rank": int,
    "found": str,
    "person": str,
    "number": str,
    "person_id": int,
    "score": float,
    "same_person": str,
    "error": str,
}


def _hits(answer: Answer) -> Iterator[Row]:
    """The photos found, the best first, or one entry that says why there are none."""
    photo = answer["photo"]
    if not answer.get("hits"):
        yield {"photo": photo, "error": answer.get("error")}
    for rank, hit in enumerate(answer.get("hits", ()), 1):
        yield {**hit, "photo": photo, "rank": rank, "found": hit["photo"]}


def _hit_row(hit: Row) -> Row:
    same = hit.get("same_person")
    row = {name: hit.get(name) for name in _HIT_COLUMNS} | {"number": hit.get("external_id")}
    return row | {"same_person": None if same is None else "yes" if same else "no"}


HITS = Form(_HIT_COLUMNS, _hits, _hit_row)


def write_results(
    path: Path,
    answers: Iterable[Answer],
    *,
    answered: int = 0,
    missing: Iterable[str] = (),
    form: Form = FACES,
) -> int:
    """Write the answers' faces, or hits; the file appears when it is complete. Returns its lines.

    An older file is not replaced by one that has fewer answers about the same photos.

    Args:
        path: of the file.
        answers: of the run, in its order.
        answered: photos that the run has answered; there are fewer answers where another command
            has taken them.
        missing: photos of the question that have no answer.
        form: of the answers.

    Raises:
        SettingInvalid: see `check_table`.
        AlreadyExists: the file that is there has more answers; it is as it was.
        StoreFull: no space left.
        StoreError: the file cannot be written.
    """
    check_table(path)
    asked, known = set(missing), set[str]()

    def noted() -> Iterator[Answer]:
        for answer in answers:
            asked.add(answer["photo"])
            if "error" not in answer:
                known.add(answer["photo"])
            yield answer

    try:
        with replacing(path) as part:
            lines = _write(path, part, noted(), form)
            if len(known) < answered:
                raise AlreadyExists(
                    f"Of {answered} answers {answered - len(known)} were written elsewhere already,"
                    f" by the same command: {path} is as it was. To ask anew, run it again."
                )
            before = len(answered_photos(path) & asked)
            if len(known) < before:
                raise AlreadyExists(
                    f"{path} has {before} answers about these photos, there are {len(known)} now:"
                    " it is as it was. To have the new ones, move it away and run the same command"
                    " again."
                )
    except StoreError as exc:
        raise type(exc)(
            f"{exc} The answers are kept: mend that, and run the same command again."
        ) from exc
    return lines


def answered_photos(path: Path) -> set[str]:
    """The photos about which a file that `write_results` wrote has an answer; none of any other."""
    if not path.is_file():
        return set()
    try:
        return {str(row["photo"]) for row in read_rows(path) if not row.get("error")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DataInvalid):
        return set()


def write_failed(run: Run, path: Path, failed: Sequence[tuple[str, str | None]]) -> None:
    """Write photos that could not be read, each with its reason."""
    rows = [{"photo": photo, "reason": reason} for photo, reason in failed]
    with replacing(path) as part:
        write_table(part, {"photo": str, "reason": str}, rows, path.suffix)
    run.remark(f"{path}: {counted(len(rows), 'row')}")


def _write(path: Path, part: Path, answers: Iterable[Answer], form: Form) -> int:
    """Write the file beside the one that is meant, whose ending says how."""
    lines = (line for answer in answers for line in form.lines(answer))
    rows = lines if path.suffix == ".jsonl" else map(form.row, lines)
    return write_table(part, form.columns, rows, path.suffix)
