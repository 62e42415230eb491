"""What an object store answers, and who has to do what about it."""

from __future__ import annotations

import pytest

from contract.errors import AccessDeniedError, ConfigurationError, ServiceUnwellError, StopError, SwatheError
from contract.store_answer import StoreAnswer


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (507, "XMinioStorageFull", ServiceUnwellError, "free space"),
        (400, "XMinioAdminBucketQuotaExceeded", ServiceUnwellError, "raise its quota"),
        (503, "SlowDown", ServiceUnwellError, "too much to do"),
        (429, "TooManyRequests", ServiceUnwellError, "too much to do"),
        (500, "InternalError", ServiceUnwellError, "infra logs minio"),
        (400, "RequestTimeout", ServiceUnwellError, "infra logs minio"),
        (403, "RequestTimeTooSkewed", AccessDeniedError, "set the clock"),
        (403, "SignatureDoesNotMatch", AccessDeniedError, "check the keys"),
        (403, "AccessDenied", AccessDeniedError, "may not do this"),
        (404, "NoSuchBucket", ConfigurationError, "SWATHE_BUCKET"),
        (501, "NotImplemented", StopError, "refuses a request"),
    ],
)
def test_the_cause_is_named_and_starting_the_store_is_no_remedy(
    status: int, code: str, error: type[SwatheError], said: str
) -> None:
    found = StoreAnswer(status, code, "so it says").error("http://store", "batches")
    assert type(found) is error
    assert said in str(found) and code in str(found) and "http://store" in str(found)
    assert "infra up" not in str(found) or error is ConfigurationError
