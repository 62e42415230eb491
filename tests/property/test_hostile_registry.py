"""Whatever a registry or a store holds: the other versions are picked up, and no page breaks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract.lineage import Lineage, Transition, lineage_to_json
from contract.model_version import ALIASES, GOLDEN_FILE, LINEAGE_FILE, SCORING_FILE, STATISTICS_FILE
from contract.tracking import TrackingServer
from contract.version_facts import FACTS_FILE, VersionFacts, facts_to_json
from serving.kinds.clusters.clustering import clustering
from serving.kinds.clusters.statistics import cluster_statistics
from serving.kinds.installed import kinds
from serving.metrics import Metrics
from serving.pages import inference_documents, openapi
from serving.pages.ui.page import UserInterface
from serving.service import Service
from serving.versions.cache import LocalCache
from serving.versions.catalogue import Catalogue
from serving.versions.pickup import Pickup
from serving.versions.registry import Registry
from tests.integration.serving import typed
from tests.memory_tracking import MemoryTracking, answer
from tests.tracking import Tracking, artifact

LABELS = ("C1", "C2", "C3", "C4")
GOOD = artifact()
TYPED = typed.artifact()
TOLD = Lineage(
    LABELS, ("C9",), 10, 1,
    (Transition("survived", ("C1",), ("C1",), 0.9), Transition("split", ("C2",), ("C2", "C3"), 0.8),
     Transition("merged", ("C3",), ("C4",), 0.7), Transition("appeared", (), ("C3",), 1.0)),
)  # fmt: skip
WITH_LINEAGE = {
    **GOOD,
    LINEAGE_FILE: lineage_to_json(TOLD),
    FACTS_FILE: facts_to_json(
        VersionFacts(
            {0: (3, 9), 11: (0, 2)},
            1,
            "x",
            "2024-01-01/2024-01-02",
            0.5,
            "r",
            0.4,
            1.0,
            "large",
            metrics={"silhouette": 0.5, "drift/psi_max": 1.7976931348623157e308, "</script>": -1e308},
        )
    ),
}

HOSTILE: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([2**31, 2**40, 2**63, 2**64, -1, 10**4000, 1e308, -1e308, 5e-324, 1e-320, 0, 1, 0.0, 1.0, 0.5]),
    st.sampled_from(
        [float("nan"), float("inf"), None, True, [], {}, "", "²", "x" * 2000, "\ud800", "\x00", "</script>"]
    ),
    st.sampled_from([[None], [[]], [{}], {"": {}}, ["C1"], ["C1", "C2"], [0.0] * 2000]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=5),
)
ANY_JSON = st.recursive(
    HOSTILE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def _nested(depth: int) -> bytes:
    return b'{"clusters":' * depth + b"[" * depth


@st.composite
def changed(draw: st.DrawFn, body: bytes) -> bytes:
    """A good file in which a value or two somewhere are others, or gone."""
    fields = json.loads(body)
    for _ in range(draw(st.integers(1, 2))):
        at: Any = fields
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and draw(st.integers(0, 4)):
                at = at[key]
                continue
            if draw(st.integers(0, 4)):
                at[key] = draw(HOSTILE)
            else:
                del at[key]
            break
    return json.dumps(fields).encode()


@st.composite
def artifacts(draw: st.DrawFn) -> dict[str, bytes]:
    """An artifact of which one file or more may be anything."""
    files = dict(draw(st.sampled_from([GOOD, WITH_LINEAGE, WITH_LINEAGE, TYPED, TYPED])))
    for name in draw(st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=2, unique=True)):
        body = files[name]
        files[name] = draw(
            st.one_of(
                changed(body),
                changed(body),
                changed(body),
                ANY_JSON.map(lambda fields: json.dumps(fields).encode()),
                st.binary(max_size=100),
                st.integers(0, len(body)).map(lambda end, body=body: body[:end]),  # type: ignore[misc]
                st.integers(1, 5000).map(_nested),
            )
        )
    return files


NAMES = [
    "kind",
    "batch",
    "rows",
    "rejected",
    "offsets",
    "window",
    "results",
    "silhouette",
    "ref_silhouette",
    "gate",
    "gate_reason",
    "drift",
    "drift_reason",
    "rolled_back",
    "stream",
    "scheme",
    "reason",
    "x",
]
TAG = st.one_of(
    st.sampled_from(
        ["²", "9" * 5000, "nan", "-inf", "1e999", "x", "a/b", "/", "\x00", "<b>", "y" * 100_000, "-1", "1_0"]
    ),
    st.sampled_from(['{"0": [1, 2]}', '{"0": [1e400, 2]}', "[" * 9000, '{"0":' * 900, "2020-01-01/2020-01-02", "null"]),
    # Like addresses with credentials, which are taken out of what is kept.
    st.sampled_from(['http://h/?token=a"b', "http://u:p@h/", "http://h/?" + "?token" * 16_000, 'http://a:"@h\\']),
    st.text(max_size=20).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)),
)
TAGS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, TAG))

# Each of these once stopped the whole pick-up, or a page of all versions.
NO_ROWS_WENT = {**WITH_LINEAGE, LINEAGE_FILE: WITH_LINEAGE[LINEAGE_FILE].replace(b'"share": 0.9', b'"share": 0')}
GOLDINT = {**GOOD, GOLDEN_FILE: GOOD[GOLDEN_FILE].replace(b'"clusters": [', b'"clusters": [1099511627776, ')}
NO_HOUR = {**TYPED, STATISTICS_FILE: TYPED[STATISTICS_FILE].replace(b'"mean": 5.5', b'"mean": 1e308')}
NO_CATEGORY = {**TYPED, STATISTICS_FILE: TYPED[STATISTICS_FILE].replace(b'"carrier": {', b'"x": {')}
LONE_HALF = {**TYPED, SCORING_FILE: TYPED[SCORING_FILE].replace(b'"B6"', b'"\\ud800"')}
STATLIST = {**GOOD, STATISTICS_FILE: b'{"clusters": [{"features": []}]}'}


# One of each, over whatever catalogue is put there: templates are compiled once.
SHOWN = SimpleNamespace(catalogue=Catalogue(), last_error=None, complete=True)
SERVICE = Service(SHOWN, kinds(), None, "http://memory")  # type: ignore[arg-type]
PAGE = UserInterface(SERVICE, kinds())
METRICS = Metrics(lambda: SERVICE.catalogue, kinds())


def show(catalogue: Catalogue) -> None:
    """Make every page there is."""
    SHOWN.catalogue = catalogue
    orjson.dumps(SERVICE.models())
    orjson.dumps(openapi.document(catalogue, SERVICE.default_model(), kinds(), with_key=True))
    METRICS.text()
    orjson.dumps(inference_documents.repository_index(catalogue, only_ready=False))
    for model in catalogue.models.values():
        assert PAGE.page(model.name).startswith(b"<!doctype html>")
        for name in [*(f"v{number}" for number in model.versions), *(set(ALIASES) & set(model.aliases))]:
            version = SERVICE.select(model.name, name).version
            assert version.chain_json
            if version.state == "ready":
                orjson.dumps(cluster_statistics(clustering(version)))
                orjson.dumps(inference_documents.model_metadata(model, version))
            else:
                assert version.reason and "\n" not in version.reason and len(version.reason) <= 300


class Line:
    """A registry of a model `good`, and of a model `odd` whose first version is good too."""

    def __init__(self, directory: str) -> None:
        self.memory = MemoryTracking()
        self.tracking = Tracking("http://memory", self.memory)
        for model in ("good", "odd"):
            self.tracking.version(self.tracking.model(model), GOOD)
        self.tracking.alias("good", "champion", 1)
        cache = LocalCache(Path(directory))
        cache.prepare()
        registry = Registry(TrackingServer("http://memory"), transport=self.memory)
        self.pickup = Pickup(registry, cache, kinds(), models=(), poll_s=1, grace_s=60)

    def look(self) -> Catalogue:
        while self.pickup.look():
            pass
        return self.pickup.catalogue

    def proves_itself(self) -> None:
        """Show every page, and that what comes to `good` now is picked up; then start anew from the cache."""
        show(self.look())
        self.tracking.version("good", GOOD)
        self.tracking.alias("good", "champion", 2)
        catalogue = self.look()
        show(catalogue)
        good = catalogue.models["good"]
        assert [version.state for version in good.versions.values()] == ["ready", "ready"]
        assert good.aliases == {"champion": 2}
        assert self.pickup.complete
        again = Pickup(self.pickup._registry, self.pickup._cache, kinds(), models=(), poll_s=1, grace_s=60)
        again._restore()
        assert {name: list(model.versions) for name, model in again.catalogue.models.items()} == {
            name: list(model.versions) for name, model in catalogue.models.items()
        }
        show(again.catalogue)


def test_a_typed_version_is_shown_and_a_spoilt_one_says_which_file() -> None:
    files = {
        SCORING_FILE: TYPED[SCORING_FILE].replace(b'"format": 2', b'"format": 1'),
        STATISTICS_FILE: NO_CATEGORY[STATISTICS_FILE],
        GOLDEN_FILE: TYPED[GOLDEN_FILE].replace(b'"string"', b'"long"'),
    }
    with tempfile.TemporaryDirectory() as directory:
        line = Line(directory)
        line.tracking.version("odd", TYPED)
        for name, body in files.items():
            line.tracking.version("odd", {**TYPED, name: body})
        line.proves_itself()
        versions = list(line.pickup.catalogue.models["odd"].versions.values())
        assert [version.state for version in versions] == ["ready"] * 2 + ["unavailable"] * 3
        for version, name in zip(versions[2:], files, strict=True):
            assert version.reason and name in version.reason


LIMITS = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@LIMITS
@example(GOLDINT, {})
@example(STATLIST, {})
@example(NO_HOUR, {})
@example(NO_CATEGORY, {})
@example(LONE_HALF, {})
@example(NO_ROWS_WENT, {})
@example(GOOD, {"rows": "²"})
@example(GOOD, {"x": 'http://h/?token=a"b'})
@example(GOOD, {"rejected": "9" * 5000})
@example(GOOD, {"offsets": '{"0":' * 900 + "1" + "}" * 900})
@given(artifacts(), TAGS)
def test_any_artifact_and_any_tags_are_one_version_s_matter(files: dict[str, bytes], tags: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        line = Line(directory)
        line.tracking.version("odd", files, tags)
        line.tracking.version("odd", GOOD)
        line.proves_itself()
        states = [version.state for version in line.pickup.catalogue.models["odd"].versions.values()]
        assert states[0] == states[2] == "ready" and len(states) == 3


def _in_place_of(question: str, body: bytes, status: int) -> Callable[[str], httpx.Response | None]:
    return lambda url: answer(status, body) if question in url.replace("+", " ") else None


@LIMITS
@given(
    st.sampled_from(["registered-models/get?name=odd", "filter=name='odd'"]),
    st.one_of(
        st.binary(max_size=60),
        ANY_JSON.map(lambda fields: json.dumps(fields).encode()),
        st.lists(ANY_JSON, max_size=3).map(lambda entries: json.dumps({"model_versions": entries}).encode()),
        st.fixed_dictionaries({"version": ANY_JSON, "tags": ANY_JSON, "source": ANY_JSON, "run_id": ANY_JSON}).map(
            lambda entry: json.dumps({"model_versions": [entry, {"version": "7"}]}).encode()
        ),
        st.lists(st.fixed_dictionaries({"alias": ANY_JSON, "version": ANY_JSON}), max_size=3).map(
            lambda entries: json.dumps({"registered_model": {"aliases": entries}}).encode()
        ),
    ),
    st.sampled_from([200, 200, 200, 200, 404, 302, 400, 403, 500, 503]),
)
def test_any_answer_about_a_model_is_that_model_s_matter(question: str, body: bytes, status: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        line = Line(directory)
        line.look()
        line.memory.before = _in_place_of(question, body, status)
        line.proves_itself()
