"""`/ui`: what it shows, and in a real Chromium that it works by keyboard, on a phone and without the internet."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from contract.lineage import Lineage, Transition
from contract.version_facts import VersionFacts
from tests.integration.serving import typed
from tests.integration.serving.conftest import NewServer, Served
from tests.integration.serving.prediction_server import PredictionServer
from tests.integration.serving.registered import FEATURES, Maker
from tests.line import wait_for

BROWSER = {"accept": "text/html,application/xhtml+xml"}
LABELS = ("C1", "C2", "C3", "C4")


def _page(server: PredictionServer, path: str = "/ui") -> httpx.Response:
    answer = server.http.get(path, headers=BROWSER)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"), answer.text
    return answer


def test_every_version_is_there_with_its_state_reason_alias_and_run(served: Served) -> None:
    text = _page(served.server, f"/ui/{served.model}").text
    assert text == _page(served.server).text
    for facts in served.server.versions(served.model).values():
        assert f">v{facts['version']}" in text and f'class="state {facts["state"]}"' in text
        assert facts["run_url"] is None or facts["run_url"] in text
    assert "3 usable rows are fewer than 5 clusters" in text and "golden rows get another answer" in text
    assert '<span class="badge champion">champion</span>' in text
    assert "1,500" in text and "do not record what became" in text
    assert "Record time, UTC" in text and "What these words mean" in text
    for feature in FEATURES:
        assert f'name="{feature}"' in text


def test_it_needs_nothing_from_elsewhere_and_runs_nothing_that_is_in_it(served: Served) -> None:
    answer = _page(served.server)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', re.sub(r"<a .*?>", "", answer.text, flags=re.S))
    assert loaded and all(path.startswith("/ui-assets/") for path in loaded)
    assert [served.server.code(path) for path in loaded] == [200] * len(loaded)
    assert "<style" not in answer.text and " style=" not in answer.text and "onclick" not in answer.text


def test_it_is_linked_from_the_root(served: Served) -> None:
    assert served.server.get("/")["page for people"] == "/ui"
    assert 'href="/ui"' in _page(served.server, "/").text


def test_an_unknown_model_is_told_the_known_ones(served: Served) -> None:
    answer = served.server.http.get("/ui/nothing", headers=BROWSER)
    assert answer.status_code == 404 and served.model in answer.json()["message"]


def test_names_from_the_registry_are_text_whatever_they_hold(
    new_server: NewServer, maker: Maker, tmp_path: Path
) -> None:
    hostile = f'<img src=x onerror="alert(1)">{uuid.uuid4().hex[:6]}'
    model = maker.model(hostile)
    maker.failed(model, "<script>alert('reason')</script>")
    server = new_server(SWATHE_SERVING_MODELS=model).start()
    text = _page(server).text
    assert "<img" not in text and "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert server.stop() == 0


def test_before_there_is_a_version_it_says_so(new_server: NewServer, model: str) -> None:
    server = new_server(SWATHE_SERVING_MODELS=model).start()
    assert "No version is registered yet" in _page(server).text
    assert server.stop() == 0


@pytest.fixture
def three(new_server: NewServer, maker: Maker, model: str, tmp_path: Path) -> Iterator[PredictionServer]:
    """A server of three versions that know what became of their clusters, and of a failed one."""
    maker.version(model, tmp_path, seed=1, lineage=Lineage(LABELS, (), 5, None, ()), ref_silhouette="0.41")
    for seed in (2, 3):
        transitions = [Transition("survived", (label,), (label,), 0.9) for label in LABELS[:3]]
        told = Lineage(LABELS, (), 5, seed - 1, (*transitions, Transition("vanished", ("C4",), (), 0.0)))
        metrics = {"ndcg@10": seed / 8, "drift/psi_max": 0.2}
        facts = VersionFacts(
            {}, 0, ref_silhouette=0.4, drift="moderate", drift_reason="distance moved by 0.2", metrics=metrics
        )
        maker.version(model, tmp_path, seed=seed, lineage=told, facts=facts, gate="champion")
    maker.failed(model, "3 usable rows are fewer than 5 clusters")
    maker.alias(model, "champion", 3)
    server = new_server(SWATHE_SERVING_MODELS=model).start()
    yield server
    assert server.stop() == 0


@pytest.mark.long
def test_in_a_real_browser(three: PredictionServer, chromium_page: Page, maker: Maker) -> None:
    asked: list[str] = []
    chromium_page.on("request", lambda request: asked.append(request.url))
    chromium_page.goto(f"{three.url}/ui", wait_until="networkidle")
    assert all(url.startswith(three.url) for url in asked)
    assert chromium_page.locator(".fates .band").count() == 6
    assert chromium_page.get_by_role("img", name="Cluster sizes").is_visible()
    assert "In step" in chromium_page.locator("#freshness").inner_text()
    chromium_page.get_by_text("moderate").first.click()
    assert chromium_page.get_by_text("distance moved by 0.2").first.is_visible()

    # Each metric is a chart; of the failed version they have no point.
    charts = {chart.locator(".name").inner_text(): chart for chart in chromium_page.locator(".line").all()}
    assert list(charts) == ["rows", "ndcg@10", "ref/silhouette", "drift", "drift/psi_max"]
    ndcg, reference = charts["ndcg@10"], charts["ref/silhouette"]
    assert (ndcg.locator("circle").count(), reference.locator("circle").count()) == (2, 1)
    assert ndcg.locator(".at").inner_text() == "v4 · –"
    ndcg.locator("circle").last.hover()
    assert ndcg.locator(".at").inner_text() == "v3 · 0.375"
    chromium_page.get_by_role("slider", name="Version").focus()
    chromium_page.keyboard.press("ArrowLeft")
    assert [ndcg.locator(".at").inner_text(), charts["drift"].locator(".at").inner_text()] == [
        "v2 · 0.25",
        "v2 · moderate",
    ]
    assert chromium_page.get_by_role("slider").get_attribute("aria-valuetext") == "v2"
    chromium_page.get_by_text("The same as a table").click()
    assert chromium_page.get_by_role("row", name="ndcg@10").inner_text().split() == [
        "ndcg@10",
        "–",
        "0.375",
        "0.25",
        "–",
    ]

    # By keyboard alone: to the first field, a value, Enter.
    field = chromium_page.get_by_label(FEATURES[0], exact=True)
    for _ in range(80):
        chromium_page.keyboard.press("Tab")
        if field.evaluate("field => field === document.activeElement"):
            break
    chromium_page.keyboard.press("Control+A")
    chromium_page.keyboard.type("12.5")
    chromium_page.keyboard.press("Tab")
    chromium_page.keyboard.press("Control+A")
    chromium_page.keyboard.press("Delete")
    chromium_page.keyboard.press("Enter")
    chips = chromium_page.locator(".answers .cluster .chip")
    chips.nth(2).wait_for(timeout=5_000)
    model = three.get("/api/models")[0]["name"]
    values = {
        name: None if (text := chromium_page.get_by_label(name, exact=True).input_value()) == "" else float(text)
        for name in FEATURES
    }
    assert values[FEATURES[0]] == 12.5 and values[FEATURES[1]] is None
    for row, number in enumerate((3, 2, 1)):
        answer = three.http.post(f"/api/{model}/v{number}/predict", json={"dataframe_records": [values]}).json()
        assert chips.nth(row).inner_text() == answer["predictions"][0]["label"]

    # One version refuses: it says so in its own row, and the others have answered.
    maker.set_state(model, 2, "failed")
    wait_for(lambda: three.code(f"/api/{model}/v2/cluster-stats") == 409)
    chromium_page.get_by_role("button", name="Ask all versions").click()
    refused = chromium_page.locator(".answers .refused")
    refused.nth(1).wait_for(state="visible", timeout=5_000)
    assert "version 2" in refused.nth(1).inner_text()
    assert [refused.nth(row).is_visible() for row in range(3)] == [False, True, False]
    assert chips.count() == 2


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_goes_sideways(three: PredictionServer, chromium_page: Page, scheme: str) -> None:
    chromium_page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    chromium_page.set_viewport_size({"width": 360, "height": 740})
    chromium_page.goto(f"{three.url}/ui", wait_until="networkidle")
    assert chromium_page.evaluate("document.documentElement.scrollWidth") <= 360
    light = sum(int(x) for x in re.findall(r"\d+", chromium_page.evaluate("getComputedStyle(document.body).color"))[:3])
    assert (light > 384) == (scheme == "dark")
    # Each thing that can be used has a name, and every row of the table is there as a card.
    named = "e.innerText || e.ariaLabel || e.labels?.length"
    unnamed = f"[...document.querySelectorAll('a,button,input')].filter(e => !({named}))"
    assert chromium_page.evaluate(f"{unnamed}.length") == 0
    assert chromium_page.locator(".versions tbody tr").count() == 4


@pytest.mark.long
def test_a_typed_row_is_tried_by_choices_and_a_clock(
    new_server: NewServer, maker: Maker, model: str, chromium_page: Page, tmp_path: Path
) -> None:
    for seed in (1, 2):
        maker.version(model, tmp_path, seed=seed, is_typed=True)
    server = new_server(SWATHE_SERVING_MODELS=model).start()
    chromium_page.goto(f"{server.url}/ui", wait_until="networkidle")
    chromium_page.get_by_role("combobox", name="carrier", exact=True).select_option(label=typed.CARRIERS[2])
    # More than a number can hold in a browser.
    chromium_page.get_by_role("combobox", name="stops", exact=True).select_option(label=str(2**62 + 1))
    chromium_page.get_by_role("combobox", name="late", exact=True).select_option(label="missing")
    chromium_page.get_by_label("at", exact=True).fill("2013-07-01T17:30:00")
    chromium_page.get_by_label("distance", exact=True).fill("")
    chromium_page.get_by_role("button", name="Ask all versions").click()
    chips = chromium_page.locator(".answers .cluster .chip")
    chips.nth(1).wait_for(timeout=5_000)
    delay = float(chromium_page.get_by_label("dep delay", exact=True).input_value())
    row = [delay, None, typed.CARRIERS[2], 2**62 + 1, None, "2013-07-01T17:30:00Z"]
    for place, number in enumerate((2, 1)):
        answer = server.http.post(f"/api/{model}/v{number}/predict", json={"inputs": [row]}).json()["predictions"][0]
        told = chromium_page.locator(".answers tbody tr").nth(place)
        assert told.locator(".chip").inner_text() == answer["label"]
        assert told.locator(".distance").inner_text() == f"{answer['distance']:.3f}"
    chromium_page.get_by_role("combobox", name="carrier", exact=True).select_option(label="any other")
    chromium_page.get_by_role("button", name="Ask all versions").click()
    row[2] = "never seen"
    first = server.http.post(f"/api/{model}/v2/predict", json={"inputs": [row]}).json()["predictions"][0]
    wait_for(lambda: chromium_page.locator(".answers .distance").nth(0).inner_text() == f"{first['distance']:.3f}")
    assert chromium_page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert server.stop() == 0
