"""The process supervisor: supervisord, its configuration and its control channel.

The channel is a password-protected port on loopback: a socket file's path may have 108 characters only,
and clones live deeper than that.
"""

from __future__ import annotations

import http.client
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

from contract.errors import ServiceDownError, StopError
from infra.credentials import Credentials
from infra.files import write_private
from infra.layout import MARK_VARIABLE, Layout
from infra.service import HOST, Service
from infra.settings import ROOT, Settings

USER = "swathe"
# Set for clients; in a service they would point it at itself, or at another cloud.
_FOREIGN = ("AWS_", "MLFLOW_", "MINIO_", "SWATHE_")
_UP_S = 15.0

# Fault number of supervisor's own xmlrpc module.
_ALREADY_STARTED = 60


@dataclass(frozen=True)
class ProcessState:
    """How the supervisor sees one program: RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL…"""

    name: str
    state: str
    pid: int
    since_s: float


def configuration(settings: Settings, layout: Layout, credentials: Credentials, services: Sequence[Service]) -> str:
    """Return supervisord's configuration for ``services``; none of them starts by itself."""
    lines = [
        "[supervisord]",
        f"logfile={_escape(layout.log('supervisord'))}",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        f"pidfile={_escape(layout.data / 'supervisord.pid')}",
        f"identifier=swathe-{layout.mark().rstrip(':')}",
        "umask=077",
        *(["user=root"] if os.geteuid() == 0 else []),
        "[inet_http_server]",
        f"port={HOST}:{settings.port_supervisor}",
        f"username={USER}",
        f"password={credentials.supervisor_password}",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisorctl]",
        f"serverurl=http://{HOST}:{settings.port_supervisor}",
        f"username={USER}",
        f"password={credentials.supervisor_password}",
    ]
    for service in services:
        lines += _program(service, layout)
    return "\n".join(lines) + "\n"


def _program(service: Service, layout: Layout) -> list[str]:
    command = shlex.join([sys.executable, "-m", "infra", "run", service.name, str(layout.data)])
    return [
        f"[program:{service.name}]",
        f"command={_escape(command)}",
        f"directory={_escape(ROOT)}",
        f'environment={MARK_VARIABLE}="{layout.mark(service.name)}"',
        f"stdout_logfile={_escape(layout.log(service.name))}",
        "stdout_logfile_maxbytes=20MB",
        "stdout_logfile_backups=1",
        "redirect_stderr=true",
        "autostart=false",
        "autorestart=true",
        f"startsecs={service.steady_s}",
        # Three quick failures make it FATAL, so that `up` can tell; the watchdog tries again later.
        "startretries=3",
        "stopasgroup=true",
        "killasgroup=true",
        f"stopwaitsecs={service.stop_s}",
    ]


def _escape(value: object) -> str:
    return str(value).replace("%", "%%")


class Supervisor:
    """The control channel of the supervisor of one data directory."""

    def __init__(self, settings: Settings, layout: Layout, credentials: Credentials, timeout_s: float = 60.0) -> None:
        self._settings = settings
        self._layout = layout
        self.address = f"http://{HOST}:{settings.port_supervisor}"
        url = f"http://{USER}:{credentials.supervisor_password}@{HOST}:{settings.port_supervisor}/RPC2"
        self._server = xmlrpc.client.ServerProxy(url, transport=_Transport(timeout_s))

    def answers(self) -> bool:
        """Return whether the supervisor of this data directory is there and takes orders."""
        try:
            return str(self._call("getIdentification")) == f"swathe-{self._layout.mark().rstrip(':')}"
        except ServiceDownError:
            return False

    def launch(self, environ: Mapping[str, str] = os.environ) -> None:
        """Start supervisord in the background and wait until it answers.

        Raises
        ------
        StopError: it does not; its log's end is the message.
        """
        environment = {name: value for name, value in environ.items() if not name.startswith(_FOREIGN)}
        environment[MARK_VARIABLE] = self._layout.mark("supervisord")
        argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._layout.supervisor_configuration)]
        started = subprocess.run(
            argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        deadline = time.monotonic() + _UP_S
        while not self.answers():
            if started.returncode != 0 or time.monotonic() > deadline:
                said = (started.stderr or started.stdout).strip()[-1500:]
                raise StopError(f"the process supervisor does not start: {said or self._layout.log('supervisord')}")
            time.sleep(0.1)

    def states(self) -> dict[str, ProcessState]:
        """Return the state of every program by its name."""
        return {
            each["name"]: ProcessState(each["name"], each["statename"], each["pid"], each["now"] - each["start"])
            for each in self._call("getAllProcessInfo")
        }

    def start(self, name: str) -> None:
        """Start a program, unless it runs; do not wait."""
        self._call("startProcess", name, False, unless=(_ALREADY_STARTED,))

    def shutdown(self) -> None:
        """Stop everything, the supervisor last; do not wait."""
        self._call("shutdown")

    def _call(self, method: str, *arguments: object, unless: Sequence[int] = ()) -> Any:
        try:
            return getattr(self._server.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in unless:
                return None
            raise StopError(f"the process supervisor refuses {method}{arguments}: {fault.faultString}") from fault
        except xmlrpc.client.ProtocolError as error:
            raise ServiceDownError("supervisor", self.address, f"HTTP {error.errcode}") from error
        except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError) as error:
            raise ServiceDownError("supervisor", self.address, str(error)) from error


def write_configuration(
    settings: Settings, layout: Layout, credentials: Credentials, services: Sequence[Service]
) -> None:
    """Write supervisord's configuration, readable by its owner only: it holds the password."""
    write_private(layout.supervisor_configuration, configuration(settings, layout, credentials, services))


class _Transport(xmlrpc.client.Transport):
    """The standard transport, with a timeout and without proxies."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = self._timeout_s
        return connection
