"""One thing that is left over, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["run", "version", "series", "ledger", "results", "rejects", "environment", "directory"]


@dataclass(frozen=True)
class Finding:
    """``remedy`` says what ``fix`` does, or, where that is None, what a person does."""

    kind: Kind
    name: str
    why: str
    remedy: str
    fix: Callable[[], None] | None = None


@dataclass(frozen=True)
class Examination:
    """All that was found of a stream, and what of it was put away."""

    stream: str
    findings: Sequence[Finding]
    put_away: Sequence[Finding]

    @property
    def fixes(self) -> list[Finding]:
        """What can be put away here."""
        return [finding for finding in self.findings if finding.fix is not None]

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints; `docs/commands.md` says what its keys mean."""
        findings = [
            {
                "kind": finding.kind,
                "name": finding.name,
                "why": finding.why,
                "remedy": finding.remedy,
                "fixable": finding.fix is not None,
                "put_away": finding in self.put_away,
            }
            for finding in self.findings
        ]
        return {"stream": self.stream, "findings": findings}
