"""One value of an Avro schema, as fastavro reads it; whatever its bytes are, a fault of theirs has words."""

from __future__ import annotations

import io
from typing import Any, Final

import fastavro

from pipeline.land.formats.avro.long_numbers import LongNumberError, refuse_long_numbers
from pipeline.land.formats.avro.schema import AvroSchema, Part

TRUNCATED: Final = "the body ends in the middle of the record"
NO_BRANCH: Final = "it has a branch of a union, or a symbol, that its schema does not have"
NOT_UTF8: Final = "a string of it is not UTF-8"
TOO_LONG: Final = "a number of it has more than 64 bits"


class NotOneRecordError(Exception):
    """A body is not one record of its schema; the message says why."""


def one_value(schema: AvroSchema, part: Part, body: bytes, at: int = 0) -> tuple[Any, int]:
    """Return the value of a ``part`` of ``schema`` that begins in ``body`` at byte ``at``, and where it ends.

    Raises
    ------
    NotOneRecordError: there is none.
    """
    file = io.BytesIO(body)
    file.seek(at)
    try:
        found: Any = fastavro.schemaless_reader(file, part.physical, None)
        refuse_long_numbers(schema, part.node, body, at, file.tell())
    except LongNumberError as error:
        raise NotOneRecordError(TOO_LONG) from error
    except EOFError as error:
        raise NotOneRecordError(TRUNCATED) from error
    except UnicodeDecodeError as error:
        raise NotOneRecordError(NOT_UTF8) from error
    except IndexError as error:
        raise NotOneRecordError(NO_BRANCH) from error
    except Exception as error:  # whatever fastavro makes of bytes that mean nothing
        raise NotOneRecordError(f"{type(error).__name__}: {error}") from error
    return found, file.tell()
