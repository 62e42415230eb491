"""MLflow on PostgreSQL instead of SQLite: the same services, commands and versions."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.infra.postgresql import PASSWORD, postgresql
from tests.integration.train.conftest import Lab, batch
from tests.services import infra, port_block, settings_for

pytestmark = pytest.mark.long


def test_versions_are_numbered_by_mlflow_on_postgresql(tmp_path: Path) -> None:
    with port_block() as ports, postgresql(ports[-1]) as where:
        uri = f"postgresql+psycopg://swathe:{quote(PASSWORD, safe='')}@{where}"
        chosen = settings_for(tmp_path / "data", ports) | {"SWATHE_MLFLOW_BACKEND_URI": uri}
        try:
            infra("up", "--without", "serving", environ=chosen)
            lab = Lab(json.loads(infra("env", "--json", environ=chosen).stdout), tmp_path)
            lab.land(batch(400, 1), batch(2, 2), batch(400, 3))
            assert lab.train(SWATHE_FAULT="train.run-ended:3")[0] != 0
            code, said = lab.train()
            assert code == 0, said
            assert lab.states() == [(1, "ready"), (2, "failed"), (3, "ready")]
            code, said = lab.train()
            assert code == 0 and "nothing to do" in said, said
            # Doctor looks at the whole machine; what other tests' killed trainers left there is not this one's.
            (tmp_path / "tmp").mkdir()
            alone = {"TMPDIR": str(tmp_path / "tmp"), "MLFLOW_ENV_ROOT": str(tmp_path / "envs")}
            code, said = lab.doctor("--older-than", "1d", **alone)
            assert code == 0 and "0 things found" in said, said
            before = lab.versions()
            lab.delete_version(3)
            code, said = lab.pipeline("restore", lab.name)
            assert code == 0 and lab.versions() == before, said
        finally:
            infra("down", environ=chosen, check=False)
        assert not (tmp_path / "data" / "mlflow" / "mlflow.db").exists()
        # The password is in no file that others can read.
        for path in (tmp_path / "data").rglob("*"):
            if path.is_file() and path.stat().st_mode & 0o077:
                assert quote(PASSWORD, safe="") not in path.read_text(errors="ignore"), path
