"""Arrays in `.npy` files that are mapped: a header is compared byte for byte, nothing in a file is interpreted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Check = Callable[[Array], None]
"""Raises ValueError where numbers are none that are meant."""

# Bytes that are looked at at a time.
_BLOCK = 2**22


def header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    """Return what a `.npy` of ``kind`` in C order begins with: version 1.0 of the format, padded to 64 bytes."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    length = -(-(len(text) + 11) // 64) * 64 - 10
    return b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + text.ljust(length - 1).encode() + b"\n"


def save(path: Path, array: Array, kind: str = "<f4") -> None:
    """Write ``array``, which is in C order, to ``path`` as ``kind``."""
    with path.open("wb") as file:
        file.write(header(array.shape, kind))
        file.write(array.astype(kind, copy=False).data)


def mapped(path: Path, shape: tuple[int, ...], check: Check, kind: str = "<f4", *, name: str | None = None) -> Array:
    """Map a `.npy` of this very header and size; ``check`` looks at all its numbers, a block of rows at a time.

    ``name`` is what messages call it, where that is not its path's own.

    Raises
    ------
    ValueError: it is not such a file; names it.
    OSError: it is not there.
    """
    first = header(shape, kind)
    size, name = np.dtype(kind).itemsize, name or path.name
    with path.open("rb") as file:
        if file.read(len(first)) != first:
            raise ValueError(f"{name}: not a .npy file of {np.dtype(kind).name} {shape} as it is written here")
        if path.stat().st_size != len(first) + size * int(np.prod(shape)):
            raise ValueError(f"{name}: not the bytes of {' times '.join(map(str, shape))} numbers")
        # Read, not mapped: what is looked at once need not stay in this process's memory.
        row = int(np.prod(shape[1:]))
        while len(block := np.fromfile(file, kind, max(1, _BLOCK // (size * row)) * row)):
            try:
                check(block.reshape(-1, *shape[1:]))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
    return np.asarray(np.memmap(path, dtype=kind, mode="r", offset=len(first), shape=shape))
