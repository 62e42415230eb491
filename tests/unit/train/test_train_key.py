"""The train key changes with what changes results, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.kinds.kmeans import KMeans
from contract.sections import Scheme
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
FLIGHTS = Path(__file__).resolve().parents[3] / "streams/flights.yaml"
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


@pytest.mark.parametrize(
    ("model", "recorded"),
    [
        ("{k: 3}", "798ada05f921b22ee0c95309a7ae5a02"),
        ("{k: 5, seed: 2013, impute: median, max_iter: 50, tol: 0.001}", "b621758587be04359693e972ebb31581"),
        ("{k: {from: 2, to: 8}}", "ed2d44e2674eae60abf0a68a8114e71d"),
        ("{k: {from: 2, to: 6, seeds: 5, min_cluster_share: 0.05}, seed: 7}", "e0bba86efa31b49aa3bb974a4a236b3b"),
        # A later key at its default.
        ("{k: 3, seeds: 1}", "798ada05f921b22ee0c95309a7ae5a02"),
    ],
)
def test_keys_that_are_in_registries_stay(model: str, recorded: str) -> None:
    usual = STREAM.format(**USUAL).replace("model: {k: 3, seed: 1}", f"model: {model}")
    assert train_key(parse_stream(usual, "test"), "disjoint", [b"one", b"two"]) == recorded


@pytest.mark.parametrize(
    ("scheme", "recorded"),
    [("disjoint", "ca61a7a0db9d4fef9817d6afc888f9f6"), ("cumulative", "0c5cc4edaea64973eeb33f6f7b745dd5")],
)
def test_the_key_of_the_flights_stays(scheme: Scheme, recorded: str) -> None:
    assert train_key(parse_stream(FLIGHTS.read_text(), "flights"), scheme, [b"one"]) == recorded


def test_the_key_of_another_kind_stays_too() -> None:
    text = STREAM.format(**USUAL)
    other = parse_stream(text[: text.index("model:")] + "model: {kind: bisecting-kmeans, k: 3}\n", "test")
    assert key(other) == "35d444d13b5c0c874a53eecb11abefee"


def test_several_seeds_change_the_key() -> None:
    several = parse_stream(STREAM.format(**USUAL).replace("seed: 1", "seed: 1, seeds: 3"), "test")
    assert key(several) != key(stream())
    assert [list(each.section(KMeans).tried_seeds) for each in (several, stream())] == [[1, 2, 3], [1]]


def test_where_batches_are_cut_does_not() -> None:
    assert key(stream(rows="20")) == key(stream())


def test_how_records_are_read_does_not() -> None:
    text = STREAM.format(**USUAL | {"id": "t"})
    plain = parse_stream(text.replace("c: {type: string}", "t: {type: timestamp}"), "test")
    told = parse_stream(
        text.replace("c: {type: string}", "t: {type: timestamp, epoch: ms}") + "rejects: {no_column: warn}\n", "test"
    )
    assert key(told) == key(plain)


def test_how_a_file_is_written_does_not() -> None:
    text = STREAM.format(**USUAL)
    told = text.replace("a: {", 'a: {from: "a:float", ') + 'source: {path: a.tsv, delimiter: "\\t"}\n'
    assert key(parse_stream(told, "test")) == key(parse_stream(text, "test"))


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
