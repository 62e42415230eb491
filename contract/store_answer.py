"""What an object store's answer means, in our own words: who has to do what about it."""

from __future__ import annotations

from dataclasses import dataclass

from contract import remedies
from contract.errors import AccessDeniedError, ConfigurationError, ServiceUnwellError, StopError, SwatheError

# The same request would be refused again; a request that did not arrive whole would not.
_REFUSALS = {400, 405, 411, 413, 501}
_TRANSIENT = {"RequestTimeout", "IncompleteBody", "BadDigest"}
_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage"}
_WRONG_CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}
_NO_PERMISSION = {"AccessDenied", "AllAccessDisabled"}
_LOG = f"its log says why: {remedies.service_log('minio')}"


@dataclass(frozen=True)
class StoreAnswer:
    """An answer that is an error: HTTP status, S3's code and message; codes of HEAD requests are the status."""

    status: int
    code: str
    message: str

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code in _FULL | _TRANSIENT or self.status not in {*_REFUSALS, 401, 403}

    def error(self, address: str, bucket: str) -> SwatheError:
        """Return the error that this answer of the store at ``address`` is."""
        store = f"the object store at {address}"
        if self.code in _WRONG_CLOCK:
            return AccessDeniedError(
                f"{store} refuses every request because the clock of this machine and its own differ by more than "
                f"15 minutes ({self.code}); set the clock that is wrong"
            )
        if self.status in {401, 403}:
            cause = "the keys may not do this there" if self.code in _NO_PERMISSION else "check the keys"
            return AccessDeniedError(
                f"{store} refuses access to bucket {bucket!r} ({self.code}); {cause}: AWS_ACCESS_KEY_ID and "
                f"AWS_SECRET_ACCESS_KEY"
            )
        if self.code == "NoSuchBucket":
            return ConfigurationError(
                f"{store} has no bucket {bucket!r} ({self.code}); correct SWATHE_BUCKET, or make it with "
                f"{remedies.infra_up()}"
            )
        if not self.transient:
            return StopError(f"{store} refuses a request to bucket {bucket!r}: {self.code}: {self.message}")
        return ServiceUnwellError("minio", address, f"{self.code}: {self.message}", self._remedy())

    def _remedy(self) -> str:
        if self.code in _FULL or self.status == 507:
            return "There is no room left: free space on its disk, or raise its quota"
        if self.status in {429, 503}:
            return f"It has too much to do, or is just starting, and is asked again; {_LOG}"
        return _LOG[0].upper() + _LOG[1:]
