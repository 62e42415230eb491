"""The documentation site: it is made without a warning, and no link inside it leads nowhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from contract import environment
from serving.kinds.installed import kinds
from serving.pages.openapi import client_document
from tests.services import ROOT

pytestmark = pytest.mark.long

SPHINX = ("-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--conf-dir", "docs", ".")


class Page(HTMLParser):
    """What a page of the site has and points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        self.links += [given[name] for name in ("href", "src") if name in given]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """The pages of the site, as `make docs` makes it."""
    assert " ".join(SPHINX[1:]) in (ROOT / "Makefile").read_text(encoding="utf-8").replace(" --jobs auto", "")
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run([sys.executable, *SPHINX, str(target)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return {path: Page(path.read_text(encoding="utf-8")) for path in target.rglob("*.html")}


def _astray(path: Path, site: dict[Path, Page]) -> Iterator[str]:
    for link in site[path].links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file() or (
            parts.fragment and target in site and unquote(parts.fragment) not in site[target].ids
        ):
            yield link


def test_no_link_leads_nowhere(site: dict[Path, Page]) -> None:
    assert len(site) > 60
    assert not {path.name: astray for path in site if (astray := [*_astray(path, site)])}


def test_the_reference_has_all_that_there_is(site: dict[Path, Page]) -> None:
    text = {path.stem: page.text for path, page in site.items() if path.parent.name == "reference"}
    assert not [name for name in environment.KNOWN if name not in text["settings"]]
    routes = client_document(kinds(), with_key=True)["paths"]
    assert not [path for path in routes if path not in text["routes"]]
    for command in ("python -m pipeline replay", "python -m infra up", "python -m serving"):
        assert f"Usage: {command} [OPTIONS]" in text["commands"]
    for key in ("columns.*.type", "cut.window", "model.rank", "features.*.max_categories", "gate.max_rmse"):
        assert key in text["stream-file"]
