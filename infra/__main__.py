"""`python -m infra`: the command line, and the launcher that the process supervisor calls."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the launcher for `run <service>`, the command line otherwise."""
    # `run` is on the way of every restart, so it must not wait for the command line's imports.
    if sys.argv[1:2] == ["run"]:
        from infra.run.launcher import launch  # noqa: PLC0415

        launch(sys.argv[2:])
    else:
        from console.ending import ended, run  # noqa: PLC0415

        with ended():
            from infra.cli import cli  # noqa: PLC0415

            run(cli, prog_name="python -m infra")


if __name__ == "__main__":
    main()
