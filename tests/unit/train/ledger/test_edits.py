"""What keeps a series from being continued."""

from __future__ import annotations

from contract.model_version import TAG_BATCH, TAG_KIND, TAG_SCHEME, TAG_STREAM
from contract.series_commands import SeriesCommands
from contract.stream import parse_stream
from pipeline.train.ledger.edits import foreign_series
from pipeline.train.mlflow_client.registry import RegisteredVersion

TEXT = "name: s\ntopic: s\ncolumns: {a: {type: float64}}\ncut: {rows: 9}\nfeatures: [a]\nmodel: {k: 3}\n"
TAGS = {TAG_STREAM: "s", TAG_SCHEME: "disjoint", TAG_BATCH: "1"}


def test_a_series_never_changes_its_kind() -> None:
    commands = SeriesCommands(".", "s.yaml", parse_stream(TEXT, "s.yaml"), "disjoint", "s")
    for told in ({}, {TAG_KIND: "kmeans"}):
        assert foreign_series(commands, {1: RegisteredVersion(1, "run", "", TAGS | told)}) is None
    found = foreign_series(commands, {1: RegisteredVersion(1, "run", "", TAGS | {TAG_KIND: "als"})})
    assert found is not None and "kind 'als'" in str(found) and "'kmeans'" in str(found)
    assert "-P model=s-2" in found.remedy
