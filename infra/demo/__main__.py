"""`python -m infra.demo`: what `make demo` runs."""

from __future__ import annotations

from infra.demo.demo import main

if __name__ == "__main__":
    main()
