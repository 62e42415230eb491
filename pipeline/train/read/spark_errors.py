"""What an error of Spark's means: the chain of its Java causes is read, and only known causes are told as such."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from contract.errors import AccessDeniedError, ChainError, DataError, ServiceDownError, StopError, SwatheError
from pipeline.train.read import jvm_output

logger = logging.getLogger(__name__)

# A chain that holds itself would never end.
_LONGEST: Final = 30
_SHOWN: Final = 500
_MEMORY: Final = "raise SWATHE_SPARK_MEMORY, and run again"
_DISK: Final = "make room there, or point TMPDIR (and SPARK_LOCAL_DIRS, if it is set) at another disk, and run again"
# What Python says where none of the places for temporary files takes one.
_NOWHERE: Final = "No usable temporary directory"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@dataclass(frozen=True)
class Cause:
    """One exception of a chain, outermost first: its Java class, and what it says."""

    kind: str
    said: str

    def __str__(self) -> str:
        """Return both in one line, as Java shows an exception without its stack."""
        first = self.said.strip().splitlines()[0] if self.said.strip() else ""
        return f"{self.kind.rpartition('.')[2]}: {first}"[:_SHOWN]


@dataclass(frozen=True)
class _Known:
    """Causes whose class and text match ``pattern``, and the error of ours that they are."""

    pattern: re.Pattern[str]
    error: Callable[[Cause, str], SwatheError]


def _known(pattern: str, error: Callable[[Cause, str], SwatheError]) -> _Known:
    return _Known(re.compile(pattern), error)


# The first that matches counts. What a machine or a service lacks comes before the rows: it can look like anything.
_TABLE: Final = (
    _known(
        r"No space left on device|Disk quota exceeded|File too large|Read-only file system|DiskErrorException",
        lambda cause, _: StopError(f"a disk that Spark writes to is full or takes no more ({cause}); {_DISK}"),
    ),
    _known(
        r"OutOfMemoryError|UNABLE_TO_ACQUIRE_MEMORY|spark\.driver\.maxResultSize",
        lambda cause, _: StopError(f"Spark has too little memory ({cause}); {_MEMORY}"),
    ),
    _known(
        r"XMinioStorageFull|Status Code: 507",
        lambda cause, store: StopError(f"the object store at {store} is full ({cause}); make room there"),
    ),
    _known(
        r"^java\.nio\.file\.AccessDeniedException: s3a://|Status Code: 40[13]",
        lambda cause, store: AccessDeniedError(
            f"the object store at {store} refuses Spark ({cause}); check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ),
    ),
    _known(
        r"(FileNotFoundException: |PATH_NOT_FOUND).*s3a://[^/]+/(results/(?!lane=)|_spark/)",
        lambda cause, _: StopError(
            f"what Spark was writing to the object store went ({cause}); nothing else may delete there, run again"
        ),
    ),
    _known(
        r"RemoteFileChangedException|FileNotFoundException: .*s3a://|FAILED_READ_FILE\.FILE_NOT_EXIST"
        r"|PATH_NOT_FOUND.*s3a://",
        lambda cause, _: ChainError(f"an object went or changed while Spark read it ({cause}); restore it"),
    ),
    _known(
        r"org\.apache\.hadoop\.fs\.s3a\.\w+Exception|software\.amazon\.awssdk\.[\w.]+Exception",
        lambda cause, store: ServiceDownError("minio", store, f"inside Spark, {cause}"),
    ),
    _known(
        r"Vector values MUST NOT be NaN or Infinity|Both norms should be greater or equal to 0\.0"
        r"|surrogate cannot be computed|Encountered NaN while assembling|^breeze\.linalg\.\w+Exception",
        lambda cause, _: DataError(f"Spark cannot calculate with these values: {cause}"),
    ),
    _known(
        r"SingularMatrixException",
        lambda cause, _: DataError(f"Spark cannot solve for these values ({cause}); raise model.reg"),
    ),
)


def meaning(causes: Sequence[Cause], store: str, features: Sequence[str] = ()) -> SwatheError | None:
    """Return what a chain of ``causes`` means, or None where none of them is known.

    ``store`` is its address, and ``features`` are the names of a vector's numbers.
    """
    for known in _TABLE:
        for cause in causes:
            if known.pattern.search(f"{cause.kind}: {cause.said}"):
                return known.error(_by_name(cause, features), store)
    return None


def _by_name(cause: Cause, features: Sequence[str]) -> Cause:
    """Put names in place of a row's numbers, where ``cause`` shows them: of those alone that are none."""
    row = re.search(r"\[([^\[\]]*\b(?:NaN|Infinity)\b[^\[\]]*)\]", cause.said)
    if row is None or row[1].count(",") + 1 != len(features):
        return cause
    values = zip(features, row[1].split(","), strict=True)
    wrong = [f"feature {name!r} scaled to {x}" for name, x in values if x.strip("-") in {"NaN", "Infinity"}]
    return Cause(cause.kind, cause.said.replace(row[0], ", ".join(wrong)))


def causes_of(error: BaseException) -> tuple[Cause, ...]:
    """Return the Java exceptions behind ``error``, outermost first; none where it is Python's own."""
    java: Any = error.java_exception if isinstance(error, Py4JJavaError) else getattr(error, "_origin", None)
    found: list[Cause] = []
    try:
        while java is not None and len(found) < _LONGEST:
            found.append(Cause(str(java.getClass().getName()), str(java.getMessage() or "")))
            java = java.getCause()
    except (Py4JError, OSError) as gone:
        logger.info("the chain of causes was not read to its end reason=%r", gone)
    return tuple(found)


def _last_words() -> str:
    return f" (its last words: {said})" if (said := jvm_output.last_words()) else ""


@contextmanager
def spark_errors(
    store: str, otherwise: Callable[[], object] = lambda: None, features: Sequence[str] = ()
) -> Iterator[None]:
    """Say what Spark raises in our own words; ``store`` is the object store's address.

    ``features`` are named where Spark shows a row; ``otherwise`` is called where no cause is known, and may raise what
    it finds to be wrong instead.

    Raises
    ------
    DataError: the cause lies in the rows.
    ServiceDownError: the object store failed inside Spark.
    StopError: anything else: a full disk, too little memory, or what nobody has seen before.
    """
    try:
        yield
    except (Py4JError, PySparkException) as error:
        causes = causes_of(error)
        known = meaning(causes, store, features)
        if known is not None:
            raise known from error
        otherwise()
        if isinstance(error, Py4JNetworkError):
            raise StopError(
                f"Spark's JVM has ended{_last_words()}, most often for lack of memory. If so, {_MEMORY}"
            ) from error
        if causes:
            raise StopError(f"Spark failed: {causes[0]}") from error
        raise StopError(f"Spark failed: {str(error).splitlines()[0][:_SHOWN]}{_last_words()}") from error
    except OSError as error:
        if error.errno not in _NO_ROOM and _NOWHERE not in str(error):
            raise
        raise StopError(f"a disk is full or takes no more ({error}); {_DISK}") from error
    except MemoryError as error:
        raise StopError(f"this machine has too little memory for the batch ({error or 'MemoryError'})") from error
