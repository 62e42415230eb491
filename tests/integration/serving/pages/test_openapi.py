"""The OpenAPI page, taken at its word: what it declares is answered, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.serving.conftest import Served


def test_no_request_that_the_page_allows_or_forbids_gets_an_undeclared_answer(served: Served, tmp_path: Path) -> None:
    paths = [path for path in served.server.get("/openapi.json")["paths"] if "/v1" in path or "v2_" not in path]
    assert any(path.endswith("/v1/predict") for path in paths)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{served.server.url}/openapi.json"),
            *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance"),
            *("--checks", "response_schema_conformance", "--max-examples", "25", "--seed", "7"),
            *("--exclude-path-regex", "champion|/v2$|versions/2", "--workers", "1", "--no-color"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "unexpected error" not in served.server.said()
