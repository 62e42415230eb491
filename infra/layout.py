"""Where the services of one clone keep what is theirs, below its data directory."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

MARK_VARIABLE = "_SWATHE_MARK"


@dataclass(frozen=True)
class Layout:
    """The paths below ``data`` (default `.local/`)."""

    data: Path

    @property
    def credentials(self) -> Path:
        """Generated passwords, mode 0600."""
        return self.data / "credentials.env"

    @property
    def settings(self) -> Path:
        """The settings that the running services were started with."""
        return self.data / "settings.json"

    @property
    def supervisor_configuration(self) -> Path:
        """The process supervisor's configuration; holds its password, mode 0600."""
        return self.data / "supervisord.conf"

    @property
    def lock(self) -> Path:
        """Held while services are started, stopped or removed."""
        return self.data / "infra.lock"

    @property
    def took(self) -> Path:
        """What the last start took, by step, in seconds."""
        return self.data / "took.json"

    @property
    def logs(self) -> Path:
        """One log file per service."""
        return self.data / "logs"

    def log(self, service: str) -> Path:
        """Log of ``service``, its output and its errors."""
        return self.logs / f"{service}.log"

    def command(self, service: str) -> Path:
        """What the launcher runs for ``service``; holds passwords, mode 0600."""
        return self.data / "commands" / f"{service}.json"

    def mark(self, service: str = "") -> str:
        """Value of the environment variable that all processes of ``service`` carry, and no others do.

        Without a service: the beginning that the marks of all services of this data directory share.
        """
        return f"{sha256(str(self.data).encode()).hexdigest()[:16]}:{service}"

    def make(self) -> None:
        """Make the directories; the data directory can be entered by its owner only."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        for directory in (self.logs, self.data / "commands"):
            directory.mkdir(exist_ok=True, mode=0o700)
