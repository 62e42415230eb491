"""The server that the tests of recommenders ask; it is started once for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.serving.kinds.als.recommending_server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield Server(tmp_path_factory.mktemp("server"))
