"""Routes that match the whole path: Starlette's leave a line break at its end out, and know none within."""

from __future__ import annotations

import re
from typing import Any

from starlette.routing import Route


class WholePathRoute(Route):
    """A route whose parameters may hold any character that a path can, `%0A` among them."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z", re.DOTALL)
