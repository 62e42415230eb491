"""`python -m serving`."""

from __future__ import annotations

import click

from console.commands import Command
from console.ending import run
from console.exit_codes import DONE


@click.command(
    cls=Command,
    examples=["", "--model flights --port 18001"],
    exits={DONE: "it was told to leave (Ctrl-C, SIGTERM)"},
)
@click.option("--model", "models", multiple=True, help="Registered model to serve. Repeatable; default: all.")
@click.option("--host", help="Address to listen on (SWATHE_SERVING_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (SWATHE_SERVING_PORT, default 18000).")
def main(models: tuple[str, ...], host: str | None, port: int | None) -> None:
    """Answer over HTTP for every model version that is ready."""
    # Worker processes import this module again: they need none of what the server imports.
    from serving import logs  # noqa: PLC0415
    from serving.server import serve  # noqa: PLC0415
    from serving.settings import serving_settings  # noqa: PLC0415

    settings = serving_settings(models=models, host=host, port=port)
    logs.configure(settings.log)
    serve(settings)


if __name__ == "__main__":
    run(main, prog_name="python -m serving")
