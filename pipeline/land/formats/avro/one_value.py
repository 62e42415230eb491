"""One value of an Avro schema, as fastavro reads it; whatever its bytes are, a fault of theirs has words."""

from __future__ import annotations

import io
from typing import Any, Final

import fastavro

from pipeline.land.formats.avro.schema import Node

TRUNCATED: Final = "the body ends in the middle of the record"
NO_BRANCH: Final = "it has a branch of a union, or a symbol, that its schema does not have"
NOT_UTF8: Final = "a string of it is not UTF-8"


class NotOneRecordError(Exception):
    """A body is not one record of its schema; the message says why."""


def one_value(physical: Node, body: bytes, at: int = 0) -> tuple[Any, int]:
    """Return the value of ``physical`` that begins in ``body`` at byte ``at``, and where it ends.

    Raises
    ------
    NotOneRecordError: there is none.
    """
    file = io.BytesIO(body)
    file.seek(at)
    try:
        found: Any = fastavro.schemaless_reader(file, physical, None)
    except EOFError as error:
        raise NotOneRecordError(TRUNCATED) from error
    except UnicodeDecodeError as error:
        raise NotOneRecordError(NOT_UTF8) from error
    except IndexError as error:
        raise NotOneRecordError(NO_BRANCH) from error
    except Exception as error:  # whatever fastavro makes of bytes that mean nothing
        raise NotOneRecordError(f"{type(error).__name__}: {error}") from error
    return found, file.tell()
