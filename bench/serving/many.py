"""`python -m bench.serving.many 100`: as many versions of one model, from the server's start to its pages."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from bench import record
from bench.asked import ASKED, PAGES
from bench.serving.contenders import Server, ours, registered
from bench.serving.load import Load, cpu_s, pss_mb
from bench.serving.model import body

IDLE_S = 15.0
PAGE_TURNS = 5
SETTLED_S = 5.0


def main() -> None:
    """Register the versions, start with an empty cache and then with the filled one, ask for rows and pages."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("versions", type=int)
    options.add_argument("--seconds", type=int, default=4, help="of each load")
    chosen = options.parse_args()
    many: int = chosen.versions
    with tempfile.TemporaryDirectory() as name, registered(3) as few, registered(many) as model:
        folder = Path(name)
        for cache in ("empty", "filled"):
            with ours(model, folder / "many", many) as server:
                _tell(many, f"{cache}_s", server.start_s)
                if cache == "filled":
                    _looked_at(server, many)
                    with ours(few, folder / "few") as beside:
                        _routes(server, beside, model, many, chosen.seconds)


def _tell(many: int, figure: str, value: float) -> None:
    """Record what is asked of so many versions as a figure, and the rest as a fact."""
    name = f"serving.versions_{many}.{figure}"
    if name in ASKED:
        record.figure(name, value)
    else:
        print(f"{many:,} versions: {figure} {value:.3g}", flush=True)
        record.fact(f"{many:,} versions", **{figure: value})


def _looked_at(server: Server, many: int) -> None:
    time.sleep(SETTLED_S)
    before, began = cpu_s(server.process), time.monotonic()
    time.sleep(IDLE_S)
    _tell(many, "idle", 100 * (cpu_s(server.process) - before) / (time.monotonic() - began))
    _tell(many, "mb", pss_mb(server.process))
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for name, path in PAGES.items():
            client.get(path).raise_for_status()
            _tell(many, f"{name}_ms", 1_000 * statistics.median(_seconds(client, path) for _ in range(PAGE_TURNS)))


def _seconds(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path).raise_for_status()
    return time.perf_counter() - began


def _routes(server: Server, beside: Server, model: str, many: int, seconds: int) -> None:
    three = Load(beside.url + beside.path, body(1), 16, seconds, beside.process).result()
    three.tell("3 versions, 16 connections: v1")
    rates = []
    for number in (1, many):
        url = f"{server.url}/api/{model}/v{number}/predict"
        found = Load(url, body(1), 16, seconds, server.process).result()
        found.tell(f"{many:,} versions, 16 connections: v{number}")
        rates.append(found.requests_s)
    _tell(many, "route", min(rates) / three.requests_s)


if __name__ == "__main__":
    main()
