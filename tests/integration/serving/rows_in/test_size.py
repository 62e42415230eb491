"""3,000,000 stored rows: any page or row soon, in memory that does not grow."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from contract.model_version import RESULTS_ROW_GROUP_ROWS
from tests.integration.serving.conftest import NewServer
from tests.integration.serving.registered import Maker

ROWS = 3_000_000


@pytest.mark.long
@pytest.mark.timeout(900)
def test_any_page_and_row_of_three_million_is_there_in_50_ms(
    new_server: NewServer, maker: Maker, model: str, tmp_path: Path
) -> None:
    made = maker.version(model, tmp_path, n=ROWS, row_groups=RESULTS_ROW_GROUP_ROWS, files=4)
    server = new_server(SWATHE_SERVING_MODELS=model).start()
    results = f"{made.path}/clustering-results"
    rng = random.Random(1)
    asked = [f"{results}/{made.row_ids[i]}" for i in rng.sample(range(ROWS), 60)]
    for cluster in range(4):
        cursor = server.get(results, limit=1000, cluster=cluster)["next_cursor"]
        asked.append(f"{results}?limit=1000&cluster={cluster}&cursor={cursor}")
    for path in asked:
        server.get(path)
    api = server.api_process()
    before = api.memory_full_info().pss
    # The fastest of several: what else runs on the machine is not what is tested.
    fastest = dict.fromkeys(asked, 1.0)
    for path in rng.sample(asked * 8, len(asked) * 8):
        began = time.perf_counter()
        server.get(path)
        fastest[path] = min(fastest[path], time.perf_counter() - began)
    with server.http.stream("GET", results, headers={"accept": "application/x-ndjson"}) as lines:
        assert sum(1 for _ in lines.iter_lines()) == ROWS
    assert api.memory_full_info().pss - before < 150 * 2**20
    assert max(fastest.values()) < 0.05
    assert server.stop() == 0
