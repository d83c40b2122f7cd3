"""Answers of a bulk identification as a file: a line a face, in the order of the input.

A photo without faces, or one that could not be read, has one line with no face in it, so every
photo of the input is there. JSON lines carry the same words as `rollcall identify --json`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from retrieval.cells import CsvWriter
from retrieval.errors import SettingInvalid, StoreError, StoreFull
from retrieval.private_files import open_text

Answer = Mapping[str, Any]  # of one photo, see retrieval.collection.answers.PhotoAnswer.document
Row = dict[str, Any]

_TEXTS = ("photo", "decision", "reason", "person", "candidates", "error")
_NUMBERS = ("left", "top", "width", "height", "detection_score", "score", "threshold", "margin")
_COLUMNS = (
    *("photo", "face", "left", "top", "width", "height", "detection_score", "decision", "reason"),
    *("person", "score", "threshold", "margin", "candidates", "error"),
)
_ROWS_AT_ONCE = 10_000


def check_results(path: Path) -> None:
    """Check, before a run begins, that results can be written there.

    Raises:
        SettingInvalid: another ending, no pyarrow for .parquet, or no such folder.
    """
    if path.suffix not in _WRITERS:
        raise SettingInvalid(f"{path} must end in {', '.join(_WRITERS)}.")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise SettingInvalid(f"{path} needs pyarrow: `pip install pyarrow`, or write .csv.")
    if not path.parent.is_dir():
        raise SettingInvalid(f"The folder {path.parent} does not exist. Make it first.")


def write_results(path: Path, answers: Iterable[Answer]) -> int:
    """Write the answers' faces; the file appears when it is complete. Returns its lines.

    Raises:
        SettingInvalid: see `check_results`.
        StoreFull: no space left.
        StoreError: the file cannot be written.
    """
    check_results(path)
    part = path.with_name(path.name + ".part")
    try:
        lines = _WRITERS[path.suffix](part, answers)
        part.replace(path)
    except OSError as exc:
        part.unlink(missing_ok=True)
        kind = StoreFull if exc.errno == 28 else StoreError
        raise kind(
            f"{path} cannot be written: {exc.strerror}. The answers are kept: mend that, and run "
            "the same command again."
        ) from exc
    return lines


def _write_jsonl(path: Path, answers: Iterable[Answer]) -> int:
    lines = 0
    with open_text(path) as file:
        for answer in answers:
            for face in _faces(answer):
                file.write(json.dumps(face, ensure_ascii=False) + "\n")
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
