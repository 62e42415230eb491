"""Starting the services: only those that do not run, and not before their ports are known to be free."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from contract.errors import ConfigurationError, ServiceDownError, StopError, SwatheError
from infra import credentials
from infra.bring import toolchain
from infra.files import write_private
from infra.layout import Layout
from infra.minio.service import NAME as MINIO
from infra.minio.service import make_buckets
from infra.progress import Progress
from infra.run import running_settings
from infra.run.down import exclusive, stop
from infra.run.logs import last_lines
from infra.run.processes import end, listener_of, port_is_free
from infra.run.supervisor import Supervisor, write_configuration
from infra.service import HOST, Service, Start
from infra.services.all import all_services, wanted_services
from infra.settings import Settings

_ALIVE = frozenset({"RUNNING", "STARTING", "BACKOFF"})
_PATIENCE_S = 10.0
# One that dies after some seconds, again and again, never becomes FATAL: to the supervisor it was running.
_TRIES = 2


def up(asked: Settings, *, without: frozenset[str], progress: Progress) -> Settings:
    """Start what is missing, wait until every service answers, and return the settings they run with.

    Raises
    ------
    StopError: a setting, a port or a missing part is in the way, or a service does not start.
    """
    layout = Layout(asked.data)
    layout.make()
    with exclusive(layout, progress):
        secrets = credentials.load_or_create(layout)
        tools = toolchain.bring(asked, progress)
        settings = running_settings.load_or(layout, asked)
        supervisor = Supervisor(settings, layout, secrets)
        running = supervisor.answers()
        if running:
            running_settings.refuse_changes(settings, asked)
        else:
            end(layout.mark(), patience_s=_PATIENCE_S)  # orphans of a supervisor that was killed
            settings = asked
            supervisor = Supervisor(settings, layout, secrets)
        wanted = wanted_services(settings, without)
        alive = {name for name, state in supervisor.states().items() if state.state in _ALIVE} if running else set()
        _check_ports([service for service in wanted if service.name not in alive], settings, supervised=running)
        if not running:
            running_settings.save(settings, layout)
            write_configuration(settings, layout, secrets, all_services(settings))
            supervisor.launch()
        start = Start(settings, layout, secrets, tools, Path(sys.executable))
        try:
            # The one that may have to be built comes last: the others start while it is.
            for service in sorted(wanted, key=lambda each: each.name == MINIO):
                if service.name not in alive:
                    _start(service, start, supervisor)
            _wait(wanted, supervisor, layout, progress)
            make_buckets(settings, secrets)
        except SwatheError:
            # What this command began it takes back, so that the next one may come with corrected settings.
            if not running:
                stop(settings, layout, progress)
            raise
    return settings


def _check_ports(services: Sequence[Service], settings: Settings, *, supervised: bool) -> None:
    ports = {name: (port, service.title) for service in services for name, port in service.ports.items()}
    if not supervised:
        ports["SWATHE_PORT_SUPERVISOR"] = (settings.port_supervisor, "process supervisor")
    taken = [
        f"port {port} of the {title} is in use by {listener_of(port) or 'another program'}: stop that, "
        f"or set {name} to a free port"
        for name, (port, title) in ports.items()
        if not port_is_free(HOST, port)
    ]
    if taken:
        raise ConfigurationError("; ".join(taken))


def _start(service: Service, start: Start, supervisor: Supervisor) -> None:
    command = service.prepare(start)
    content = {
        "argv": command.argv,
        "environment": dict(command.environment),
        "ports": list(service.ports.values()),
    }
    write_private(start.layout.command(service.name), json.dumps(content, indent=1))
    supervisor.start(service.name)


def _wait(services: Sequence[Service], supervisor: Supervisor, layout: Layout, progress: Progress) -> None:
    waiting = {service.name: service for service in services if service.probe is not None}
    processes: dict[str, set[int]] = {name: set() for name in waiting}
    begun = time.monotonic()
    with progress.step(f"Starting {', '.join(waiting)}", total=len(waiting), unit="answer", name="services") as step:
        while waiting:
            reasons = {name: reason for name, service in waiting.items() if (reason := _no_answer(service))}
            waiting = {name: waiting[name] for name in reasons}
            step.reach(len(processes) - len(waiting))
            states = supervisor.states()
            for name, service in waiting.items():
                processes[name] |= {states[name].pid} - {0}
                gave_up = states[name].state == "FATAL" or len(processes[name]) > _TRIES
                if gave_up or time.monotonic() - begun > service.start_s:
                    raise _failure(service, reasons[name], layout)
            if waiting:
                step.say(f"waiting for {', '.join(waiting)}")
                time.sleep(0.2)


def _no_answer(service: Service) -> str | None:
    try:
        if service.probe is not None:
            service.probe(1.0)
    except ServiceDownError as error:
        return error.reason
    return None


def _failure(service: Service, reason: str, layout: Layout) -> StopError:
    log = layout.log(service.name)
    return StopError(
        f"{service.name} does not start: {service.address} does not answer ({reason}). The end of its log, {log}:\n"
        + "\n".join(f"  {line}" for line in last_lines(log, 15))
    )
