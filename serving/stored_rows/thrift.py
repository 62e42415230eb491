"""Thrift's compact protocol as far as Parquet's footers use it: any struct to its fields by number, or an error.

Arrow's own reader of footers ends the process where two parts of one contradict each other.
"""

from __future__ import annotations

from typing import Any, Final

_MOST_DEPTH: Final = 16
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _, _STRUCT = range(1, 13)

Fields = dict[int, Any]


class Reader:
    """Reads one struct from ``body``.

    Every method raises ValueError where the bytes are none.
    """

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def struct(self, depth: int = 0) -> Fields:
        """Return the fields of a struct by their number."""
        fields: Fields = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._whole()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in {_LIST, _SET}:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(self._deeper(depth))
        return self._scalar(kind)

    def _scalar(self, kind: int) -> Any:
        if kind in {_TRUE, _FALSE}:
            return kind == _TRUE
        if kind in {_I16, _I32, _I64}:
            return self._whole()
        if kind == _BYTE:
            return self._byte()
        if kind in {_DOUBLE, _BINARY}:
            return self._bytes(8 if kind == _DOUBLE else self._varint())
        raise ValueError(f"it has a field of type {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = self._varint() if head >> 4 == 15 else head >> 4
        # Each element takes a byte at least.
        if size > len(self._body) - self._at:
            raise ValueError("a list is longer than all that follows")
        kind = _BYTE if head & 15 in {_TRUE, _FALSE} else head & 15
        return [self._value(kind, self._deeper(depth)) for _ in range(size)]

    @staticmethod
    def _deeper(depth: int) -> int:
        if depth >= _MOST_DEPTH:
            raise ValueError("it is nested too deeply")
        return depth + 1

    def _byte(self) -> int:
        if self._at >= len(self._body):
            raise ValueError("it ends too early")
        self._at += 1
        return self._body[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        if size > len(self._body) - self._at:
            raise ValueError("it ends too early")
        self._at += size
        return self._body[self._at - size : self._at]

    def _varint(self) -> int:
        found = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError("a number has more than 64 bits")

    def _whole(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
