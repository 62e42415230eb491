"""Pick-up over a tracking server in memory: what one model, version or artifact holds is nobody else's matter."""

from __future__ import annotations

import contextlib
import json
import logging
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from contract.errors import ServiceDownError, UnreadableAnswerError
from contract.model_version import GOLDEN_FILE, LINEAGE_FILE, SCORING_FILE, STATISTICS_FILE
from contract.tracking import TrackingServer
from serving.kinds.installed import kinds
from serving.versions.cache import LocalCache
from serving.versions.catalogue import Version
from serving.versions.pickup import Pickup
from serving.versions.registry import Registry
from tests.memory_tracking import MemoryTracking, answer
from tests.tracking import Tracking, artifact

FILES = artifact()
KEPT = Path(__file__).parents[3] / "kept" / "data.tar.xz"


class Line:
    """A registry in memory, and the pick-up that reads it."""

    def __init__(self, directory: Path, *models: str) -> None:
        self.memory = MemoryTracking()
        self.tracking = Tracking("http://memory", self.memory)
        self.directory, self.models = directory, models
        self.pickup = self.restarted()

    def restarted(self) -> Pickup:
        cache = LocalCache(self.directory / "cache")
        cache.prepare()
        registry = Registry(TrackingServer("http://memory"), transport=self.memory)
        self.pickup = Pickup(registry, cache, kinds(), models=self.models, poll_s=0.01, grace_s=60)
        return self.pickup

    def look(self) -> None:
        """Look until all was tried once."""
        while self.pickup.look():
            pass

    def versions(self, model: str) -> dict[int, Version]:
        return dict(self.pickup.catalogue.models[model].versions)

    def states(self, model: str) -> list[str]:
        return [version.state for version in self.versions(model).values()]

    def downloads(self) -> list[str]:
        """Return of which runs a scoring file was fetched, in order."""
        return [url.split("/artifacts/1/")[1][:32] for url in self.memory.asked if url.endswith("scoring.json")]


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def _changed(name: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    fields = json.loads(FILES[name])
    return {**FILES, name: json.dumps(change(fields) or fields).encode()}


def _golden(fields: Any) -> None:
    fields["clusters"][0] = 2**40


def _nearly(fields: Any) -> None:
    fields["distances"][3] += 1e-9


def _no_feature(fields: Any) -> None:
    del fields["clusters"][1]["features"]["distance"]


def _other_label(fields: Any) -> None:
    fields["clusters"][0]["label"] = "C9"


def _twice(fields: Any) -> None:
    fields["labels"][1] = fields["labels"][0]


NESTED = b"[" * 200_000
HOSTILE = {
    "a golden cluster of 2**40": (_changed(GOLDEN_FILE, _golden), "clusters"),
    "a golden distance that differs": (_changed(GOLDEN_FILE, _nearly), "1 of 20 golden rows"),
    "a list for an object": ({**FILES, STATISTICS_FILE: b'{"clusters": [{"features": []}]}'}, "statistics"),
    "a list": ({**FILES, SCORING_FILE: b"[]"}, "Expected `object`"),
    "nested too deeply": ({**FILES, SCORING_FILE: NESTED}, "scoring"),
    "nested in a field": ({**FILES, SCORING_FILE: b'{"x":' + NESTED[:9000]}, "scoring"),
    "nested statistics": ({**FILES, STATISTICS_FILE: b'{"clusters":' + NESTED[:9000]}, "statistics"),
    "nested in what is not known": ({**FILES, STATISTICS_FILE: b'{"x":' + NESTED[:9000]}, "nested too deeply"),
    "a number of 5,000 digits": (
        {**FILES, SCORING_FILE: FILES[SCORING_FILE].replace(b'"mean": [', b'"mean": [' + b"9" * 5000 + b",")},
        "out of range",
    ),
    "NaN": ({**FILES, SCORING_FILE: FILES[SCORING_FILE].replace(b'"std": [', b'"std": [NaN,')}, "malformed"),
    "a key that is missing": (_changed(SCORING_FILE, lambda fields: {"format": 1}), "missing required field"),
    "no file": ({SCORING_FILE: FILES[SCORING_FILE]}, "no file swathe/statistics.json, swathe/golden.json"),
    "statistics without a feature": (_changed(STATISTICS_FILE, _no_feature), "other features"),
    "statistics of another cluster": (_changed(STATISTICS_FILE, _other_label), "scoring.json has others"),
    "a label twice": (_changed(SCORING_FILE, _twice), "a label stands twice"),
    "lineage of other labels": (
        {
            **FILES,
            LINEAGE_FILE: b'{"format":1,"labels":["C7"],"retired":[],"next_label":8,'
            b'"predecessor":null,"transitions":[]}',
        },
        "different labels",
    ),
    "a million values": ({**FILES, SCORING_FILE: b"[" + b"0," * 1_200_000 + b"0]"}, "more than 1,100,000 values"),
    "not text": ({**FILES, SCORING_FILE: b'{"features": ["\xff"]}'}, "not UTF-8"),
}


def test_whatever_an_artifact_holds_only_its_version_is_unavailable(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    for model in ("a", "b", "odd"):
        line.tracking.model(model)
    line.tracking.version("a", FILES)
    for files, _ in HOSTILE.values():
        line.tracking.version("odd", files)
    line.tracking.version("odd", FILES)
    line.tracking.version("b", FILES)
    line.tracking.alias("b", "champion", 1)
    with caplog.at_level(logging.INFO):
        line.look()
        for _ in range(3):
            line.pickup.look()
    assert line.states("a") == line.states("b") == ["ready"]
    assert line.pickup.complete and line.pickup.last_error is None
    assert line.pickup.catalogue.models["b"].aliases == {"champion": 1}
    versions = line.versions("odd")
    for number, (what, (_, reason)) in enumerate(HOSTILE.items(), start=1):
        assert versions[number].state == "unavailable", what
        told = versions[number].reason or ""
        assert reason in told and len(told) <= 300 and "\n" not in told, f"{what}: {told}"
        # Once, however often one looks, and without a traceback.
        (record,) = [each for each in caplog.records if f"model=odd version={number} " in each.getMessage() + " "]
        assert record.levelno == logging.WARNING and record.exc_info is None
    assert versions[len(HOSTILE) + 1].state == "ready"


def test_many_versions_that_cannot_be_loaded_neither_spin_nor_starve_the_others(line: Line) -> None:
    line.tracking.model("a")
    for _ in range(70):
        line.tracking.version("a", {})
    for model in ("b", "c"):
        line.tracking.model(model)
        line.tracking.version(model, FILES)
    line.tracking.alias("b", "champion", 1)
    looks = 1
    while line.pickup.look():
        looks += 1
    assert looks <= 4 and line.pickup.complete
    assert line.states("b") == line.states("c") == ["ready"]
    assert line.states("a") == ["unavailable"] * 70
    # Nothing is tried again at once, and a look costs two questions a model, and one for their names.
    line.memory.asked.clear()
    assert not line.pickup.look()
    assert len(line.memory.asked) == 7
    line.tracking.version("c", FILES)
    assert line.pickup.look() in (True, False)
    line.look()
    assert line.states("c") == ["ready", "ready"]


def test_champions_are_loaded_first_then_other_aliases_then_the_newest(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One thread, so that the order is that of the downloads.
    monkeypatch.setattr("serving.versions.loads._AT_ONCE", 1)
    line.restarted()
    runs: dict[tuple[str, int], str] = {}
    for model, count in (("a", 40), ("b", 3)):
        line.tracking.model(model)
        for number in range(1, count + 1):
            line.tracking.version(model, FILES)
            runs[model, number] = f"{len(runs) + 1:032x}"
    line.tracking.alias("a", "champion", 7)
    line.tracking.alias("a", "previous", 5)
    line.memory.asked.clear()
    line.look()
    names = {run: name for name, run in runs.items()}
    order = [names[run] for run in line.downloads()]
    # The newest of `b` is what its champion's route means while it has no champion.
    assert order[:4] == [("b", 3), ("a", 7), ("a", 5), ("a", 40)]
    assert sorted(order) == sorted(runs)


def test_a_look_that_finds_the_same_leaves_the_same_objects(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    for model in ("a", "b"):
        line.tracking.model(model)
        line.tracking.version(model, FILES)
    line.look()
    line.pickup.look()
    before, written = line.pickup.catalogue, []
    monkeypatch.setattr(line.pickup._cache, "write_registry", lambda *_: written.append(1))
    monkeypatch.setattr(line.pickup, "_wanted", lambda _: pytest.fail("nothing is to be done"))
    line.pickup.look()
    after = line.pickup.catalogue
    assert after.models is before.models and (after.checked_at or 0) > (before.checked_at or 0)
    monkeypatch.undo()
    # Another model's version, tag or alias leaves this one the same.
    line.tracking.version("a", FILES)
    line.tracking.alias("a", "champion", 1)
    line.look()
    assert line.pickup.catalogue.models["b"] is before.models["b"]
    assert line.pickup.catalogue.models["a"].aliases == {"champion": 1} and len(line.versions("a")) == 2
    line.tracking.delete("a", 2)
    line.pickup.look()
    assert line.versions("a")[2].gone_at is not None and not written
    # One that has gone is to be forgotten: the looks go on until it is.
    monkeypatch.setattr(line.pickup, "_grace_s", 0)
    line.pickup.look()
    assert list(line.versions("a")) == [1]


def test_aliases_move_while_an_artifact_hangs(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.versions.pickup._LOAD_WAIT_S", 0.05)
    line.tracking.model("a")
    for _ in range(2):
        line.tracking.version("a", FILES)
    line.look()
    go_on = threading.Event()

    def before(url: str) -> httpx.Response | None:
        if "golden" in url:
            go_on.wait(10)
        return None

    line.tracking.version("a", FILES)
    line.memory.before = before
    line.tracking.alias("a", "champion", 1)
    assert line.pickup.look()
    assert line.pickup.catalogue.model("a").champion().number == 1
    assert (line.versions("a")[3].state, line.versions("a")[3].reason) == ("unavailable", "not read yet")
    line.tracking.alias("a", "previous", 3)
    line.tracking.alias("a", "champion", 2)
    assert line.pickup.look()
    assert line.pickup.catalogue.model("a").champion().number == 2
    # One that moves to what is not here yet means what it meant, so that no request falls between the two.
    line.tracking.alias("a", "champion", 3)
    assert line.pickup.look()
    assert line.pickup.catalogue.model("a").champion().number == 2
    assert line.pickup.catalogue.model("a").aliased("previous").state == "unavailable"
    # Readiness is not taken back.
    assert line.pickup.complete
    go_on.set()
    line.look()
    assert line.states("a") == ["ready"] * 3
    assert line.pickup.catalogue.model("a").champion().number == 3


ODD_ANSWERS: dict[str, Callable[[], httpx.Response]] = {
    "not JSON": lambda: answer(200, b"<html>"),
    "a list": lambda: answer(200, b"[]"),
    "nested": lambda: answer(200, b'{"registered_model":' + b"[" * 9000),
    "half a surrogate pair": lambda: answer(200, b'{"model_versions": ["\\ud800"]}'),
    "an error": lambda: answer(500, b"{}"),
    "a redirect": lambda: answer(302, location="http://elsewhere"),
    "too large": lambda: answer(200, **{"content-length": str(2**40)}),
    "compressed": lambda: answer(200, b"x", **{"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("what", ODD_ANSWERS)
@pytest.mark.parametrize("question", ["registered-models/get?name=odd", "filter=name='odd'"])
def test_a_model_that_cannot_be_read_stays_as_it_was_and_keeps_nobody(
    line: Line, what: str, question: str, caplog: pytest.LogCaptureFixture
) -> None:
    for model in ("odd", "z"):
        line.tracking.model(model)
        line.tracking.version(model, FILES)
    line.look()
    line.memory.before = lambda url: ODD_ANSWERS[what]() if question in url.replace("+", " ") else None
    line.tracking.version("z", FILES)
    for _ in range(3):
        line.look()
    assert line.states("odd") == ["ready"] and line.states("z") == ["ready", "ready"]
    assert "cannot be used" in (line.pickup.last_error or "")
    told = [each.getMessage() for each in caplog.records if "model=odd" in each.getMessage()]
    assert len(told) == 1 and "model unread, serving what is known" in told[0]
    line.memory.before = lambda _url: None
    line.tracking.version("odd", FILES)
    line.look()
    assert line.states("odd") == ["ready", "ready"] and line.pickup.last_error is None


def test_one_model_that_is_never_read_does_not_keep_the_server_unready(line: Line) -> None:
    for model in ("odd", "z"):
        line.tracking.model(model)
        line.tracking.version(model, FILES)
    line.memory.before = lambda url: answer(500) if "name=odd" in url else None
    line.look()
    assert line.states("z") == ["ready"] and not line.pickup.complete
    line.look()
    line.look()
    assert line.pickup.complete


def test_with_the_server_down_a_look_ends_soon_and_changes_nothing(line: Line) -> None:
    for model in ("a", "b", "c", "d"):
        line.tracking.model(model)
        line.tracking.version(model, FILES)
    line.look()
    before = line.pickup.catalogue

    def down(url: str) -> httpx.Response | None:
        if "registered-models/search" in url:
            return None
        raise httpx.ReadTimeout("late")

    line.memory.asked.clear()
    line.memory.before = down
    with pytest.raises(ServiceDownError):
        line.pickup.look()
    assert len(line.memory.asked) == 3 and line.pickup.catalogue is before
    line.memory.before = lambda _url: answer(500)
    with pytest.raises(UnreadableAnswerError):
        line.pickup.look()
    assert line.pickup.catalogue is before


def test_models_that_do_not_answer_keep_nobody(line: Line) -> None:
    names = [f"m{i}" for i in range(9)]
    for model in names:
        line.tracking.model(model)
        line.tracking.version(model, FILES)
    late = {"m0", "m1", "m2", "m4", "m5"}

    def before(url: str) -> httpx.Response | None:
        if any(f"name={name}" in url for name in late):
            raise httpx.ReadTimeout("late")
        return None

    line.memory.before = before
    for _ in range(9):
        with contextlib.suppress(ServiceDownError):
            line.pickup.look()
    assert set(line.pickup.catalogue.models) == set(names) - late
    assert line.pickup.complete and "late" in (line.pickup.last_error or "")
    # None of those that are late is passed over for the others.
    late.clear()
    line.look()
    assert set(line.pickup.catalogue.models) == set(names) and line.pickup.last_error is None


ENTRIES: list[tuple[dict[str, Any], str | None]] = [
    ({"tags": [{"key": "state", "value": 5}]}, "Expected `str`, got `int`"),
    ({"tags": {}}, "Expected `array`"),
    ({"run_id": 5}, "got `int`"),
    ({"tags": [{"key": "state", "value": "ready"}, {"key": "x", "value": "y" * 100_001}]}, "length <= 100000"),
    ({"tags": [{"key": str(i), "value": ""} for i in range(1001)]}, "length <= 1000"),
    ({"creation_timestamp": -5}, ">= 0"),
    ({"source": "s" * 5000}, "length <= 4096"),
    ({"version": "²"}, None),
    ({"version": "9" * 5000}, None),
    ({"version": None}, None),
]


@pytest.mark.parametrize(("fields", "reason"), ENTRIES)
def test_an_entry_that_cannot_be_read_is_alone(line: Line, fields: dict[str, Any], reason: str | None) -> None:
    good = {"version": "1", "run_id": "r", "source": "models:/m-1", "tags": [{"key": "state", "value": "failed"}]}
    body = json.dumps({"model_versions": [{**good, "version": "2", **fields}, good]}).encode()
    line.tracking.model("a")
    line.memory.before = lambda url: answer(200, body) if "model-versions/search" in url else None
    line.look()
    versions = line.versions("a")
    assert versions[1].state == "failed"
    assert list(versions) == ([1] if reason is None else [1, 2])
    if reason is not None:
        assert versions[2].state == "unavailable" and reason in (versions[2].reason or "")


def test_pages_that_do_not_end_are_that_model_s_fault(line: Line) -> None:
    for model in ("a", "odd"):
        line.tracking.model(model)
    line.tracking.version("a", FILES)
    endless = orjson.dumps({"model_versions": [], "next_page_token": "again"})
    line.memory.before = lambda url: answer(200, endless) if "filter=name='odd'" in url.replace("+", " ") else None
    line.look()
    assert line.states("a") == ["ready"] and "do not end" in (line.pickup.last_error or "")


def test_no_more_of_a_file_is_read_than_may_be(line: Line) -> None:
    sent = []

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            for _ in range(200):
                sent.append(1)
                yield bytes(2**20)

    line.tracking.model("a")
    line.tracking.version("a", FILES)
    line.memory.before = lambda url: httpx.Response(200, stream=Endless()) if url.endswith("scoring.json") else None
    line.look()
    assert line.states("a") == ["unavailable"]
    assert "more than 33,554,432 bytes" in (line.versions("a")[1].reason or "") and len(sent) == 33


def test_what_was_served_is_restored_and_what_is_altered_is_fetched_anew(line: Line) -> None:
    line.tracking.model("a")
    for seed in (1, 2):
        line.tracking.version("a", artifact(seed))
    line.tracking.alias("a", "champion", 1)
    line.look()
    altered = line.versions("a")[1].required_numbers().digests[SCORING_FILE]
    objects = line.directory / "cache" / "objects"
    (objects / altered).write_bytes(b"{}")
    line.memory.before = lambda _url: answer(500)
    line.restarted()._restore()
    assert line.states("a") == ["unavailable", "ready"] and line.pickup.complete
    assert line.pickup.catalogue.models["a"].aliases == {"champion": 1}
    line.memory.before = lambda _url: None
    line.memory.asked.clear()
    line.look()
    assert line.states("a") == ["ready", "ready"]
    assert len(line.downloads()) == 1


def test_a_kind_that_is_not_installed_is_its_version_s_matter(line: Line) -> None:
    line.tracking.model("a")
    for kind in ({}, {"kind": "kmeans"}, {"kind": "soap-bubbles"}, {"kind": ""}):
        line.tracking.version("a", FILES, kind)
    line.look()
    line.restarted()._restore()
    assert line.states("a") == ["ready", "ready", "unavailable", "ready"]
    reason = line.versions("a")[3].reason
    assert reason and "'soap-bubbles'; installed are kmeans" in reason
    # Whoever changes the tag of a version that is served changes nothing of what answers.
    line.look()
    line.tracking.tag("a", 1, "kind", "soap-bubbles")
    line.look()
    assert line.states("a")[0] == "ready" and line.versions("a")[1].required_numbers().kind.name == "kmeans"
    # Nor after a restart, to which the cache tells the kind: with the registry down, and when it answers again.
    for is_down in (True, False):
        line.restarted()._restore()
        if not is_down:
            line.look()
        assert line.states("a")[0] == "ready" and line.versions("a")[1].tags["kind"] == "soap-bubbles"
        assert line.versions("a")[1].required_numbers().kind.name == "kmeans"


@pytest.mark.parametrize(
    "served",
    [
        [],
        {"models": [5], "checked_at": None},
        {"models": [{"name": "a", "aliases": {"champion": 2**62}, "versions": []}], "checked_at": None},
        {"models": [{"name": "a", "aliases": {}, "versions": [{"number": 1}]}], "checked_at": 1.0},
    ],
)
def test_another_picture_in_the_cache_is_left_alone(line: Line, served: Any) -> None:
    line.pickup._cache.write_registry("http://memory", served)
    line.tracking.model("a")
    line.tracking.version("a", FILES)
    line.restarted()._restore()
    assert line.pickup.catalogue.models == {}
    line.look()
    assert line.states("a") == ["ready"]


def test_a_cache_that_cannot_be_written_costs_a_line_and_no_answer(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.tracking.model("a")
    line.tracking.version("a", FILES)
    for left in (line.directory / "cache" / "objects", line.directory / "cache"):
        left.rmdir()
    for _ in range(3):
        line.look()
    assert line.states("a") == ["ready"]
    assert sum("local cache not written" in each.getMessage() for each in caplog.records) == 1


def test_the_cache_of_an_earlier_commit_is_restored(tmp_path: Path) -> None:
    with tarfile.open(KEPT) as archive:
        archive.extractall(
            tmp_path,
            [m for m in archive if m.name.startswith("./serving") or m.name.startswith("serving")],
            filter="data",
        )
    directory = tmp_path / "serving"
    uri = orjson.loads((directory / "registry.json").read_bytes().partition(b"\n")[2])["tracking_uri"]
    pickup = Pickup(Registry(TrackingServer(uri)), LocalCache(directory), kinds(), models=(), poll_s=1, grace_s=60)
    pickup._restore()
    models = pickup.catalogue.models
    found = {name: [version.state for version in model.versions.values()] for name, model in models.items()}
    assert found == {"kept": ["ready"] * 3, "kept-cumulative": ["ready"], "kept-sweep-cumulative": ["ready"] * 2}
