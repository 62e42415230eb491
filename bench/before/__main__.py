"""`python -m bench.before`: KMeans trained and asked, beside the commit before there were kinds, in turns."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.before.checkout import Side, earlier, this
from bench.serving.contenders import Server, ours, registered
from bench.serving.load import Load
from bench.serving.model import body
from bench.training.batches import Landed, land_flights
from bench.training.measure import Measured, measure

BEFORE_KINDS = "a1db673"
BATCHES = 3
# Rows of a request, and connections.
CASES = ((1, 16), (1_000, 8))


def main() -> None:
    """Measure both sides in turns; print each turn, and the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--commit", default=BEFORE_KINDS, help="the other side")
    options.add_argument("--turns", type=int, default=5, help="of each side, one after the other")
    options.add_argument("--seconds", type=int, default=5, help="of each load")
    options.add_argument("--rows", type=int, default=112_000, help="rows of a batch")
    options.add_argument("--only", choices=("predict", "training"), help="one of the two")
    chosen = options.parse_args()
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        sys.exit('no services in the environment; `make up`, then: eval "$(python -m infra env)"')
    sides = (earlier(chosen.commit), this())
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        if chosen.only != "training":
            _asked(sides, directory, chosen.turns, chosen.seconds)
        if chosen.only != "predict":
            _trained(sides, directory, chosen.turns, chosen.rows)


def _in_turns(turn: int, sides: tuple[Side, Side]) -> tuple[Side, ...]:
    """Return the sides in the order of a turn: what the machine does meanwhile is no side's for long."""
    return sides if turn % 2 == 0 else sides[::-1]


def _asked(sides: tuple[Side, Side], directory: Path, turns: int, seconds: int) -> None:
    with ExitStack() as stack:
        model = stack.enter_context(registered(1))
        servers: dict[str, Server] = {
            side.name: stack.enter_context(ours(model, directory / side.name, root=side.root)) for side in sides
        }
        for rows, connections in CASES:
            payload = body(rows)
            rates: dict[str, list[float]] = {side.name: [] for side in sides}
            spent: dict[str, list[float]] = {side.name: [] for side in sides}
            for turn in range(turns):
                for side in _in_turns(turn, sides):
                    server = servers[side.name]
                    found = Load(server.url + server.path, payload, connections, seconds, server.process).result()
                    rates[side.name].append(found.requests_s)
                    spent[side.name].append(found.cpu_us)
            what = f"{rows:,} rows, {connections} connections"
            _tell(f"{what}: requests/s", rates, max)
            _tell(f"{what}: CPU µs a request", spent, min)


def _trained(sides: tuple[Side, Side], directory: Path, turns: int, rows: int) -> None:
    landed = land_flights(directory, BATCHES, rows)
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    spent: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(turns):
        for side in _in_turns(turn, sides):
            found = _mlflow_run(side, landed, directory)
            seconds[side.name].append(found.seconds)
            spent[side.name].append(found.cpu_s)
            print(f"  turn {turn + 1}, {side.name}: {found.seconds:.1f} s, {found.cpu_s:.1f} s CPU", flush=True)
    _tell(f"{BATCHES} batches of {rows:,} rows by mlflow run: seconds", seconds, min)
    _tell(f"{BATCHES} batches of {rows:,} rows by mlflow run: CPU seconds", spent, min)


def _mlflow_run(side: Side, landed: Landed, directory: Path) -> Measured:
    """Train all batches into a model of their own."""
    environ = {**os.environ, "PATH": f"{side.bin}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(directory)}
    model = f"{landed.name}-{uuid.uuid4().hex[:6]}"
    parameters = ["-P", f"stream={landed.file}", "-P", f"model={model}"]
    command = [str(side.bin / "mlflow"), "run", str(side.root), "--env-manager", "local", *parameters]
    return measure(command, environ, directory / "log")


def _tell(what: str, found: dict[str, list[float]], best: Callable[[list[float]], float]) -> None:
    """Print all turns, and both ratios: the best turn is the one in which the machine did least beside."""
    print(what)
    for name, values in found.items():
        told = " ".join(f"{value:,.1f}" for value in values)
        print(f"  {name:10} median {statistics.median(values):>10,.1f}   best {best(values):>10,.1f}   {told}")
    before, now = found.values()
    medians = statistics.median(now) / statistics.median(before)
    print(f"  now : before = {medians:.3f} by the medians, {best(now) / best(before):.3f} by the best", flush=True)


if __name__ == "__main__":
    main()
