"""Artifacts and stored lists of a recommender that are not what they should be: their version's matter alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contract.model_version import ResultsFile
from contract.recommender import ITEM_FACTORS_FILE, USER_FACTORS_FILE, USERS_FILE, ListsManifest, lists_to_json
from serving.stored_rows.range_cache import RangeCache
from tests.unit.serving.kinds.als.artifacts import made
from tests.unit.serving.kinds.als.recommending_server import ALS, EXPLICIT, WHOLE
from tests.unit.serving.kinds.test_seam import Line
from tests.unit.serving.stored_rows.counting_store import CountingStore


def stored_lists(users: list[str], rows: list[tuple[list[str], list[float], list[str], list[float]]]) -> bytes:
    texts, floats = pa.list_(pa.string()), pa.list_(pa.float32())
    names, types = ("items", "scores", "rated_items", "ratings"), (texts, floats, texts, floats)
    told = {name: pa.array(each, of) for name, each, of in zip(names, zip(*rows, strict=True), types, strict=True)}
    buffer = io.BytesIO()
    pq.write_table(pa.table({"_user": pa.array(users), **told}), buffer)
    return buffer.getvalue()


def test_stored_lists_that_could_not_be_answered_are_refused_with_their_file(tmp_path: Path) -> None:
    sound = (["7", "-2147483648"], [2.0, 1.0], ["0"], [5.0])
    odd: list[tuple[list[str], list[float], list[str], list[float]]] = [
        (["x"], [1.0], [], []),
        (["1" + "0" * 5000], [1.0], [], []),
        (["1_0"], [1.0], [], []),
        (["07"], [1.0], [], []),
        (["7"], [float("nan")], [], []),
        ([], [], ["2147483648"], [1.0]),
        ([], [], ["7"], [float("inf")]),
    ]
    of, line = made(whole=True, users=len(odd) + 1), Line(tmp_path)
    model = line.tracking.model("lists")
    line.tracking.version(model, of.files, ALS)
    line.tracking.tag(model, 1, "results", "m")
    line.look()
    body = stored_lists([*of.users], [sound, *odd])
    run_id = str(line.pickup.catalogue.models[model].versions[1].run_id)
    file = ResultsFile("a-key", "e", len(body), len(of.users), (of.users[0],), (of.users[-1],))
    store: Any = CountingStore(
        {"a-key": body, "m": lists_to_json(ListsManifest(model, run_id, len(of.users), (file,)))}
    )
    line.stored = RangeCache(store, tmp_path / "ranges", 10**6)
    line.stored.prepare()
    paths = [f"/api/lists/v1/recommendations/{quote(user)}" for user in of.users]
    first, *others = line.ask(*(("GET", path, None) for path in paths))
    assert first.status_code == 200 and [each["item"] for each in first.json()["recommendations"]] == [7, -(2**31)]
    for answer in others:
        assert answer.status_code == 502 and "a-key" in answer.json()["message"], answer.text
        assert len(answer.content) < 1000


def test_names_that_could_not_be_answered_are_their_version_s_matter(tmp_path: Path) -> None:
    line = Line(tmp_path)
    model = line.tracking.model("odd")
    text = WHOLE.files["swathe/users.txt"]
    odd = {**WHOLE.files, "swathe/users.txt": text[: text.rindex(b'"n')] + b'"\\ud800"\n'}
    raw = {**WHOLE.files, "swathe/users.txt": text[: text.rindex(b'"n')] + b'"\xed\xa0\x80"\n'}
    items = WHOLE.files["swathe/items.txt"]
    wholes = [
        {**WHOLE.files, "swathe/items.txt": items.replace(b'"0"', b'"%s"' % name)}
        for name in (b"0.5", b"-9999999999999999999", b"-2147483649", b"0_1")
    ]
    smile = {**WHOLE.files, "swathe/users.txt": text[: text.rindex(b'"n')] + b'"\\ud83d\\ude00"\n'}
    for files in (odd, raw, *wholes):
        line.tracking.version(model, files, ALS)
    line.tracking.version(model, {**smile, "swathe/golden.json": _without_the_last_user()}, ALS)
    lowest = {name: body.replace(b'"0"', b'"-2147483648"') for name, body in WHOLE.files.items()}
    line.tracking.version(model, lowest, ALS)
    line.look()
    versions = line.pickup.catalogue.models["odd"].versions
    assert [version.state for version in versions.values()] == ["unavailable"] * 6 + ["ready"] * 2
    reasons = [version.reason or "" for version in versions.values()]
    assert "is no text" in reasons[0] and "a JSON string a line" in reasons[1]
    assert all("is no integer" in reason for reason in reasons[2:6])


def _without_the_last_user() -> bytes:
    golden = json.loads(WHOLE.files["swathe/golden.json"])
    return json.dumps({**golden, "users": golden["users"][:-1]}).encode()


def test_a_golden_file_that_tells_nothing_is_its_version_s_matter(tmp_path: Path) -> None:
    line = Line(tmp_path)
    model = line.tracking.model("odd")
    golden = json.loads(EXPLICIT.files["swathe/golden.json"])
    far = [{**user, "factors": [9.0] * 3} for user in golden["users"]]
    odd: list[dict[str, Any]] = [{"users": []}, {"pairs": []}, {"longest": 1e300, "users": far}]
    for changed in odd:
        line.tracking.version(
            model, {**EXPLICIT.files, "swathe/golden.json": json.dumps({**golden, **changed}).encode()}, ALS
        )
    line.look()
    assert [version.state for version in line.pickup.catalogue.models["odd"].versions.values()] == ["unavailable"] * 3


@pytest.mark.parametrize(
    "name", [USER_FACTORS_FILE, ITEM_FACTORS_FILE, USERS_FILE, "swathe/golden.json", "swathe/statistics.json"]
)
def test_an_artifact_that_is_not_what_it_should_be_is_its_version_s_matter(tmp_path: Path, name: str) -> None:
    line = Line(tmp_path)
    model = line.tracking.model("odd")
    line.tracking.version(model, {**EXPLICIT.files, name: made(seed=9, users=5).files[name]}, ALS)
    line.tracking.version(model, EXPLICIT.files, ALS)
    line.look()
    odd, sound = line.pickup.catalogue.models["odd"].versions.values()
    assert (odd.state, sound.state) == ("unavailable", "ready") and odd.reason and str(tmp_path) not in odd.reason
