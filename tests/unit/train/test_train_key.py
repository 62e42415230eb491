"""The train key changes with what changes results, and with nothing else."""

from __future__ import annotations

import pytest

from contract.stream import Stream, parse_stream
from pipeline.train import train_key as module
from pipeline.train.train_key import data_digest, train_key

STREAM = """
name: s
topic: s
columns: {{a: {{type: float64}}, b: {{type: {b}}}, c: {{type: string}}}}
id: [{id}]
cut: {{rows: {rows}}}
features: [{features}]
model: {{k: {k}, seed: {seed}}}
"""
USUAL = {"b": "int32", "id": "c", "rows": "10", "features": "a, b", "k": "3", "seed": "1"}


def stream(**changed: str) -> Stream:
    return parse_stream(STREAM.format(**USUAL | changed), "test")


def key(given: Stream) -> str:
    return train_key(given, "disjoint", [b"one"])


@pytest.mark.parametrize(
    "changed", [{"k": "4"}, {"seed": "2"}, {"features": "b, a"}, {"id": "b"}, {"b": "int64"}, {"k": "{from: 2, to: 4}"}]
)
def test_what_changes_results_changes_the_key(changed: dict[str, str]) -> None:
    assert key(stream(**changed)) != key(stream())


def test_where_batches_are_cut_does_not() -> None:
    assert key(stream(rows="20")) == key(stream())


def test_how_records_are_read_does_not() -> None:
    text = STREAM.format(**USUAL | {"id": "t"})
    plain = parse_stream(text.replace("c: {type: string}", "t: {type: timestamp}"), "test")
    told = parse_stream(
        text.replace("c: {type: string}", "t: {type: timestamp, epoch: ms}") + "rejects: {no_column: warn}\n", "test"
    )
    assert key(told) == key(plain)


def test_rows_scheme_and_revision_do(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = key(stream())
    assert train_key(stream(), "disjoint", [b"two"]) != usual
    assert train_key(stream(), "disjoint", [b"one", b"two"]) != usual
    assert train_key(stream(), "cumulative", [b"one"]) != usual
    monkeypatch.setattr(module, "TRAINING_REVISION", module.TRAINING_REVISION + 1)
    assert key(stream()) != usual


def test_digests_fit_into_a_dataset() -> None:
    assert len(data_digest([b"one"])) <= 36
    assert data_digest([b"one", b"two"]) != data_digest([b"two", b"one"])
