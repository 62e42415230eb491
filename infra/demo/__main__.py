"""`python -m infra.demo`: what `make demo` runs."""

from __future__ import annotations

from console.ending import run
from infra.demo.demo import main

if __name__ == "__main__":
    run(main, prog_name="python -m infra.demo")
