"""`python -m bench`: run every measurement there is, or those that are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.services import services


def main(names: list[str]) -> int:
    """Run `python -m bench.<name>` for each of ``names``, by default all; return 1 if one failed."""
    found = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__main__.py"))
    with services() as environ:
        failed = [
            name for name in names or found if subprocess.call([sys.executable, "-m", f"bench.{name}"], env=environ)
        ]
    for name in failed:
        print(f"bench.{name} failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
