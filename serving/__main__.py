"""`python -m serving`."""

from __future__ import annotations

import sys

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", "models", multiple=True, help="Registered model to serve. Repeatable; default: all.")
@click.option("--host", help="Address to listen on (SWATHE_SERVING_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (SWATHE_SERVING_PORT, default 18000).")
def main(models: tuple[str, ...], host: str | None, port: int | None) -> None:
    """Answer over HTTP for every model version that is ready."""
    # Worker processes import this module again: they need none of what the server imports.
    from contract.errors import SwatheError  # noqa: PLC0415
    from serving import logs  # noqa: PLC0415
    from serving.server import serve  # noqa: PLC0415
    from serving.settings import serving_settings  # noqa: PLC0415

    try:
        settings = serving_settings(models=models, host=host, port=port)
        logs.configure(settings.log)
        serve(settings)
    except SwatheError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
