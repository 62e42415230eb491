"""From a finished run to a version: number i for batch i, or a loud stop."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from contract import remedies
from contract.errors import ChainError, ModelArtifactError, ServiceDownError
from contract.model_version import TAG_ALIASED, TAG_GATE, TAG_GATE_REASON, TAG_REASON, TAG_REFERENCE, TAG_STATE
from pipeline.fault import fault_point
from pipeline.train.kinds.kind import Kind
from pipeline.train.lease import Lease
from pipeline.train.ledger.edits import Registered, check_registry
from pipeline.train.ledger.ledger import Ledger
from pipeline.train.ledger.registrations import Registrations
from pipeline.train.ledger.version_record import GATE_FILE, RECORD_FILE, VersionRecord
from pipeline.train.mlflow_client.aliases import promote
from pipeline.train.mlflow_client.entities import Run
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry, fitting
from pipeline.train.mlflow_client.runs import Runs, mlflow_errors
from pipeline.train.mlflow_client.upload import ArtifactStore
from pipeline.train.series import Series

logger = logging.getLogger(__name__)


class Publisher:
    """Registers versions of one model; the caller holds the model's lease."""

    def __init__(
        self,
        series: Series,
        registry: Registry,
        ledger: Ledger,
        *,
        registrations: Registrations,
        kind: Kind,
        runs: Runs,
        artifacts: ArtifactStore,
        lease: Lease,
        uri: str,
    ) -> None:
        self._series, self._registry, self._ledger, self._lease = series, registry, ledger, lease
        self._registrations = registrations
        self._runs, self._artifacts, self._uri, self._kind = runs, artifacts, uri, kind

    def record(self, run: Run) -> VersionRecord | None:
        """Return the record of a run, or None where it did not get that far."""
        if run.info.status != "FINISHED":
            return None
        try:
            return VersionRecord.from_json(self._artifacts.read_file(run.info.artifact_uri, RECORD_FILE).decode())
        except (ModelArtifactError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelArtifactError(
                f"run {run.info.run_id} is FINISHED, but its {RECORD_FILE} cannot be read: {error}"
            ) from error

    def check(self, record: VersionRecord) -> None:
        """Check by download that the artifact of ``record`` is there, unaltered.

        Raises
        ------
        ModelArtifactError: it is not.
        """
        if record.artifact is not None:
            self._artifacts.check(record.artifact.location, record.artifact.digests)

    def publish(self, batch: int, record: VersionRecord, *, is_new: bool = False) -> str:
        """Make version ``batch`` of ``record``, give it the alias it has earned, and return which: or `none`, and why.

        ``is_new``: its run was begun by this process, so that it was no version before.

        Raises
        ------
        ChainError: the registry gave, or would give, another number.
        StopError: the lease was lost.
        """
        self._lease.check()
        registered = self._registrations.now()
        versions, aliases = registered.versions, self._registry.aliases()
        check_registry(self._series.commands, registered, batch)
        if batch not in versions:
            if len(versions) != batch - 1:
                raise ChainError(
                    f"batch {batch} cannot become version {batch} of model {self._registry.model!r}, which has "
                    f"{len(versions)} versions; nothing was registered"
                )
            record = self._judged(record, versions, aliases)
            if not is_new:
                self._refuse_gone(batch, record, registered)
            version = self._create(batch, record, is_first=not versions)
        elif versions[batch].run_id != record.run_id:
            raise ChainError(
                f"version {batch} of model {self._registry.model!r} appeared from run {versions[batch].run_id} "
                f"while run {record.run_id} was training it"
            )
        else:
            version = versions[batch]
        fault_point("train.version-created")
        if record.artifact is not None:
            self._ledger.keep_artifact(batch, record.artifact)
        self._settle(version, aliases)
        return earned(version.tags)

    def _refuse_gone(self, batch: int, record: VersionRecord, registered: Registered) -> None:
        """Refuse a run that was a version of this model before, unknown to the ledger: its logged model tells."""
        if record.artifact is None:
            return
        if self._artifacts.was_registered(record.artifact.model_id, self._registry.model):
            if registered.noted.numbers:
                # Restored is what a ledger names, and nothing above.
                gone = fitting(_version_of(batch, record))
                self._ledger.keep_artifact(batch, record.artifact)
                self._ledger.keep_version(replace(gone, tags={**gone.tags, TAG_STATE: "ready"}))
            raise ChainError(
                f"version {batch} of model {self._registry.model!r}, which was made by run {record.run_id}, is "
                f"gone: the registry was edited; {remedies.restore(self._registry.model)} makes the series whole "
                f"again, under the same numbers"
            )

    def _judged(
        self, record: VersionRecord, versions: Mapping[int, RegisteredVersion], aliases: Mapping[str, int]
    ) -> VersionRecord:
        """Return ``record`` with what the gate says of it today: the champion may have changed since it was trained."""
        if record.artifact is None:
            return record
        crowned = versions.get(aliases.get("champion", 0))
        # The tag: where a run that ended before there was a field for it has it.
        reference = record.reference or record.tags.get(TAG_REFERENCE)
        decision = self._kind.decide(record.metrics, reference, crowned)
        self._runs.log_text(record.run_id, decision.to_json(), GATE_FILE)
        said = f"Gate: **{decision.earned}**; {decision.reason}."
        return replace(
            record,
            tags={**record.tags, TAG_GATE: decision.earned, TAG_GATE_REASON: decision.reason},
            description=f"{record.description}\n\n{said}",
        )

    def finish(self, version: RegisteredVersion) -> None:
        """Bring a version that was registered, but not told ready or failed or given its alias, to its end.

        Raises
        ------
        ModelArtifactError: its artifact is not what was uploaded.
        """
        if TAG_REASON not in version.tags:
            with mlflow_errors(self._uri):
                run = self._runs.client.get_run(version.run_id)
            record = self.record(run)
            if record is None:
                raise ModelArtifactError(
                    f"version {version.number} of model {self._registry.model!r} is registered, but its run "
                    f"{version.run_id} is {run.info.status}; its artifact cannot be trusted"
                )
            self.check(record)
        self._settle(version, self._registry.aliases())

    def _settle(self, version: RegisteredVersion, aliases: Mapping[str, int]) -> None:
        """Tell the world of a version: its state first, so that no alias means one that is not ready."""
        failed = TAG_REASON in version.tags
        told = {TAG_STATE: "failed" if failed else "ready"}
        self._registry.set_tags(version.number, told)
        fault_point("train.state-set")
        if not failed:
            promote(self._registry, version, aliases)
            told[TAG_ALIASED] = "true"
        self._registrations.note(replace(version, tags={**version.tags, **told}))

    def _create(self, batch: int, record: VersionRecord, *, is_first: bool) -> RegisteredVersion:
        """Create the version and return it as it was sent."""
        if is_first:
            self._registry.ensure_model(self._series.description)
        sent = fitting(_version_of(batch, record))
        try:
            number = self._registry.create_version(
                source=sent.source,
                run_id=sent.run_id,
                model_id=record.artifact.model_id if record.artifact else None,
                tags=sent.tags,
                description=sent.description,
            )
        except ServiceDownError:
            # The answer may have been lost on the way back.
            found = self._registry.versions().get(batch)
            if found is None or found.run_id != record.run_id:
                raise
            number = batch
        if number != batch:
            self._registry.set_tags(number, {TAG_STATE: "orphan"})
            raise ChainError(
                f"the registry gave number {number} to batch {batch} of model {self._registry.model!r}: somebody "
                f"registered or deleted a version. It is tagged state=orphan; "
                f"{remedies.restore(self._registry.model)} makes the series whole again, under the same numbers"
            )
        return sent


def earned(tags: Mapping[str, str]) -> str:
    """Return the alias that a version with ``tags`` has earned, or `none`; and why, where it is not the champion's."""
    gate, reason = tags.get(TAG_GATE, "none"), tags.get(TAG_GATE_REASON, "")
    return gate if gate == "champion" or not reason else f"{gate} ({reason})"


def _version_of(batch: int, record: VersionRecord) -> RegisteredVersion:
    return RegisteredVersion(batch, record.run_id, record.source, record.tags, record.description)
