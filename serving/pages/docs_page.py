"""`/docs`: the OpenAPI page for people, from files that are installed here, so it works without the internet."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

ASSETS: Final = "/docs-assets"


def page(base: str) -> bytes:
    """Return the page; its links begin with ``base``."""
    html = get_swagger_ui_html(
        openapi_url=f"{base}/openapi.json",
        title="Swathe: every route",
        swagger_js_url=f"{base}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{base}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{base}{ASSETS}/favicon.png",
        swagger_ui_parameters={"docExpansion": "none"},
    )
    return bytes(html.body)


def assets() -> Mount:
    """Return the route of the page's scripts and styles."""
    return Mount(ASSETS, StaticFiles(directory=Path(str(files("fastapi_offline"))) / "static"))
