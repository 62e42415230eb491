"""What cannot be trained, and what is down: one clear line, a number only where the rows are at fault."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from mlflow.tracking import MlflowClient

from contract.batch import manifest_key
from tests.integration.train.conftest import Lab, batch

MOST_S = 15.0


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Return ``rows`` with another column in place of ``name``."""
    return rows.set_column(rows.column_names.index(name), name, values)


def test_rows_that_cannot_be_trained_take_their_numbers_and_the_next_trains(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    whole = batch(300, 1)
    weights = np.array(whole["weight"].to_pylist(), dtype=float)

    def seventh(value: float) -> pa.Table:
        return with_column(whole, "weight", pa.array(np.where(np.arange(300) == 7, value, weights)))

    # As many numbers as fit, and too few of them: squares that overflow, squares that vanish.
    widest = np.where(np.isnan(weights), weights, np.copysign(sys.float_info.max, weights))
    batches = {
        "2 rows are fewer than the 3 clusters that must come of them": whole.slice(0, 2),
        "feature 'count' has no value in any of the 300 rows": with_column(whole, "count", pa.nulls(300, pa.int32())),
        "feature 'weight' has an infinite value: inf": seventh(np.inf),
        "2 distinct points are fewer than the 3 clusters asked for": pa.concat_tables(
            [whole.drop_null().slice(0, 2)] * 20
        ),
        "0 rows are fewer than the 3 clusters that must come of them": whole.slice(0, 0),
        f"feature 'weight' goes from {float(np.nanmin(weights))!r} to 1e+300: its variance is larger": seventh(1e300),
        "feature 'weight' goes from -1e+160": seventh(-1e160),
        f"feature 'weight' goes from {-sys.float_info.max} to {sys.float_info.max}: its variance is larger": (
            with_column(whole, "weight", pa.array(widest, from_pandas=True))
        ),
        "its variance is smaller than the smallest double": with_column(
            whole, "weight", pa.array(weights * 1e-312, from_pandas=True)
        ),
    }
    lab.land(*batches.values(), whole)
    # Killed between a run that cannot be trained and its version: it is registered, not tried again.
    assert lab.train(SWATHE_FAULT="train.run-ended:2")[0] == -signal.SIGKILL and len(lab.versions()) == 1
    code, said = lab.train()
    assert code == 0 and f"{lab.name} version 2: registered as failed from run" in said, said
    versions, failed = lab.versions(), len(batches)
    assert [run["info"]["status"] for run in lab.runs()] == ["FAILED"] * failed + ["FINISHED"]
    assert [state for _, state in lab.states()] == ["failed"] * failed + ["ready"]
    for number, reason in enumerate(batches, start=1):
        assert reason in versions[number].tags["reason"] and "results" not in versions[number].tags
    code, said = lab.train()
    assert code == 0 and "nothing to do" in said, said


@pytest.mark.parametrize("altered", [False, True])
def test_a_part_that_is_missing_or_altered_stops_the_line(lab: Lab, altered: bool) -> None:
    manifests = lab.land(batch(400, 1), batch(400, 2))
    part = manifests[1].parts[1]
    if altered:
        lab.store.put(part.key, b"something else")
    else:
        lab.store.delete(part.key)
    code, said = lab.train()
    assert code == 1 and f"batch 2 names {part.key}" in said and "Traceback" not in said, said
    # The batch before is trained, no number is spent on this one, and no run was begun for it.
    assert lab.states() == [(1, "ready")]
    assert [run["info"]["status"] for run in lab.runs()] == ["FINISHED"]


def test_nothing_is_created_before_the_parts_are_checked(lab: Lab) -> None:
    [manifest] = lab.land(batch(400, 1))
    lab.store.delete(manifest.parts[0].key)
    code, said = lab.train()
    assert code == 1 and f"batch 1 names {manifest.parts[0].key}" in said, said
    tracked = MlflowClient(lab.services["MLFLOW_TRACKING_URI"])
    assert tracked.get_experiment_by_name(lab.name) is None
    assert tracked.search_registered_models(f"name = '{lab.name}'") == []
    keys = [entry.key for entry in lab.store.list_objects("") if f"/{lab.name}" in entry.key]
    assert keys == [f"leases/{lab.name}.json"]


def test_a_missing_manifest_between_two_is_named(lab: Lab) -> None:
    lab.land(batch(400, 1), batch(400, 2))
    lab.store.delete(manifest_key(lab.name, 1))
    code, said = lab.train()
    assert code == 1 and f"batch 1 of stream '{lab.name}' has no manifest" in said, said


@pytest.mark.parametrize(
    ("variable", "address", "service"),
    [
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:9", "mlflow does not answer at http://127.0.0.1:9"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9", "minio does not answer at http://127.0.0.1:9"),
    ],
)
def test_a_service_that_is_down_is_named_within_seconds(lab: Lab, variable: str, address: str, service: str) -> None:
    lab.land(batch(400, 1))
    begin = time.monotonic()
    code, said = lab.train(**{variable: address})
    assert code == 1 and service in said and "python -m infra up" in said and "Traceback" not in said, said
    assert time.monotonic() - begin < MOST_S
    assert lab.versions() == {}


@pytest.mark.parametrize("command", ["train", "status", "verify", "doctor", "rollback"])
def test_a_service_that_takes_connections_and_never_answers_is_named_too(lab: Lab, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for service, variable in (("minio", "AWS_ENDPOINT_URL_S3"), ("mlflow", "MLFLOW_TRACKING_URI")):
            if (command, service) == ("verify", "mlflow"):
                continue
            begin = time.monotonic()
            process = lab.start(command=command, **{variable: address})
            said, _ = process.communicate(timeout=60)
            assert process.returncode == 1 and "Traceback" not in said, said
            assert f"{service} does not answer at {address}" in said, said
            assert time.monotonic() - begin < MOST_S


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--batch", "0"), "batch=0"),
        (("--batch", "last"), "batch=last"),
        (("--scheme", "both"), "both"),
        (("--model", "a/b"), "model=a/b"),
        (("--wait-s", "-1"), "-1"),
        (("--wait-s", "soon"), "soon"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_named(lab: Lab, arguments: tuple[str, ...], word: str) -> None:
    code, said = lab.train(*arguments)
    assert code != 0 and word in said and "Traceback" not in said, said


def test_jars_that_are_not_set_are_asked_for(lab: Lab) -> None:
    lab.land(batch(400, 1))
    code, said = lab.train(SWATHE_SPARK_JARS="")
    assert code == 1 and "SWATHE_SPARK_JARS is not set" in said, said
    assert lab.versions() == {}
