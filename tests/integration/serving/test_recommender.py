"""A recommender in a real server: by a worker as by itself, with everything else down, and in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.integration.serving.conftest import NewServer
from tests.integration.serving.prediction_server import PredictionServer
from tests.integration.serving.recommenders import register
from tests.integration.serving.registered import Maker
from tests.integration.serving.relay import relay
from tests.line import wait_for
from tests.unit.serving.kinds.als.artifacts import Made, made

ONE, TWO = made(whole=True), made(whole=True, seed=3)


def best(of: Made, user: int, n: int, exclude: Any) -> list[int]:
    return [int(of.items[i]) for i, _ in of.scorer.recommend(of.scorer.recommender.user_factors[user], n, exclude)]


def ratings(of: Made, user: int) -> list[dict[str, Any]]:
    return [{"item": of.items[place], "rating": rating} for place, rating in of.given[user].items()]


def recommended(server: PredictionServer, path: str, body: Any) -> httpx.Response:
    return server.http.post(
        f"{path}/recommend", content=json.dumps(body).encode(), headers={"content-type": "application/json"}
    )


def test_it_answers_by_a_worker_and_with_everything_else_down(
    new_server: NewServer, services: dict[str, str], maker: Maker, model: str, tmp_path: Path
) -> None:
    register(maker, model, ONE)
    maker.alias(model, "champion", 1)
    path = f"/api/{model}/champion"
    # A user's own ratings, behind thousands of items that nobody knows: no work for the event loop.
    many = [{"item": f"x{i}", "rating": 1} for i in range(9_990)] + ratings(ONE, 2)
    with relay(services["MLFLOW_TRACKING_URI"]) as mlflow, relay(services["AWS_ENDPOINT_URL_S3"]) as minio:
        server = new_server(SWATHE_SERVING_MODELS=model, MLFLOW_TRACKING_URI=mlflow.url, AWS_ENDPOINT_URL_S3=minio.url)
        server.start()
        stored = server.get(f"{path}/recommendations/{ONE.users[2]}")
        assert [each["item"] for each in stored["recommendations"]] == best(ONE, 2, 100, ONE.given[2])
        assert {each["item"]: each["rating"] for each in stored["ratings"]} == {
            int(ONE.items[place]): rating for place, rating in ONE.given[2].items()
        }
        for down in (False, True):
            if down:
                mlflow.down()
                minio.down()
                assert server.stop() == 0
                server.start()
            for given in (ratings(ONE, 2), many):
                answer = recommended(server, path, {"ratings": given, "n": 4}).json()
                assert answer.get("message") is None, answer
                assert [each["item"] for each in answer["recommendations"]] == best(ONE, 2, 4, ONE.given[2])
                assert (answer["basis"], len(answer["unknown_items"])) == ("ratings", len(given) - len(ONE.given[2]))
            together = recommended(server, path, {"users": [{"ratings": ratings(ONE, u % 6)} for u in range(1000)]})
            firsts = [user["recommendations"][0]["item"] for user in together.json()["users"]]
            assert firsts == [best(ONE, user % 6, 1, ONE.given[user % 6])[0] for user in range(1000)]
            assert server.get(f"{path}/recommendations/{ONE.users[2]}") == stored
            assert server.get("/api/items", limit=1)["items"][0]["item"] == int(ONE.items[int(ONE.rated.order[0])])
        # Whoever clears the cache pulls nothing away from what answers; a worker, which opens it, says what to do.
        for copy in (tmp_path / "cache" / "objects").iterdir():
            copy.unlink()
        assert recommended(server, path, {"ratings": ratings(ONE, 2)}).status_code == 200
        for worker in server.workers():
            worker.kill()
        server.wait("/health/ready")
        # Until the next workers are there, a request may still be one that the last ones lost.
        answers: list[httpx.Response] = []

        def is_told() -> bool:
            answers.append(recommended(server, path, {"ratings": many}))
            return answers[-1].status_code != 503

        wait_for(is_told)
        assert answers[-1].status_code == 409 and "restart the server" in answers[-1].json()["message"]
        assert server.stop() == 0


@pytest.mark.long
def test_in_a_real_browser(new_server: NewServer, maker: Maker, model: str, chromium_page: Page) -> None:
    for each in (ONE, TWO):
        register(maker, model, each)
    large = made(whole=True, first=2**53 + 1)
    register(maker, maker.model(f"{model}-large"), large)
    server = new_server(SWATHE_SERVING_MODELS=f"{model},{model}-large").start()
    page = chromium_page
    page.goto(f"{server.url}/ui", wait_until="networkidle")
    row = page.locator("table.profile tbody tr").first
    assert row.locator("th").inner_text() == "v2" and "0.900" in row.inner_text() and "0.950" in row.inner_text()
    # The most rated at first, then those that begin so; three are rated, by keyboard.
    expect(page.locator("#found button")).to_have_count(20)
    page.get_by_label("Item begins with").fill("7")
    expect(page.locator("#found button")).not_to_have_count(20)
    begins = [text.split(" · ")[0] for text in page.locator("#found button").all_inner_texts()]
    assert begins and all(item.startswith("7") for item in begins)
    page.get_by_label("Item begins with").fill("1")
    expect(page.locator("#found button").first).to_have_text(re.compile("^1"))
    chosen = [button.inner_text().split(" · ")[0] for button in page.locator("#found button").all()[:3]]
    for number, rating in zip(range(3), ("5", "1", "4"), strict=True):
        page.locator("#found button").nth(number).focus()
        page.keyboard.press("Enter")
        page.keyboard.type(rating)
    page.get_by_role("button", name="Ask all versions").click()
    expect(page.locator(".recommended li")).to_have_count(20)
    body = {"ratings": [{"item": item, "rating": int(r)} for item, r in zip(chosen, ("5", "1", "4"), strict=True)]}
    for version in ("v1", "v2"):
        shown = page.get_by_role("region", name=version, exact=True).locator("li").all_inner_texts()
        answer = recommended(server, f"/api/{model}/{version}", body).json()["recommendations"]
        assert shown == [f"{each['item']} · {each['score']:.3f}" for each in answer]
    page.get_by_role("button", name=f"Remove {chosen[0]}", exact=True).click()
    assert page.locator("#rated li").count() == 2
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    # An id that a number in a browser cannot hold is rated as it is.
    chosen = [large.items[int(place)] for place in large.rated.order if int(large.items[int(place)]) % 2][:2]
    page.goto(f"{server.url}/ui/{model}-large", wait_until="networkidle")
    for item in chosen:
        page.locator("#found button", has_text=item).click()
    with page.expect_request("**/recommend") as sent:
        page.get_by_role("button", name="Ask all versions").click()
    body = json.loads(sent.value.post_data or "")
    assert [each["item"] for each in body["ratings"]] == chosen
    expect(page.locator(".recommended li")).to_have_count(10)
    assert page.locator(".basis").inner_text() == "By your ratings."
    answer = recommended(server, f"/api/{model}-large/v1", body).json()["recommendations"]
    shown = page.locator(".recommended li").all_inner_texts()
    assert shown == [f"{each['item']} · {each['score']:.3f}" for each in answer]
    assert server.stop() == 0
