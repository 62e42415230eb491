"""`python -m bench.serving`: the prediction server beside FastAPI, typed (A) and with msgspec (B)."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from bench import record
from bench.asked import CASES, case_figure
from bench.serving import recommending, typed_rows
from bench.serving.contenders import Server, baseline, ours, registered
from bench.serving.load import Load, Measured
from bench.serving.misbehaving import MISBEHAVIOURS
from bench.serving.model import body
from bench.serving.probe import waits

VERSIONS = 3


def main() -> None:
    """Start all three, prove that they answer alike, measure in turns, tell the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=5, help="of each load")
    options.add_argument("--turns", type=int, default=2, help="loads of each case; the best counts")
    options.add_argument("--misbehaving", action="store_true", help="only the clients that misbehave")
    options.add_argument("--recommending", action="store_true", help="only recommendations")
    chosen = options.parse_args()
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        sys.exit('no services in the environment; `make up`, then: eval "$(python -m infra env)"')
    if chosen.recommending:
        recommending.measure(chosen.seconds, chosen.turns)
        return
    versions = 1 if chosen.misbehaving else VERSIONS
    with tempfile.TemporaryDirectory() as folder, registered(versions) as model, ours(model, Path(folder)) as server:
        if chosen.misbehaving:
            _misbehaving(server, f"/api/{model}/v1", chosen.seconds)
        else:
            _beside_baselines(server, chosen.seconds, chosen.turns)
            _typed(server, chosen.seconds, chosen.turns)
            _mixed(server, chosen.seconds)


def _beside_baselines(server: Server, seconds: int, turns: int) -> None:
    answer = ask(server, 1).json()
    chain: dict[str, Any] = {name: value for name, value in answer.items() if name != "predictions"}
    with ExitStack() as stack:
        contenders = {
            "A": stack.enter_context(baseline("fastapi_body", chain)),
            "B": stack.enter_context(baseline("msgspec_body", chain)),
            "swathe": server,
        }
        _check_alike(contenders)
        for rows, connections, *_ in CASES:
            _case(contenders, rows, connections, seconds, turns)


def ask(server: Server, rows: int) -> httpx.Response:
    """Ask a server for ``rows`` once."""
    headers = {"content-type": "application/json"}
    return httpx.post(server.url + server.path, content=body(rows), headers=headers, timeout=60).raise_for_status()


def _check_alike(contenders: dict[str, Server]) -> None:
    for rows in sorted({case[0] for case in CASES}):
        answers = {ask(server, rows).content for server in contenders.values()}
        if len(answers) != 1:
            sys.exit(f"the contenders answer {rows} rows differently")
    print("the three give the same bytes for every payload")


def _case(contenders: dict[str, Server], rows: int, connections: int, seconds: int, turns: int) -> None:
    payload, found = body(rows), dict[str, Measured]()
    for _ in range(turns):
        for name, server in contenders.items():
            measured = Load(server.url + server.path, payload, connections, seconds, server.process).result()
            if name not in found or measured.requests_s > found[name].requests_s:
                found[name] = measured
    for name, each in found.items():
        each.tell(f"predict, {rows:,} rows, {connections} connections: {name}")
    us = found["swathe"]
    for of in ("A", "B"):
        record.figure(case_figure(rows, connections, of.lower()), us.requests_s / found[of].requests_s)
    if rows == 1:
        record.figure(f"serving.p99_{connections}", us.p99_ms / found["A"].p99_ms)


def _typed(server: Server, seconds: int, turns: int) -> None:
    typed = server.path.replace("/v1/", f"/v{VERSIONS + 1}/")
    cases, best = {"numbers": (server.path, body(1)), "typed": (typed, typed_rows.body())}, dict[str, float]()
    for _ in range(turns):
        for name, (path, payload) in cases.items():
            measured = Load(server.url + path, payload, 16, seconds, server.process).result()
            measured.tell(f"a row of {name}, 16 connections")
            best[name] = max(best.get(name, 0.0), measured.requests_s)
    record.figure("serving.typed", best["typed"] / best["numbers"])


def _mixed(server: Server, seconds: int) -> None:
    large = Load(server.url + server.path, body(10_000), 4, seconds + 2, server.process)
    small = Load(server.url + server.path, body(1), 4, seconds, server.process).result()
    small.tell("1 row beside 10,000")
    large.result().tell("10,000 rows beside 1")
    record.figure("serving.beside_large_ms", small.p99_ms)


def _misbehaving(server: Server, routes: str, seconds: float) -> None:
    worst = 0.0
    for name, what in MISBEHAVIOURS.items():
        found = waits(name, int(server.url.rpartition(":")[2]), routes, row=body(1), features=5, seconds=seconds)
        p50_ms, p99_ms, longest_ms = (1000 * x for x in (found.p50, found.p99, found.longest))
        print(f"{name:26}{p50_ms:>9.1f}{p99_ms:>9.1f}{longest_ms:>9.1f} ms: {what.__doc__}", flush=True)
        record.fact(f"beside {name}", p50_ms=p50_ms, p99_ms=p99_ms, longest_ms=longest_ms)
        worst = max(worst, p99_ms)
    record.figure("serving.misbehaving.others_ms", worst)


if __name__ == "__main__":
    main()
