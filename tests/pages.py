"""The commands on the project's pages: blocks of `sh`, `bash` and `console`, as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.services import ROOT

COMMANDS: Final = frozenset({"sh", "bash", "console"})
# Why a block is run by no test, and what that means.
NOT_RUN: Final = {
    "docker": "no Docker engine where the tests run",
    "conda": "no conda where the tests run",
    "macos": "another operating system",
    "root": "changes the machine",
}
_MARK: Final = re.compile(r"<!-- not run here: (.*?) -->")
_PROMPT: Final = re.compile(r"^\$ (.*(?:\n> .*)*)$", re.MULTILINE)
BEGUN: Final = "@@ step "
# An answer that is an error fails the step, as it would catch a reader's eye; and no server outlives its page.
_SHELL: Final = """
curl() {
  case " $* " in *" --fail "*) ;; *) set -- --fail-with-body "$@" ;; esac
  command curl "$@"
}
trap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT
"""


@dataclass(frozen=True)
class Block:
    """A fenced block; ``not_run`` is why no test runs it, or None. ``line`` is the first of its text."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None

    @property
    def steps(self) -> list[tuple[str, str | None]]:
        """What is typed, and what is then shown; None where the page does not say."""
        if self.language != "console":
            return [(self.text, None)]
        begun = [*_PROMPT.finditer(self.text)]
        ends = [*(each.start() for each in begun[1:]), len(self.text)]
        return [
            (each[1].replace("\n> ", "\n"), self.text[each.end() : end].strip() or None)
            for each, end in zip(begun, ends, strict=True)
        ]


def pages() -> list[str]:
    """Return the pages that a reader may type from."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    found += sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "infra").rglob("README.md"))
    return [path.relative_to(ROOT).as_posix() for path in found]


def tokens(page: str) -> list[Token]:
    """Return the page as Markdown tokens, flat."""
    return MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8"))


def blocks(page: str) -> Iterator[Block]:
    """Yield the page's fenced blocks, in order."""
    before: Token | None = None
    for token in tokens(page):
        if token.type == "fence":
            mark = _MARK.search(before.content) if before is not None and before.type == "html_block" else None
            language = token.info.split()[0] if token.info.strip() else ""
            yield Block(page, (token.map or [0])[0] + 2, language, token.content, mark[1] if mark else None)
        before = token


def commands(page: str) -> list[Block]:
    """Return the page's blocks of commands."""
    return [block for block in blocks(page) if block.language in COMMANDS]


def not_run() -> list[Block]:
    """Return the blocks of all pages that no test runs."""
    return [block for page in pages() for block in commands(page) if block.not_run is not None]


def script(typed: Iterable[str]) -> str:
    """Return a script for `bash -euo pipefail` that types one step after the other, and says which one begins."""
    # What was said before may not have ended its line; the shell would not stop in the middle of a list of `&&`.
    steps = (f"printf '\\n{BEGUN}{number}\\n'\n{step.replace(' && ', chr(10))}\n" for number, step in enumerate(typed))
    return _SHELL + "".join(steps)


def matches(shown: str, said: str) -> bool:
    """Whether a program ``said`` what a page shows, in which `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, said.strip(), flags=re.DOTALL) is not None
