"""What the site generates: the reference, from the very objects that the line reads.

A page says ```` ```{generated} stream-file ```` where the text is to stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from docs.generate import command_help, http_routes, settings_table, stream_file

TEXTS: Final[Mapping[str, Callable[[], str]]] = {
    "stream-file": stream_file.text,
    "settings": settings_table.text,
    "commands": command_help.text,
    "routes": http_routes.text,
}


class Generated(SphinxDirective):
    """Puts the Markdown of one of ``TEXTS`` in its place."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(TEXTS[self.arguments[0]](), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive; called by Sphinx."""
    app.add_directive("generated", Generated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
