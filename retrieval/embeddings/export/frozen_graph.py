"""Reading a frozen TensorFlow graph without TensorFlow: nodes and constants from the wire format.

A `GraphDef` is a protobuf message. Its fields that matter here, by number: GraphDef 1 node;
NodeDef 1 name, 2 op, 3 input (repeated), 5 attr (a map: 1 key, 2 value); AttrValue 1 list, 2 bytes,
3 int, 4 float, 5 bool, 8 tensor; a list's 3 ints; TensorProto 1 dtype, 2 shape (2 dim: 1 size),
4 raw bytes, 5 floats, 7 ints.

Source: protobuf, "Encoding"; TensorFlow, `graph.proto`, `attr_value.proto`, `tensor.proto`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.errors import ExportFailed

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DTYPES: Mapping[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    3: np.dtype("<i4"),
    9: np.dtype("<i8"),
}  # DT_FLOAT, INT32, INT64


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the graph.

    Attributes:
        name: of the operation and of its only output.
        op: what it does, as TensorFlow calls it.
        inputs: names of nodes.
        attributes: by name: int, float, bool, str, a tuple of ints, or a constant's array.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]


def read_graph(path: Path) -> list[Node]:
    """Read the nodes of a frozen graph, each after those that it takes its inputs from.

    Raises:
        ExportFailed: the file is no GraphDef, is damaged, or has a circle.
    """
    try:
        data = memoryview(path.read_bytes())
        found = [_node(value) for number, value in _fields(data) if number == 1]
    except (IndexError, KeyError, ValueError, TypeError, OSError) as error:
        raise ExportFailed(
            f"{path} cannot be read as a frozen TensorFlow graph: {error}. Install its package"
            " again, or give another file."
        ) from error
    nodes = {node.name: node for node in found}
    missing = {name for node in found for name in node.inputs} - nodes.keys()
    if missing or not nodes:
        raise ExportFailed(
            f"{path} is no whole TensorFlow graph: {len(nodes)} nodes, and without"
            f" {', '.join(sorted(missing)[:3]) or 'any'}. Install its package again."
        )
    try:
        order = TopologicalSorter({node.name: node.inputs for node in found}).static_order()
        return [nodes[name] for name in order]
    except CycleError as error:
        raise ExportFailed(f"{path}: the graph's nodes wait for each other in a circle.") from error


def _node(data: memoryview) -> Node:
    name = op = ""
    inputs: list[str] = []
    attributes: dict[str, Any] = {}
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            op = _text(value)
        elif number == 3:
            inputs.append(_producer(_text(value)))
        elif number == 5:
            entry = dict(_fields(value))
            attributes[_text(entry[1])] = _attribute(entry[2])
    return Node(name, op, tuple(inputs), attributes)


def _producer(text: str) -> str:
    """The node that an input names: `^a` waits for a, `a:0` is the first output of a."""
    name, _, port = text.removeprefix("^").partition(":")
    if port not in ("", "0"):
        raise ValueError(f"{text} is the second output of a node, which is not supported")
    return name


def _attribute(data: memoryview) -> Any:
    for number, value in _fields(data):
        if number == 1:
            return tuple(
                number for field, part in _fields(value) if field == 3 for number in _ints(part)
            )
        if number == 2:
            return _text(value)
        if number == 3:
            return int(value)
        if number == 4:
            return float(np.frombuffer(value, "<f4")[0])
        if number == 5:
            return bool(value)
        if number == 8:
            return _tensor(value)
    return None  # a type or a shape: nothing that a translation needs


def _tensor(data: memoryview) -> npt.NDArray[Any]:
    """A constant. One number may stand for all of them, as TensorFlow writes it."""
    dtype: np.dtype[Any] = _DTYPES[1]
    shape: tuple[int, ...] = ()
    raw, numbers = b"", list[float]()
    for number, value in _fields(data):
        if number == 1:
            dtype = _DTYPES[value]
        elif number == 2:
            dims = (dict(_fields(dim)) for field, dim in _fields(value) if field == 2)
            shape = tuple(int(dim.get(1, 0)) for dim in dims)
        elif number == 4:
            raw = bytes(value)
        elif number == 5:
            numbers += [value] if isinstance(value, float) else np.frombuffer(value, "<f4").tolist()
        elif number in (7, 10):
            numbers += _ints(value)
    flat: npt.NDArray[Any] = np.frombuffer(raw, dtype) if raw else np.array(numbers, dtype)
    if len(flat) == 1:
        return np.full(shape, flat[0], dtype)
    return flat.reshape(shape)


def _ints(value: Any) -> list[int]:
    """Repeated integers: one, or several packed."""
    if isinstance(value, int):
        return [_signed(value)]
    numbers, position = [], 0
    while position < len(value):
        number, position = _varint(value, position)
        numbers.append(_signed(number))
    return numbers


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _text(value: Any) -> str:
    return bytes(value).decode()


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """A message's fields by number: int for varints, a part of `data` for all else."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == _VARINT:
            value: Any
            value, position = _varint(data, position)
        else:
            if kind == _BYTES:
                size, position = _varint(data, position)
            else:
                size = {_FIXED64: 8, _FIXED32: 4}[kind]
            if position + size > len(data):
                raise ValueError(f"a field of {size} bytes reaches beyond the end")
            value, position = data[position : position + size], position + size
        yield key >> 3, value


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
