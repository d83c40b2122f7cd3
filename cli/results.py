"""Answers of a bulk identification as a file: a line per face, in the order of the input.

A photo without faces, or one that could not be read, has one line with no face in it, so every
photo of the input is there. JSON lines carry the same words as `rollcall identify --json`.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from retrieval.errors import AlreadyExists, SettingInvalid, StoreError
from retrieval.files.cells import CsvWriter, as_written
from retrieval.files.output import check_writable, replacing
from retrieval.files.private import open_text

Answer = Mapping[str, Any]  # of one photo, see retrieval.collection.answers.PhotoAnswer.document
Row = dict[str, Any]

_TEXTS = ("photo", "from", "to", "decision", "reason", "person", "candidates", "error")
_NUMBERS = ("left", "top", "width", "height", "detection_score", "score", "threshold", "margin")
_COLUMNS = (
    *(
        "photo",
        "face",
        "from",
        "to",
        "left",
        "top",
        "width",
        "height",
        "detection_score",
        "decision",
        "reason",
    ),
    *("person", "score", "threshold", "margin", "candidates", "error"),
)
_ROWS_AT_ONCE = 10_000


def check_results(path: Path) -> None:
    """Check, before a run begins, that results can be written there.

    Raises:
        SettingInvalid: another ending, no pyarrow for .parquet, or no such folder, or it cannot be
            written to.
    """
    if path.suffix not in _WRITERS:
        raise SettingInvalid(f"{path} must end in {', '.join(_WRITERS)}.")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise SettingInvalid(f"{path} needs pyarrow: `pip install pyarrow`, or write .csv.")
    check_writable(path)


def write_results(
    path: Path, answers: Iterable[Answer], *, answered: int = 0, missing: Iterable[str] = ()
) -> int:
    """Write the answers' faces; the file appears when it is complete. Returns its lines.

    An older file is not replaced by one that has fewer answers about the same photos.

    Args:
        path: of the file.
        answers: of the run, in its order.
        answered: photos that the run has answered; there are fewer answers where another command
            has taken them.
        missing: photos of the question that have no answer.

    Raises:
        SettingInvalid: see `check_results`.
        AlreadyExists: the file that is there has more answers; it is as it was.
        StoreFull: no space left.
        StoreError: the file cannot be written.
    """
    check_results(path)
    asked, known = set(missing), set[str]()

    def counted() -> Iterator[Answer]:
        for answer in answers:
            asked.add(answer["photo"])
            if "error" not in answer:
                known.add(answer["photo"])
            yield answer

    try:
        with replacing(path) as part:
            lines = _WRITERS[path.suffix](part, counted())
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
        return {str(row["photo"]) for row in _READERS[path.suffix](path) if not row.get("error")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {"photo": as_written(row["photo"]), "error": row["error"]}


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet

    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(columns=["photo", "error"]):
        yield from batch.to_pylist()


def _write_jsonl(path: Path, answers: Iterable[Answer]) -> int:
    lines = 0
    with open_text(path) as file:
        for answer in answers:
            for face in _faces(answer):
                file.write(json.dumps(face, ensure_ascii=False, allow_nan=False) + "\n")
                lines += 1
    return lines


def _write_csv(path: Path, answers: Iterable[Answer]) -> int:
    lines = 0
    with open_text(path) as file:
        writer = CsvWriter(file)
        writer.row(_COLUMNS)
        for answer in answers:
            for face in _faces(answer):
                writer.row(_row(face).values())
                lines += 1
    return lines


def _write_parquet(path: Path, answers: Iterable[Answer]) -> int:
    import pyarrow
    import pyarrow.parquet

    types = dict.fromkeys(_NUMBERS, pyarrow.float64()) | dict.fromkeys(_TEXTS, pyarrow.string())
    types["face"] = pyarrow.int64()
    schema = pyarrow.schema([(name, types[name]) for name in _COLUMNS])
    lines = 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        rows: list[Row] = []
        for answer in answers:
            rows += [_row(face) for face in _faces(answer)]
            if len(rows) >= _ROWS_AT_ONCE:
                lines += len(rows)
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    return lines + len(rows)


_WRITERS: dict[str, Callable[[Path, Iterable[Answer]], int]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
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
        row["candidates"] = json.dumps(face["candidates"], ensure_ascii=False)
    return row
