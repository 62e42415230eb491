"""What runs, where, and whether it answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.table import Table

from console.output import output
from contract.errors import ServiceDownError
from infra import credentials
from infra.layout import Layout
from infra.run.supervisor import ProcessState, Supervisor
from infra.service import Service
from infra.services.all import REQUIRED, all_services
from infra.settings import Settings

_PROBE_S = 5.0


@dataclass(frozen=True)
class ServiceStatus:
    """One line of `status`. ``answers`` is None where there is nothing to ask; ``reason`` says why not."""

    service: str
    state: str
    pid: int | None
    address: str
    answers: bool | None
    reason: str | None
    log: str

    @property
    def well(self) -> bool:
        """Whether this service is as it should be."""
        if self.answers is None:
            # One that ends and is started again is in BACKOFF or FATAL for most of the time.
            return self.state in {"RUNNING", "STARTING"}
        return self.answers or self.off

    @property
    def off(self) -> bool:
        """Whether it was left out on purpose."""
        return self.state == "STOPPED" and self.service not in REQUIRED


def supervised(settings: Settings, layout: Layout) -> Supervisor | None:
    """Return the supervisor of ``layout``, or None if none answers."""
    if not layout.credentials.exists():
        return None
    supervisor = Supervisor(settings, layout, credentials.load(layout), timeout_s=_PROBE_S)
    return supervisor if supervisor.answers() else None


def status(settings: Settings, layout: Layout) -> list[ServiceStatus]:
    """Return the status of every service of ``layout``, which run with ``settings``."""
    supervisor = supervised(settings, layout)
    states = supervisor.states() if supervisor else {}
    services = all_services(settings)
    with ThreadPoolExecutor(len(services)) as pool:
        return list(pool.map(lambda service: _status_of(service, states.get(service.name), layout), services))


def _status_of(service: Service, state: ProcessState | None, layout: Layout) -> ServiceStatus:
    answers, reason = _ask(service, state)
    return ServiceStatus(
        service=service.name,
        state=state.state if state else "NOT RUNNING",
        pid=state.pid or None if state else None,
        address=service.address,
        answers=answers,
        reason=reason,
        log=str(layout.log(service.name)),
    )


def _ask(service: Service, state: ProcessState | None) -> tuple[bool | None, str | None]:
    """Return whether the service answers, and why not; None where there is nothing to ask."""
    if service.probe is None:
        return None, None
    if state is None:
        # Whatever answers at this address, another clone's service perhaps, is not this one.
        return False, "not started"
    try:
        service.probe(_PROBE_S)
    except ServiceDownError as error:
        return False, error.reason
    return True, None


def show(found: list[ServiceStatus]) -> None:
    """Print the statuses as a table for people."""
    shown = Table("service", "state", "process", "address", "answers")
    for each in found:
        answers = {True: "yes", False: f"no ({each.reason})", None: ""}[each.answers]
        if each.off:
            answers = "off"
        shown.add_row(each.service, each.state, str(each.pid or ""), each.address, answers)
    terminal = output()
    # Into a file or a pipe nothing is folded: lines are for grep there.
    console = terminal if terminal.is_terminal else output(width=200)
    console.print(shown)
