"""`python -m bench.serving`: the prediction server beside FastAPI, typed (A) and with msgspec (B), driven by wrk."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from bench.serving import recommending, typed_rows
from bench.serving.contenders import Server, baseline, ours, registered
from bench.serving.load import Measured, Wrk, cpu_s, pss_mb
from bench.serving.misbehaving import MISBEHAVIOURS
from bench.serving.model import body
from bench.serving.probe import waits

# Rows of a request, connections, and what is asked of ours: at least so many times A's and B's requests a second.
CASES = ((1, 1, 1.0, 0.9), (1, 16, 1.0, 0.9), (1_000, 8, 8.0, 1.2), (10_000, 8, 8.0, 1.2))
SMALL_P99_MS = 25.0
TIMES_TYPED = 0.8
# Of requests of one row, whatever one other client does.
OTHERS_P99_MS = 50.0
MANY = 100


def main() -> None:
    """Start all three, prove that they answer alike, measure in turns, print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=8, help="of each run of wrk")
    options.add_argument("--turns", type=int, default=2, help="runs of each case; the best counts")
    options.add_argument("--without-many", action="store_true", help=f"leave {MANY} versions out")
    options.add_argument("--typed", action="store_true", help="only typed rows beside numbers")
    options.add_argument("--misbehaving", action="store_true", help="only the clients that misbehave")
    options.add_argument("--recommending", action="store_true", help="only recommendations")
    chosen = options.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("no wrk on PATH; on Debian: apt-get install wrk")
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        sys.exit('no services in the environment; `make up`, then: eval "$(python -m infra env)"')
    if chosen.misbehaving:
        with tempfile.TemporaryDirectory() as folder, registered(1) as model, ours(model, Path(folder)) as server:
            _misbehaving(server, f"/api/{model}/v1", chosen.seconds)
        return
    if chosen.typed:
        with tempfile.TemporaryDirectory() as folder, registered(1) as model, ours(model, Path(folder)) as server:
            _typed(server, versions=1, seconds=chosen.seconds, turns=chosen.turns)
        return
    recommending.measure(chosen.seconds, chosen.turns)
    if chosen.recommending:
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(ours(stack.enter_context(registered(3)), Path(folder) / "three"))
        chain = _chain(server)
        contenders = {
            "A": stack.enter_context(baseline("fastapi_body", chain)),
            "B": stack.enter_context(baseline("msgspec_body", chain)),
            "swathe": server,
        }
        _check_alike(contenders)
        _compare(contenders, chosen.seconds, chosen.turns)
        _typed(server, versions=3, seconds=chosen.seconds, turns=chosen.turns)
        _mixed(server, chosen.seconds)
    if not chosen.without_many:
        with tempfile.TemporaryDirectory() as folder, registered(MANY) as model:
            _many(model, Path(folder), chosen.seconds)


def _ask(server: Server, rows: int) -> httpx.Response:
    headers = {"content-type": "application/json"}
    return httpx.post(server.url + server.path, content=body(rows), headers=headers, timeout=60).raise_for_status()


def _chain(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = _ask(server, 1).json()
    return {name: value for name, value in answer.items() if name != "predictions"}


def _check_alike(contenders: dict[str, Server]) -> None:
    for rows in sorted({case[0] for case in CASES}):
        answers = {_ask(server, rows).content for server in contenders.values()}
        if len(answers) != 1:
            sys.exit(f"the contenders answer {rows} rows differently")
    print("the three give the same bytes for every payload")


def _compare(contenders: dict[str, Server], seconds: int, turns: int) -> None:
    print(f"{'rows':>6} {'conn.':>5} {'':8}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>10}")
    for rows, connections, times_a, times_b in CASES:
        payload, found = body(rows), dict[str, Measured]()
        for _ in range(turns):
            for name, server in contenders.items():
                measured = Wrk(server.url + server.path, payload, connections, seconds, server.process).result()
                if name not in found or measured.requests_s > found[name].requests_s:
                    found[name] = measured
        for name, each in found.items():
            print(
                f"{rows:>6,} {connections:>5} {name:8}{each.requests_s:>11,.1f}{each.p50_ms:>9.2f}{each.p99_ms:>9.2f}"
                f"{each.cpu_us:>10,.0f}",
                flush=True,
            )
        a, b, us = (found[name].requests_s for name in ("A", "B", "swathe"))
        print(f"{'':13}{us / a:.2f} × A (asked {times_a:g}), {us / b:.2f} × B (asked {times_b:g})", flush=True)


def _typed(server: Server, versions: int, seconds: int, turns: int) -> None:
    typed = server.path.replace("/v1/", f"/v{versions + 1}/")
    cases, best = {"numbers": (server.path, body(1)), "typed": (typed, typed_rows.body())}, dict[str, float]()
    for _ in range(turns):
        for name, (path, payload) in cases.items():
            measured = Wrk(server.url + path, payload, 16, seconds, server.process).result()
            best[name] = max(best.get(name, 0.0), measured.requests_s)
    ratio = best["typed"] / best["numbers"]
    print(
        f"1-row requests, two categories and a time of day among 5 inputs: {best['typed']:,.0f} requests/s, "
        f"{ratio:.2f} × 5 numbers (asked {TIMES_TYPED:g})",
        flush=True,
    )


def _mixed(server: Server, seconds: int) -> None:
    large = Wrk(server.url + server.path, body(10_000), 4, seconds + 2, server.process)
    small = Wrk(server.url + server.path, body(1), 4, seconds, server.process).result()
    beside = large.result()
    print(
        f"1-row requests beside {beside.requests_s:.0f} requests/s of 10,000 rows: p50 {small.p50_ms:.1f} ms, "
        f"p99 {small.p99_ms:.1f} ms (asked {SMALL_P99_MS:g})"
    )


def _misbehaving(server: Server, routes: str, seconds: float) -> None:
    print(
        f"{'one client':26}{'requests':>10}{'p50 ms':>9}{'p99 ms':>9}{'longest':>9}  asked: p99 of {OTHERS_P99_MS:g} ms"
    )
    for name, what in MISBEHAVIOURS.items():
        found = waits(name, int(server.url.rpartition(":")[2]), routes, row=body(1), features=5, seconds=seconds)
        told = "".join(f"{1000 * x:>9.1f}" for x in (found.p50, found.p99, found.longest))
        verdict = "met" if found.p99 * 1000 <= OTHERS_P99_MS else "missed"
        print(f"{name:26}{len(found.seconds):>10,}{told}  {verdict}: {what.__doc__}", flush=True)


def _many(model: str, folder: Path, seconds: int) -> None:
    # Once without a cache, as on its first day; then as after a restart.
    for cached in ("empty", "filled"):
        with ours(model, folder, MANY) as server:
            print(f"{MANY} versions, {cached} cache: ready after {server.start_s:.1f} s (asked 5)", flush=True)
            if cached == "empty":
                continue
            time.sleep(2)
            before, began = cpu_s(server.process), time.monotonic()
            time.sleep(10)
            idle = (cpu_s(server.process) - before) / (time.monotonic() - began)
            print(f"{MANY} versions: PSS {pss_mb(server.process):.0f} MB (asked 300), idle CPU {idle:.2%} (asked 1 %)")
            for number in (1, MANY):
                url = f"{server.url}/api/{model}/v{number}/predict"
                rate = Wrk(url, body(1), 16, seconds, server.process).result().requests_s
                print(f"{MANY} versions: v{number} answers {rate:,.0f} requests/s at 16 connections")
            _misbehaving(server, f"/api/{model}/v1", seconds)


if __name__ == "__main__":
    main()
