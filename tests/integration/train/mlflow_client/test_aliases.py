"""Which version bears which alias, where versions fail the gate, trainers die, and a person rolls back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from contract.batch import manifest_key
from pipeline.train.mlflow_client.registry import Registry
from tests.integration.train.conftest import COMMAND_S, ROOT, Lab, batch

GATED = "{k: 3, seed: 7}\ngate: {min_cluster_share: 0.05}"


def moved(rows: pa.Table) -> pa.Table:
    """Return ``rows`` with all centres elsewhere: clustered as well as ever, and no good for the reference sample."""
    return rows.set_column(2, "weight", pc.add(rows["weight"], 30.0))


def lopsided(rows: pa.Table) -> pa.Table:
    """Return ``rows`` without most of one cluster."""
    far = pc.fill_null(pc.greater(rows["distance"], 20), False)
    return pa.concat_tables([rows.filter(pc.invert(far)), rows.filter(far).slice(0, 4)])


def rollback(lab: Lab, fault: str = "") -> tuple[int, str]:
    """Run `python -m pipeline rollback` on the lab's stream."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "rollback", "--stream", str(lab.file)],
        cwd=ROOT,
        env={**lab.environ, "SWATHE_FAULT": fault},
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def aliases(lab: Lab) -> dict[str, int]:
    with lab.registry() as registry:
        return registry.aliases()


@pytest.fixture(scope="module")
def series(make_lab: Callable[..., Lab]) -> Lab:
    """Four versions: two sound, one worse than the champion, one that is not sound; a fifth is to come."""
    lab = make_lab(k=GATED)
    lab.land(batch(400, 1), batch(400, 2), moved(batch(400, 3)), lopsided(batch(400, 4)), batch(400, 5))
    fifth = manifest_key(lab.name, 5)
    body = lab.store.get(fifth)
    assert body is not None
    lab.store.delete(fifth)
    # The first run dies behind version 2's state, the others while they mend that; none of those needs Spark.
    for fault, arguments, left in [
        ("train.state-set:2", (), {"champion": 1}),
        ("train.previous-set", ("--batch", "2"), {"champion": 1, "previous": 1}),
        ("train.aliases-moved", ("--batch", "2"), {"champion": 2, "previous": 1}),
    ]:
        code, said = lab.train(*arguments, SWATHE_FAULT=fault)
        assert code == -signal.SIGKILL, (fault, said)
        assert aliases(lab) == left and lab.states() == [(1, "ready"), (2, "ready")]
        assert "aliased" not in lab.versions()[2].tags
    code, said = lab.train()
    assert code == 0 and "version 2: was registered, is ready now" in said, said
    lab.store.put(fifth, body[0])
    return lab


def test_each_version_bears_what_it_has_earned(series: Lab) -> None:
    tags = {number: version.tags for number, version in series.versions().items() if number <= 4}
    assert [tags[n]["gate"] for n in tags] == ["champion", "champion", "challenger", "none"]
    assert [tags[n]["state"] for n in tags] == ["ready"] * 4
    assert tags[2]["aliased"] == tags[4]["aliased"] == "true"
    assert tags[3]["gate_reason"].startswith("ref/") and series.facts(3).drift == "large"
    assert tags[4]["gate_reason"].startswith("min_cluster_share is 0.0") and "limit 0.05" in tags[4]["gate_reason"]


def test_the_gate_leaves_its_numbers_with_the_run(series: Lab) -> None:
    version = series.versions()[3]
    found = json.loads(series.run_artifact(version.run_id, "swathe/gate.json"))
    assert (found["earned"], found["champion"]) == ("challenger", 2)
    assert [check["name"] for check in found["absolute"]] == ["silhouette", "min_cluster_share", "missing_share"]
    assert all(check["passed"] for check in found["absolute"]) and not all(c["passed"] for c in found["relative"])
    assert f"Gate: **challenger**; {found['reason']}." in series.description(3)


def test_a_rollback_swaps_and_holds(series: Lab) -> None:
    assert aliases(series) == {"champion": 2, "previous": 1, "challenger": 3}
    code, said = rollback(series, "train.rolled-back")
    assert code == -signal.SIGKILL and aliases(series)["champion"] == aliases(series)["previous"] == 1, said
    code, said = rollback(series)
    assert code == 0 and "version 1 is champion, version 2 is previous and rolled back" in said, said
    assert aliases(series) == {"champion": 1, "previous": 2, "challenger": 3}
    assert "rolled_back" in series.versions()[2].tags
    # The next batch is compared with the champion of now; the one that was rolled back stays where it is.
    code, said = series.train()
    assert code == 0 and "version 5: trained on 400 rows" in said, said
    assert aliases(series) == {"champion": 5, "previous": 1}
    assert "rolled_back" in series.versions()[2].tags and "rolled_back" not in series.versions()[1].tags
    assert json.loads(series.run_artifact(series.versions()[5].run_id, "swathe/gate.json"))["champion"] == 1


def test_rolling_back_twice_is_where_one_began(lab: Lab) -> None:
    with lab.registry() as registry:
        _register(registry, 2)
        registry.set_alias("champion", 2)
        code, said = rollback(lab)
        assert code == 1 and "champion 2 and previous none: there is nothing to roll back to" in said, said
        registry.set_alias("previous", 1)
        assert rollback(lab)[0] == 0 and registry.aliases() == {"champion": 1, "previous": 2}
        assert rollback(lab)[0] == 0 and registry.aliases() == {"champion": 2, "previous": 1}
        assert ["rolled_back" in version.tags for version in registry.versions().values()] == [True, False]


def _register(registry: Registry, count: int) -> None:
    registry.ensure_model("")
    for number in range(1, count + 1):
        registry.create_version(
            source="s3://nowhere/else",
            run_id="",
            model_id=None,
            tags={"batch": str(number), "state": "ready", "aliased": "true"},
            description="",
        )
