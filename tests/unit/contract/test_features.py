"""Features are declared: each form has its own keys and columns, and what cannot be meant is told with key and line."""

from __future__ import annotations

import dataclasses
import re
from typing import ClassVar, Literal

import pytest

from contract import stream as module
from contract.errors import StreamFileError
from contract.features import are_plain, names_of, training_parameters
from contract.kind import kinds
from contract.kinds.kmeans import KMeans
from contract.sections import ModelSection
from contract.stream import Stream, parse_stream

TEXT = """name: s
topic: s
columns: {n: {type: int32}, x: {type: float64}, c: {type: string}, b: {type: bool}, t: {type: timestamp}}
cut: {rows: 9}
features:
- x
- FEATURE
model: {k: 3}
"""


def parsed(feature: str) -> Stream:
    return parse_stream(TEXT.replace("FEATURE", feature), "s.yaml")


@pytest.mark.parametrize(
    ("feature", "line", "said"),
    [
        ("{column: t, as: circle}", 7, "features.1.as: 'circle' is no form of a feature; there are number, log, cat"),
        ("{column: t, as: [cyclic]}", 7, "features.1.as: .*is no form"),
        ("{column: n, of: hour}", 7, "features.1.of: not a key of this form; cyclic takes it$"),
        ("{column: n, as: log, zone: UTC}", 7, "features.1.zone: not a key of this form; cyclic"),
        ("{column: t, as: cyclic, of: hour, missing: flag, seed: 1}", 7, "features.1.seed: unknown key$"),
        ("{column: n, missing: mean, max_categories: 3}", 7, "features.1.max_categories: not a key of this form; cate"),
        ("{column: c, as: category, zone: UTC}", 7, "features.1.zone: not a key of this form; cyclic takes it$"),
        ("{column: n, max_categories: 3}", 7, "features.1.max_categories: not a key of this form; category"),
        ("{column: t,\n   as: cyclic, of: hour,\n   max_categories: 3}", 9, "features.1.max_categories: not a key"),
        ("{column: c, as: category, size: 3}", 7, "features.1.size: unknown key"),
        ("{column: n, weight: 0}", 7, "features.1.weight: .*greater than 0"),
        ("{column: n,\n   weight: -1}", 8, "features.1.weight: .*greater than 0"),
        ("{column: n, weight: .inf}", 7, "features.1.weight"),
        ('{column: n, weight: "2"}', 7, "features.1.weight"),
        ("{column: c, as: category, max_categories: 1}", 7, "features.1.max_categories: .*greater than or equal to 2"),
        ("{column: c, as: category, max_categories: 257}", 7, "features.1.max_categories: .*256"),
        ("{column: c, as: category, missing: mean}", 7, "features.1.missing: .*'flag'"),
        ("{column: n, missing: zero}", 7, "features.1.missing: .*'mean', 'median' or 'flag'"),
        ("{column: t, as: cyclic}", 7, "features.1.of: required, and absent"),
        ("{column: t, as: cyclic, of: day}", 7, "features.1.of: .*'hour', 'weekday' or 'month'"),
        ("{column: t, as: cyclic,\n   of: hour, zone: EST5}", 8, "features.1.zone: 'EST5' is no time zone"),
        ("{column: t, as: cyclic, of: hour, zone: ../UTC}", 7, "features.1.zone: .*is no time zone"),
        ("{as: log}", 7, "features.1.column: required, and absent"),
        ("{column: z}", 7, "features: 'z' is not a column; the columns are n, x, c, b, t"),
        ("x", 7, "features: 'x' stands twice$"),
        ("{column: x, weight: 2}", 7, "features: 'x' stands twice$"),
        ("{column: x, as: log}\n- {column: x, as: log}", 8, "features: 'x' stands twice as log"),
        ("{column: t, as: cyclic, of: hour}\n- {column: t, as: cyclic, of: hour}", 8, "twice as cyclic hour"),
        ("t", 7, "features: 't' is a timestamp column; as number, .*; write as: cyclic$"),
        ("c", 7, "features: 'c' is a string column; as number, a feature is one of .*; write as: category$"),
        ("{column: x, as: category}", 7, "'x' is a float64 column; as category, .*bool, int32, .*: number or log$"),
        ("{column: n, as: cyclic, of: hour}", 7, "'n' is a int32 column; as cyclic, .*timestamp; write as: number"),
        ("5", 7, "features.1: has to be a column's name, or keys with their values, got 5$"),
        ("[x]", 7, "features.1: has to be a column's name, or keys with their values$"),
        ("", 7, "features.1: has to be a column's name, or keys with their values, got nothing$"),
    ],
)  # fmt: skip
def test_a_feature_that_cannot_be_meant_is_told_with_key_and_line(feature: str, line: int, said: str) -> None:
    with pytest.raises(StreamFileError, match=rf"(?s)^s.yaml:{line}: .*?{said}"):
        parsed(feature)


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ("[5]", "features.0: has to be a column's name, or keys with their values, got 5"),
        ("[{column: x, weight: 0}]", "features.0.weight: Input should be greater than 0"),
        ("[]", "features: needs at least one, and has none"),
        ("x", "features: has to be a list, got 'x'"),
        ("", "features: has to be a list, got nothing"),
        ("{x: 1}", "features: has to be a list"),
    ],
)
def test_one_fault_is_told_once_and_in_the_words_of_the_file(features: str, said: str) -> None:
    text = TEXT.replace("features:\n- x\n- FEATURE", f"features: {features}")
    with pytest.raises(StreamFileError) as told:
        parse_stream(text, "s.yaml")
    assert str(told.value) == f"s.yaml:5: {said}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("columns: {n: {type: int32}, x: {type: float64}, c: {type: string}, b: {type: bool}, t: {type: timestamp}}",
         "columns: {n: {type: int3}}", r"3: columns\.n\.type: 'int3'[^\n]*"),
        ("cut: {rows: 9}", "cut: 9", "4: cut: has to be keys with their values, got 9"),
        ("cut: {rows: 9}", "cut:", "4: cut: has to be keys with their values, got nothing"),
        ("cut: {rows: 9}", "cut: {rows: 9}\nid: n", "5: id: has to be a list, got 'n'"),
        ("cut: {rows: 9}", "cut: {rows: 9}\nsource: [a]", "5: source: has to be keys with their values"),
    ],
)  # fmt: skip
def test_so_it_is_with_the_other_keys(old: str, new: str, said: str) -> None:
    with pytest.raises(StreamFileError) as told:
        parse_stream(TEXT.replace(old, new).replace("FEATURE", "n"), "s.yaml")
    assert re.fullmatch(rf"s\.yaml:{said}", str(told.value))


def test_all_forms_together_have_names_of_their_own_and_one_input_a_column() -> None:
    stream = parsed(
        "{column: x, as: log, missing: median}\n- n\n- {column: n, as: category}\n- {column: c, as: category}\n"
        "- {column: b, as: category, missing: flag}\n- {column: t, as: cyclic, of: hour, zone: America/New_York}\n"
        "- {column: t, as: cyclic, of: weekday}"
    )
    assert names_of(stream.features) == ("x", "x.log", "n", "n.category", "c", "b", "t.hour", "t.weekday")
    assert stream.inputs == {"x": "double", "n": "long", "c": "string", "b": "boolean", "t": "datetime"}
    assert not are_plain(stream.features)


def test_a_bare_name_is_a_number_and_the_train_key_of_both_is_the_name() -> None:
    for same in ("n", "{column: n}", "{column: n, as: number, weight: 1}", "{as: number, column: n, weight: 1.0}"):
        stream = parsed(same)
        assert are_plain(stream.features) and training_parameters(stream.features) == ["x", "n"]
        assert stream.inputs == {"x": "double", "n": "double"}


def test_what_is_no_default_is_in_the_train_key() -> None:
    given = [
        parsed(f).features for f in ("{column: n, weight: 2}", "{column: n, missing: mean}", "{column: n, as: log}")
    ]
    assert [training_parameters(each)[1] for each in given] == [
        {"column": "n", "as": "number", "weight": 2.0},
        {"column": "n", "as": "number", "missing": "mean"},
        {"column": "n", "as": "log"},
    ]
    (time,) = training_parameters(parsed("{column: t, as: cyclic, of: month, zone: UTC}").features)[1:]
    assert time == {"column": "t", "as": "cyclic", "of": "month"}


class Few(KMeans):
    """A model of numbers alone."""

    forms: ClassVar = frozenset({"number", "log"})


def test_a_form_that_the_kind_cannot_take_is_told_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    few = dataclasses.replace(kinds()["kmeans"], model=Few)
    monkeypatch.setattr(module, "kinds", lambda: {"kmeans": few})
    assert parsed("{column: n, as: log}").features
    with pytest.raises(StreamFileError, match=r"s\.yaml:8: features: 'c' as category: a model of kind kmeans takes"):
        parsed("{column: c,\n   as: category}")


class Plain(KMeans):
    """A model that knows of no weights."""

    forms: ClassVar = frozenset({"number"})


def test_a_kind_that_takes_numbers_alone_takes_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = dataclasses.replace(kinds()["kmeans"], model=Plain)
    monkeypatch.setattr(module, "kinds", lambda: {"kmeans": plain})
    assert parsed("{column: n, weight: 1}").features
    with pytest.raises(
        StreamFileError, match=r"s\.yaml:7: features: 'n': a model of kind kmeans takes a feature's name"
    ):
        parsed("{column: n, weight: 2}")


class Silent(ModelSection):
    """A model of a kind that says nothing of features."""

    kind: Literal["kmeans"] = "kmeans"
    k: int


def test_a_kind_that_says_nothing_of_forms_takes_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = dataclasses.replace(kinds()["kmeans"], model=Silent)
    monkeypatch.setattr(module, "kinds", lambda: {"kmeans": silent})
    with pytest.raises(StreamFileError, match=r"'n' as log: a model of kind kmeans takes number only"):
        parsed("{column: n, as: log}")
