"""What Spark's JVM, MLflow and other libraries say: kept in a log file of bounded size, out of a person's sight.

What of it a person has to know comes back as an error of ours, and the file is named beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import click

from contract.log_lines import Formatter

JVM: Final = "jvm"
"""Name of the logger that hears each line of the JVM's."""
_LOGGERS: Final = {
    **dict.fromkeys((JVM, "mlflow", "alembic"), logging.INFO),
    # They have a line for each call, or for each font.
    **dict.fromkeys(
        ("sqlalchemy.engine", "huey", "py4j", "pyspark", "py.warnings", "matplotlib", "urllib3"), logging.WARNING
    ),
}
_STYLE: Final = "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"
# With the one file before it: what a day of a trainer's says, of one that fails at each look.
MOST_BYTES: Final = 5_000_000


def directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the log files are: SWATHE_LOGS, else beside the services' own, else in the cache."""
    if chosen := environ.get("SWATHE_LOGS"):
        return Path(chosen).expanduser().absolute()
    if data := environ.get("SWATHE_DATA"):
        return Path(data).expanduser().absolute() / "logs"
    return Path(environ.get("SWATHE_CACHE") or "~/.cache/swathe").expanduser().absolute() / "logs"


class _File(RotatingFileHandler):
    """A log that is made when there is something to say; one that takes no more is no reason to stop a training.

    Several processes may write to one: whoever finds that another has rotated it goes on in the new one.
    """

    has_lines = False

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # For its owner alone, as the services' logs are.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.has_lines = True
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding, errors=self.errors)

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - logging's own name
        self._follow()
        if not super().shouldRollover(record):
            return False
        with self._alone():
            self._follow()
            if super().shouldRollover(record):
                self.doRollover()
        # Done, by this process or another.
        return False

    def _follow(self) -> None:
        if self.stream is not None and not self._is_current(self.stream):
            self.stream.close()
            # As logging leaves a stream that is to be opened when there is a line for it.
            self.stream = None

    def _is_current(self, stream: TextIOWrapper) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(Path(self.baseFilename).stat(), os.fstat(stream.fileno()))
        return False

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        directory_lock = os.open(Path(self.baseFilename).parent, os.O_RDONLY)
        try:
            fcntl.flock(directory_lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory_lock)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say nothing: the disk is full, or the directory went."""

    def close(self) -> None:
        """Close the file, if not all of it can be written: what ended the command is what is told."""
        with contextlib.suppress(OSError):
            super().close()


def file_handler(path: Path) -> _File:
    """Return what writes to ``path``, which is made with its first line."""
    file = _File(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", errors="backslashreplace", delay=True)
    file.setFormatter(Formatter(_STYLE))
    return file


@contextlib.contextmanager
def _listening(name: str, level: int, handlers: list[logging.Handler], *, shown: bool) -> Iterator[None]:
    logger = logging.getLogger(name)
    was = (logger.handlers, logger.propagate, logger.level)
    logger.handlers, logger.propagate = handlers, shown
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = was[:2]
        logger.setLevel(was[2])


@contextlib.contextmanager
def _left_by_mlflow() -> Iterator[None]:
    """MLflow would give its loggers other handlers when it is imported."""
    was = os.environ.get("MLFLOW_CONFIGURE_LOGGING")
    os.environ["MLFLOW_CONFIGURE_LOGGING"] = "false"
    try:
        yield
    finally:
        if was is None:
            del os.environ["MLFLOW_CONFIGURE_LOGGING"]
        else:
            os.environ["MLFLOW_CONFIGURE_LOGGING"] = was


@contextlib.contextmanager
def _warnings_captured() -> Iterator[None]:
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)


@contextlib.contextmanager
def _named_on_failure() -> Iterator[None]:
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception:
        if log := where():
            click.echo(f"what Spark, MLflow and other libraries said is in {log}", err=True)
        raise


_files: list[_File] = []


def where() -> Path | None:
    """Return the log file of this process, None where nothing was said."""
    return next((Path(file.baseFilename) for file in reversed(_files) if file.has_lines), None)


@contextlib.contextmanager
def kept(command: str, *, shown: bool = False, and_to: logging.Handler | None = None) -> Iterator[None]:
    """Write what libraries say to `<command>-libraries.log`, and name it where the block ends by an error.

    ``shown``: to the root logger's handlers as well; ``and_to`` is one more handler.
    """
    # `<command>.log` is that of the service which a supervised command is.
    file = file_handler(directory() / f"{command}-libraries.log")
    handlers: list[logging.Handler] = [file] if and_to is None else [file, and_to]
    with contextlib.ExitStack() as until_the_end:
        until_the_end.enter_context(_left_by_mlflow())
        until_the_end.enter_context(_warnings_captured())
        for name, level in _LOGGERS.items():
            until_the_end.enter_context(_listening(name, level, handlers, shown=shown))
        _files.append(file)
        until_the_end.callback(file.close)
        until_the_end.callback(_files.remove, file)
        until_the_end.enter_context(_named_on_failure())
        yield
