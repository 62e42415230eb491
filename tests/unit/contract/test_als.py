"""A recommender in a stream file: its columns, its defaults, and every key that cannot be meant, with its line."""

from __future__ import annotations

import pytest

from contract.errors import StreamFileError
from contract.kinds.als import Als, AlsGate
from contract.stream import parse_stream
from pipeline.train.train_key import train_key

TEXT = """name: s
topic: s
columns:
  who: {type: string}
  what: {type: int32}
  stars: {type: float32}
  seen: {type: timestamp}
cut: {rows: 9}
model: {MODEL}
"""
BARE = "{kind: als, user: who, item: what, rating: stars}"


def text(model: str = BARE, more: str = "") -> str:
    return TEXT.replace("{MODEL}", model) + more


def test_what_is_not_said_is_a_cumulative_explicit_model() -> None:
    stream = parse_stream(text(), "s")
    model = stream.section(Als)
    assert (model.rank, model.reg, model.iterations, model.implicit, model.alpha) == (10, 0.1, 10, False, 1.0)
    assert (model.train_share, model.seed, model.scheme) == (0.9, 1, "cumulative")
    assert stream.registered_model() == "s-cumulative" and stream.gate == AlsGate()
    assert stream.features == () and stream.identity is None and stream.trained_columns == ("who", "what", "stars")


def test_a_column_that_training_reads_is_in_the_train_key() -> None:
    one, other = (parse_stream(body, "s") for body in (text(), text().replace("float32", "float64")))
    assert train_key(one, "cumulative", [b""]) != train_key(other, "cumulative", [b""])


WRONG = {
    "{kind: als, user: whom, item: what, rating: stars}": r"s:9: model\.user: 'whom' is not a column; .* who, what",
    "{kind: als, user: seen, item: what, rating: stars}": r"s:9: model\.user: 'seen' is a timestamp column, and has",
    "{kind: als, user: who, item: stars, rating: stars}": r"s:9: model\.item: 'stars' is a float32 column",
    "{kind: als, user: who, item: what, rating: who}": r"s:9: model\.rating: 'who' is a string column",
    "{kind: als, user: what, item: what, rating: stars}": r"s:9: model\.item: 'what' is what `user` is",
    "{kind: als, user: who, item: what}": r"s:9: model\.rating: required, and absent",
    "{kind: als, user: who, item: what, rating: stars, reg: 0.0}": r"s:9: model\.reg: .* greater than 0",
    "{kind: als, user: who, item: what, rating: stars, rank: 1001}": r"s:9: model\.rank",
    "{kind: als, user: who, item: what, rating: stars, train_share: 1.0}": r"s:9: model\.train_share",
    "{kind: als, user: who, item: what, rating: stars, k: 3}": r"s:9: model\.k: unknown key of kind als; .* has one",
    "{kind: als, user: who, item: what, rating: stars, implicit: 1}": r"s:9: model\.implicit: .*bool",
}


@pytest.mark.parametrize("model", WRONG)
def test_a_key_that_cannot_be_meant_is_told_with_its_line(model: str) -> None:
    with pytest.raises(StreamFileError, match=WRONG[model]):
        parse_stream(text(model), "s")


@pytest.mark.parametrize("more", ["features: [stars]\n", "identity: {survive: 0.5}\n"])
def test_it_has_no_features_and_no_identity(more: str) -> None:
    with pytest.raises(StreamFileError, match=r"s:10: \w+: a model of kind als has none; remove the key"):
        parse_stream(text(more=more), "s")
    with pytest.raises(StreamFileError, match=r"s:10: gate\.min_silhouette: unknown key"):
        parse_stream(text(more="gate: {min_silhouette: 0.1}\n"), "s")
