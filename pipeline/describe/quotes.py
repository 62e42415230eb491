"""Whether the quotes of a block of CSV surely mean the same to Arrow and to Python's strict reader."""

from __future__ import annotations

import numpy as np

_QUOTE, _LINE_END, _RETURN = b'"\n\r'


def end_outside(block: bytes) -> int:
    """Return the place behind the last line end that lies outside quotes; where there is none, the block's end.

    A block that begins outside them has an even number of quotes before such a line end.
    """
    end = block.rfind(b"\n") + 1
    if block.count(b'"', 0, end) % 2 == 0:
        return end or len(block)
    bytes_of = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(bytes_of == _LINE_END)
    before = np.searchsorted(np.flatnonzero(bytes_of == _QUOTE), ends)
    outside = ends[before % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else len(block)


def are_sure(block: bytes, delimiter: bytes) -> bool:
    """Whether each quote of ``block`` opens a cell, ends one, or is one of a pair within."""
    bytes_of = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    quotes = np.flatnonzero(bytes_of == _QUOTE)
    first = np.flatnonzero(np.diff(quotes, prepend=-1) != 1)
    lengths = np.diff(first, append=len(quotes))
    before, behind = bytes_of[quotes[first] - 1], bytes_of[quotes[first] + lengths]
    opens = (before == _LINE_END) | (before == delimiter[0])
    closes = (behind == _LINE_END) | (behind == _RETURN) | (behind == delimiter[0])
    # Of a run of quotes, all pairs stand for quotes; what is left over opens a cell, or closes it.
    odd = lengths % 2 == 1
    if np.count_nonzero(odd) % 2 or not (opens[odd][::2].all() and closes[odd][1::2].all()):
        return False
    # Python refuses what follows an empty cell's quotes; Arrow takes it for a part of the cell.
    return bool((closes | ~opens | odd).all())
