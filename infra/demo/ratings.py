"""`make demo-ratings`: the whole line on real ratings, to recommendations for somebody whom nobody knows."""

from __future__ import annotations

from typing import Any, Final

import click
import httpx

from console.commands import Command
from console.ending import run as run_command
from contract import remedies
from infra.demo.demo import posting, ready_versions, shortened, walked
from infra.demo.took import BEGAN

STREAM: Final = "streams/movielens.yaml"
MODEL: Final = "movielens-cumulative"
# Three films of a space saga.
ASKED: Final = {
    "ratings": [{"item": 50, "rating": 5}, {"item": 172, "rating": 5}, {"item": 181, "rating": 4}],
    "n": 5,
}


@click.command(cls=Command, examples=[""])
@BEGAN
def main(began: float | None) -> None:
    """Bring the ratings and the services, train a recommender per batch, ask for recommendations."""
    install = remedies.install_source("recbole").strip("`")
    walked(STREAM, f"mlflow run . --env-manager local -P stream={STREAM}", _show_answers, install, began=began)


def _show_answers(url: str) -> None:
    with httpx.Client(base_url=url, timeout=10) as server:
        versions = ready_versions(server, url, MODEL)
        for which in (*(f"v{version['version']}" for version in versions), "champion"):
            _ask(server, url, f"/api/{MODEL}/{which}/recommend", ASKED)
        for path in (f"/api/{MODEL}/champion/recommendations/196", f"/api/{MODEL}/champion/model-stats"):
            _ask(server, url, path)


def _ask(server: httpx.Client, url: str, path: str, body: dict[str, Any] | None = None) -> None:
    click.secho(f"\n$ curl {url}{path}{'' if body is None else posting(body)}", bold=True)
    answer = server.get(path) if body is None else server.post(path, json=body)
    click.echo(shortened(answer.raise_for_status().text))


if __name__ == "__main__":
    run_command(main, prog_name="python -m infra.demo.ratings")
