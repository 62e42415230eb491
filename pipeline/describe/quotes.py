"""Whether the quotes of a block of CSV surely mean the same to Arrow and to Python's strict reader."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

_QUOTE, _LINE_END, _RETURN = b'"\n\r'


def end_outside(block: bytes) -> int:
    """Return the place behind the last line end that lies outside quotes; where there is none, the block's end.

    A block that begins outside them has an even number of quotes before such a line end.
    """
    bytes_of = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(bytes_of == _LINE_END)
    before = np.searchsorted(np.flatnonzero(bytes_of == _QUOTE), ends)
    outside = ends[before % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else len(block)


def are_sure(block: bytes, delimiter: bytes) -> bool:
    """Whether each quote of ``block`` opens a cell, ends one, or is one of a pair within."""
    if re.search(rb'(?:^|[\n%b])(?:"")+[^"\r\n%b]' % (re.escape(delimiter), re.escape(delimiter)), block):
        # Python refuses what follows an empty cell's quotes; Arrow takes it for a part of the cell.
        return False
    bytes_of = np.frombuffer(block.replace(b'""', b""), np.uint8)
    quotes = np.flatnonzero(bytes_of == _QUOTE)
    opening, closing = quotes[::2], quotes[1::2]
    if len(opening) != len(closing):
        return False
    before = bytes_of[opening[opening > 0] - 1]
    behind = bytes_of[closing[closing < len(bytes_of) - 1] + 1]
    return _only(before, (_LINE_END, delimiter[0])) and _only(behind, (_LINE_END, _RETURN, delimiter[0]))


def _only(found: npt.NDArray[np.uint8], allowed: tuple[int, ...]) -> bool:
    return bool(np.isin(found, allowed).all())
