"""`python -m infra run <service>`: what the process supervisor starts, and what then becomes the service.

It ends what is left of the service's predecessor, waits for its ports, and replaces itself by the program.
On the way of every restart, so it imports as little as it can.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from contract import remedies
from infra.layout import MARK_VARIABLE, Layout
from infra.run.processes import end, wait_for_port

HOST = "127.0.0.1"
_PATIENCE_S = 3.0
_PORT_S = 15.0


def launch(arguments: Sequence[str]) -> NoReturn:
    """Become the service named by ``arguments``: ``[service, data directory]``."""
    if len(arguments) != 2:
        sys.exit("usage: infra run SERVICE DATA_DIRECTORY (the process supervisor calls this)")
    service, layout = arguments[0], Layout(Path(arguments[1]))
    try:
        command = json.loads(layout.command(service).read_text())
    except OSError as error:
        sys.exit(f"{service} was never prepared ({error}); start it with {remedies.infra_up()}")
    ended = end(layout.mark(service), patience_s=_PATIENCE_S)
    if ended:
        _say(f"event=predecessor_ended service={service} processes={','.join(map(str, ended))}")
    for port in command["ports"]:
        if not wait_for_port(HOST, port, _PORT_S):
            sys.exit(f"event=port_in_use service={service} port={port}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SUPERVISOR_")}
    environment |= {**command["environment"], MARK_VARIABLE: layout.mark(service)}
    _say(f"event=starting service={service}")
    argv = command["argv"]
    os.execve(argv[0], argv, environment)  # noqa: S606 (argv is ours, made by `infra up`)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
