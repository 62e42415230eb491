"""What a person may have meant by the name of a file that is not there."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SHOWN: Final = 3
# Of a directory of any size no more is read.
_LOOKED_AT: Final = 10_000


def near_files(path: Path) -> str:
    """Return `; did you mean …?` for what is there under a name near to ``path``'s, or an empty text."""
    near = list(itertools.islice(_near(path), _SHOWN))
    return f"; did you mean {' or '.join(map(str, near))}?" if near else ""


def _near(path: Path) -> Iterator[Path]:
    try:
        beside = sorted(found.name for found in itertools.islice(path.parent.iterdir(), _LOOKED_AT))
    except OSError:
        if path.parent != path:
            yield from (near / path.name for near in _near(path.parent) if (near / path.name).exists())
        return
    # A name without its ending is near to the one with it, however short it is.
    whole = [name for name in beside if Path(name).stem == path.name]
    others = difflib.get_close_matches(path.name, [name for name in beside if name not in whole], n=_SHOWN)
    yield from (path.parent / name for name in (*whole, *others))
