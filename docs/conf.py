"""The documentation site (`make docs`): the repository's Markdown files where they lie, and the generated reference."""

from __future__ import annotations

project = "Swathe"
html_title = "Swathe"
extensions = ["myst_nb", "docs.generate"]

# Read from the root of the repository: a link is the same one here, in an editor and on a forge.
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**", "infra/README.md", "infra/*/README.md"]
exclude_patterns = [".*", "build", "tests", "bench/out", "**/__pycache__"]

nitpicky = True
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
# It needs the services: a test runs it.
nb_execution_mode = "off"

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["pages/static"]
html_css_files = ["wide.css"]
# `/` of the site leads to its start page.
templates_path = ["pages"]
html_additional_pages = {"index": "to_start.html"}
