"""Kinds of model: found by name, and each with its own part of the stream file."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint

import pytest

from contract import kind, stream
from contract.errors import ConfigurationError, StreamFileError
from contract.kind import DEFAULT, half, kinds
from contract.kinds.clusters import Gate
from contract.kinds.kmeans import KMeans
from contract.kinds.mixture import GaussianMixture
from contract.sections import ModelSection
from contract.stream import parse_stream

TEXT = """name: s
topic: s
columns: {a: {type: float64}}
cut: {rows: 9}
features: [a]
model: {MODEL}
"""


def parsed(model: str) -> str:
    return TEXT.replace("{MODEL}", model)


def test_without_a_kind_it_is_kmeans_and_its_train_parameters_do_not_name_it() -> None:
    bare, named = (parse_stream(parsed(model), "s") for model in ("{k: 3}", "{kind: kmeans, k: 3}"))
    assert bare == named and bare.model.kind == DEFAULT and isinstance(bare.gate, Gate)
    assert "kind" not in named.model.training_parameters()
    assert bare.section(KMeans).k == 3


@pytest.mark.parametrize("kind", ["kmean", "42", "[kmeans]", "''", "null"])
def test_a_kind_that_there_is_not_is_told_with_its_line_and_those_there_are(kind: str) -> None:
    known = ", ".join(sorted(kinds()))
    with pytest.raises(StreamFileError, match=rf"s:6: model\.kind: .* is no kind of model; there are {known}"):
        parse_stream(parsed(f"{{kind: {kind}, k: 3}}"), "s")


def test_a_section_that_is_none_is_told_as_before() -> None:
    with pytest.raises(StreamFileError, match="s:6: model"):
        parse_stream(parsed("[1]"), "s")


def test_a_key_of_another_kind_is_told_and_one_within_a_range_is_not_mistaken_for_it() -> None:
    with pytest.raises(StreamFileError, match=r"min_divisible: unknown key of kind kmeans; bisecting-kmeans has one"):
        parse_stream(parsed("{k: 3, min_divisible: 2.0}"), "s")
    with pytest.raises(StreamFileError, match=r"model\.k\.seed: unknown key$"):
        parse_stream(parsed("{k: {from: 2, to: 5, seed: 3}}"), "s")


def test_a_mixture_takes_so_many_features_and_the_first_beyond_is_told_with_its_line() -> None:
    names = [f"f{i}" for i in range(21)]
    text = "name: s\ntopic: s\ncolumns: {" + ", ".join(f"{name}: {{type: float64}}" for name in names) + "}\n"
    text += "cut: {rows: 9}\nfeatures:\n" + "".join(f"- {name}\n" for name in names) + "model: {kind: %s, k: 3}\n"
    told = r"s:26: features: 21 are more than the 20 that a model of kind gaussian-mixture takes; leave some out"
    with pytest.raises(StreamFileError, match=told):
        parse_stream(text % "gaussian-mixture", "s")
    assert len(parse_stream(text.replace("- f20\n", "") % "gaussian-mixture", "s").features) == 20
    assert len(parse_stream(text % "bisecting-kmeans", "s").features) == 21


@pytest.mark.parametrize(
    ("feature", "width", "line"),
    [
        ("{column: X, as: cyclic, of: hour}", 2, 15),
        ("{column: X, as: cyclic, of: hour, missing: flag}", 3, 11),
        ("{column: X, as: category}", 2, 15),
        ("{column: X, as: category, missing: flag}", 3, 11),
        ("{column: X, missing: flag}", 2, 15),
        ("{column: X, as: log, missing: flag}", 2, 15),
    ],
)
def test_a_mixture_counts_the_numbers_that_its_features_surely_are(feature: str, width: int, line: int) -> None:
    kind = "timestamp" if "cyclic" in feature else "string" if "category" in feature else "float64"
    names = [f"f{i}" for i in range(11)]
    text = "name: s\ntopic: s\ncolumns: {" + ", ".join(f"{name}: {kind}" for name in names) + "}\nfeatures:\n"
    lines = [f"- {feature.replace('X', name)}\n" for name in names]
    tail = "model: {kind: gaussian-mixture, k: 3}\ncut: {rows: 9}\n"
    told = rf"s:{line}: features: {11 * width} numbers of a row, or more, are more than the 20 that a model of kind"
    with pytest.raises(StreamFileError, match=told):
        parse_stream(text + "".join(lines) + tail, "s")
    assert parse_stream(text + "".join(lines[: 20 // width]) + tail, "s")


def test_a_mixture_has_keys_of_its_own() -> None:
    mixture = parse_stream(parsed("{kind: gaussian-mixture, k: 4}"), "s").section(GaussianMixture)
    assert (mixture.fewest, mixture.max_iter, mixture.tol, mixture.impute) == (4, 100, 0.01, "mean")
    for wrong, told in (("k: 101", "less than or equal to 100"), ("k: 3, tol: 0", "greater than 0"), ("k: 3, seeds: 2",
                        "seeds: unknown key of kind gaussian-mixture; kmeans has one")):  # fmt: skip
        with pytest.raises(StreamFileError, match=told):
            parse_stream(parsed(f"{{kind: gaussian-mixture, {wrong}}}"), "s")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no_such_module:KIND", "cannot be loaded: ModuleNotFoundError"),
        ("contract.errors:SwatheError", "is no kind of model of that name"),
        ("contract.kinds.kmeans:KIND", "is no kind of model of that name"),
    ],
)
def test_a_package_with_a_broken_kind_stops_the_streams_of_that_kind_alone(
    value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = EntryPoint("odd", value, kind.GROUP)
    monkeypatch.setattr(kind, "entry_points", lambda group: [odd] if group == kind.GROUP else [])
    found, wrong = kind._found.__wrapped__()
    assert found.keys() == kinds().keys() and told in wrong["odd"]
    monkeypatch.setattr(stream, "faults", lambda: wrong)
    assert parse_stream(parsed("{k: 3}"), "s").model.kind == DEFAULT
    with pytest.raises(StreamFileError, match=rf"s:6: model\.kind: .*{told}"):
        parse_stream(parsed("{kind: odd, k: 3}"), "s")


def test_every_kind_is_declared_once_and_both_halves_are_named() -> None:
    for name, declared in kinds().items():
        assert issubclass(declared.model, ModelSection) and declared.name == name
        for where in (declared.training, declared.serving):
            assert re.fullmatch(r"[a-z_.]+:[A-Za-z]+", where), where


@pytest.mark.parametrize("where", ["no.such.module:KIND", "contract.kind:Nothing"])
def test_a_half_that_cannot_be_imported_names_the_kind(where: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'odd' has no {where}"):
        half("odd", where)
