"""`up`, `down`, `status`, `env`, `clean`: real services, started and stopped by the commands people type."""

from __future__ import annotations

import json
import shutil
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import pytest

from infra.run.processes import marked
from tests.integration.infra.conftest import Instance
from tests.integration.infra.data import assert_found, leave
from tests.services import infra, settings_for

# The order of these tests spares starts, which take the longest; each of them holds in any other order as well.


def test_without_services_ever_started_the_command_that_starts_them_is_named(
    tmp_path: Path, shared_instance: Instance
) -> None:
    nothing = settings_for(tmp_path / "nothing", shared_instance.ports)
    for command in ("env", "logs"):
        refused = infra(command, environ=nothing, check=False)
        assert refused.returncode == 1, command
        assert "Traceback" not in refused.stderr
    assert "infra up" in infra("env", environ=nothing, check=False).stderr


@pytest.mark.parametrize("name", ["SWATHE_PORT_KAKFA", "SWATHE_PROT_MLFLOW"])
def test_a_misspelt_setting_is_refused_by_every_command(stopped: Instance, name: str) -> None:
    for command in ("up", "down", "status", "env", "logs", "setup"):
        refused = infra(command, environ=stopped.environ | {name: "1"}, check=False)
        assert refused.returncode == 1, command
        assert "did you mean SWATHE_PORT_" in refused.stderr, command


def test_a_port_in_use_is_named_with_its_setting_and_nothing_is_started(stopped: Instance) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(stopped.environ["SWATHE_PORT_MLFLOW"])))
        taken.listen()
        refused = infra("up", environ=stopped.environ, check=False)
    assert refused.returncode == 1
    assert f"port {stopped.environ['SWATHE_PORT_MLFLOW']} of the MLflow server" in refused.stderr
    assert "SWATHE_PORT_MLFLOW" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert stopped.nothing_is_left()


def test_up_twice_and_at_once_starts_everything_once(stopped: Instance) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: stopped.up(), range(2)))
    before = stopped.status()
    stopped.up()
    assert stopped.status() == before
    assert {name: each["answers"] for name, each in before.items()} == {
        "mlflow": True,
        "minio": True,
        "kafka": True,
        "serving": False,
        "watchdog": None,
    }


def test_other_settings_are_refused_while_the_services_run(running: Instance) -> None:
    other = running.environ | {"SWATHE_PORT_MINIO": str(running.ports[-1])}
    refused = infra("up", environ=other, check=False)
    assert refused.returncode == 1
    assert f"SWATHE_PORT_MINIO={running.environ['SWATHE_PORT_MINIO']}" in refused.stderr
    assert "infra down" in refused.stderr


def test_status_does_not_take_another_clones_services_for_its_own(running: Instance, tmp_path: Path) -> None:
    same_ports = running.environ | {"SWATHE_DATA": str(tmp_path / "data")}
    shown = infra("status", "--json", environ=same_ports, check=False)
    assert shown.returncode == 1
    assert {each["state"] for each in json.loads(shown.stdout)} == {"NOT RUNNING"}
    assert not any(each["answers"] for each in json.loads(shown.stdout))
    refused = infra("up", environ=same_ports, check=False)
    assert refused.returncode == 1
    assert f"port {running.environ['SWATHE_PORT_KAFKA']} of the Kafka broker is in use" in refused.stderr
    assert running.status()["kafka"]["answers"]


def test_every_port_is_bound_to_loopback_only(running: Instance) -> None:
    listening = [
        connection.laddr.ip
        for process in marked(running.layout.mark())
        for connection in process.net_connections(kind="tcp")
        if connection.status == "LISTEN"
    ]
    assert len(listening) >= 6
    assert [address for address in listening if not ip_address(address.removeprefix("::ffff:")).is_loopback] == []


def test_what_holds_a_password_can_be_read_by_its_owner_only(running: Instance) -> None:
    secret = running.env()["AWS_SECRET_ACCESS_KEY"]
    data = running.layout.data
    holding = [file for file in data.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]
    assert running.layout.credentials in holding
    for file in holding:
        closed = [parent for parent in (file, *file.parents) if parent.is_relative_to(data)]
        assert any(stat.S_IMODE(each.stat().st_mode) & 0o077 == 0 for each in closed), file
    for process in marked(running.layout.mark()):
        assert secret not in " ".join(process.cmdline())


def test_the_printed_environment_can_be_sourced(running: Instance) -> None:
    lines = infra("env", environ=running.environ).stdout
    shown = subprocess.run(
        [
            "/bin/sh",
            "-c",
            'eval "$1"; python -c "import infra, os; print(os.environ[\'MLFLOW_TRACKING_URI\'])"',
            "sh",
            lines,
        ],
        cwd=Path(__file__).parents[3],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == f"http://127.0.0.1:{running.environ['SWATHE_PORT_MLFLOW']}\n"


def test_logs_shows_the_ends_and_names_what_there_is(running: Instance) -> None:
    shown = infra("logs", "kafka", "-n", "1000", environ=running.environ).stdout
    assert "Kafka Server started" in shown
    refused = infra("logs", "kafak", environ=running.environ, check=False)
    assert refused.returncode == 1
    assert "kafka" in refused.stderr


def test_another_clone_runs_beside_it_and_is_left_alone(running: Instance, services: dict[str, str]) -> None:
    word = leave(services)
    infra("down", environ=running.environ)
    assert_found(services, word)
    assert services["AWS_SECRET_ACCESS_KEY"] != running.env()["AWS_SECRET_ACCESS_KEY"]


def test_a_service_that_does_not_start_is_shown_with_the_end_of_its_log(stopped: Instance) -> None:
    broken = stopped.environ | {"SWATHE_MLFLOW_BACKEND_URI": "sqlite:////dev/null/mlflow.db"}
    refused = infra("up", "--without", "serving", environ=broken, check=False)
    assert refused.returncode == 1
    assert "mlflow does not start" in refused.stderr
    assert "File exists: '/dev/null'" in refused.stderr
    assert str(stopped.layout.log("mlflow")) in refused.stderr
    assert "Traceback" not in refused.stderr.partition("\n")[0]
    # Nothing goes on with the wrong setting: the next `up` may come with the right one.
    assert stopped.nothing_is_left()
    stopped.up()


def test_down_leaves_no_process_and_no_port_and_keeps_the_data(running: Instance) -> None:
    word = leave(running.env())
    assert infra("status", environ=running.environ).returncode == 0
    # A shell where the ports were never set: the services are found by their data directory.
    bare = {name: value for name, value in running.environ.items() if not name.startswith("SWATHE_PORT")}
    shown = json.loads(infra("env", "--json", environ=bare).stdout)
    assert shown["SWATHE_KAFKA_BOOTSTRAP_SERVERS"] == f"127.0.0.1:{running.ports[0]}"
    infra("down", environ=bare)
    assert running.nothing_is_left()
    refused = infra("status", environ=bare, check=False)
    assert refused.returncode == 1
    assert "mlflow, minio, kafka" in refused.stderr
    assert "infra up" in refused.stderr
    assert "No services were running" in infra("down", environ=bare).stderr
    assert "infra up" in infra("env", environ=bare).stderr
    running.up()
    assert_found(running.env(), word)


def test_clean_refuses_while_services_run_and_removes_only_what_is_ours(running: Instance) -> None:
    refused = infra("clean", "--yes", environ=running.environ, check=False)
    assert refused.returncode == 1
    assert "infra down" in refused.stderr
    infra("down", environ=running.environ)
    beside = running.layout.data / "not ours.txt"
    beside.write_text("kept")
    infra("clean", "--yes", environ=running.environ)
    assert list(running.layout.data.iterdir()) == [beside]
    shutil.rmtree(running.layout.data)
