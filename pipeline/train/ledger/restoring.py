"""Makes a registered model whole again: the same numbers for the same runs and artifacts, or nothing at all.

The registry never gives a number twice, not even that of a deleted version; only a model that is made anew begins at 1
again. So all that is known is written to the ledger, the model is deleted, and made again from there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Final, Never

from contract import remedies
from contract.errors import ChainError, ModelArtifactError, ServiceDownError, StopError
from contract.model_version import TAG_REASON, TAG_RESTORING
from pipeline.fault import fault_point
from pipeline.train.lease import Lease
from pipeline.train.ledger.known import IDENTITY, Known, Sources, settled_for
from pipeline.train.ledger.ledger import Artifact, Ledger, RestorePlan
from pipeline.train.mlflow_client.aliases import is_unsettled, promote
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry
from pipeline.train.mlflow_client.runs import Runs
from pipeline.train.mlflow_client.tracking import Tracking
from pipeline.train.mlflow_client.upload import ArtifactStore
from pipeline.train.settings import TrackingSettings

logger = logging.getLogger(__name__)

_SHOWN: Final = 20
# Serving looks every second, if it is not told otherwise.
_SEEN_S: Final = 2.0
CheckArtifact = Callable[[Artifact], None]


class Restorer:
    """Restores one registered model; the caller holds its lease. Killed anywhere, the next one goes on.

    ``on_version`` is told of each version that was checked, and of each that was made again.
    """

    def __init__(
        self,
        registry: Registry,
        ledger: Ledger,
        sources: Sources,
        lease: Lease,
        check_artifact: CheckArtifact,
        *,
        on_version: Callable[[], None],
    ) -> None:
        self._registry, self._ledger, self._sources, self._lease = registry, ledger, sources, lease
        self._check_artifact, self._on_version = check_artifact, on_version
        self._tracking = Tracking(registry)

    def restore(self) -> Iterator[str]:
        """Restore the model, and yield what was done.

        Raises
        ------
        ChainError: something cannot be brought back as it was; each is named, and nothing was changed.
        """
        plan = self._ledger.restore_plan()
        if plan is None:
            seen = self._seen()
            known = self._sources.known()
            yield from self._bring_back(known)
            if self._is_whole(known):
                yield from self._correct_tags(known)
                self._ledger.note(self._registry)
                return
            plan = self._planned(known, seen)
            self._ledger.begin_restore(plan)
            fault_point("restore.planned")
        yield from self._make_again(plan)

    def _seen(self) -> str:
        """Return a digest of all that the registry shows of the model, but that it is being made again."""
        model, versions = self._registry.model_facts(), self._registry.versions()
        tags = {key: value for key, value in model.tags.items() if key != TAG_RESTORING} if model else {}
        shown = [asdict(replace(model, tags=tags)) if model else None, *map(asdict, versions.values())]
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()

    def _bring_back(self, known: Known) -> Iterator[str]:
        """Bring deleted experiments and runs back, which MLflow only hides."""
        back = set()
        for experiment in known.experiments:
            if experiment.is_deleted:
                self._tracking.restore_experiment(experiment)
                back.add(experiment.id)
                yield f"experiment {experiment.name!r} and its runs are back"
        for version in known.versions.values():
            run = known.runs.get(version.run_id)
            if run is not None and run.is_deleted and not back:
                self._tracking.restore_run(run.id)
                yield f"run {run.id} of version {version.number} is back"

    def _is_whole(self, known: Known) -> bool:
        """Whether the registry lists the versions that it should, whatever their tags are."""
        found = self._registry.versions()
        return [*found] == [*known.versions] and _runs(found) == _runs(known.versions) and not known.lost

    def _correct_tags(self, known: Known) -> Iterator[str]:
        found = self._registry.versions()
        for number, version in known.versions.items():
            should = {key: version.tags[key] for key in IDENTITY if key in version.tags}
            wrong = {key: value for key, value in should.items() if found[number].tags.get(key) != value}
            if wrong:
                self._registry.set_tags(number, wrong)
                yield f"version {number} has its tags again: {', '.join(wrong)}"

    def _planned(self, known: Known, seen: str) -> RestorePlan:
        lost = [*known.lost, *self._without_artifact(known)]
        if lost:
            more = [f"and {len(lost) - _SHOWN} more"] if len(lost) > _SHOWN else []
            model = self._registry.model
            raise ChainError(
                f"model {model!r} cannot be restored as it was, and was not changed: "
                f"{'; '.join([*lost[:_SHOWN], *more])}. Bring back what is named, and run {remedies.restore(model)} "
                f"again. Where this tracking server never had it, or has lost it for good, remove what is below "
                f"{self._ledger.prefix} in bucket {self._ledger.bucket!r}: the series is then forgotten, and the next "
                f"training begins it anew, or says which command does"
            )
        versions = settled_for(known.versions, known.series.aliases.get("champion", 0))
        runs = {version.run_id for version in (*versions.values(), *self._registry.versions().values())}
        return RestorePlan(uuid.uuid4().hex, known.series, tuple(versions.values()), tuple(sorted(runs)), seen)

    def _without_artifact(self, known: Known) -> Iterator[str]:
        """Check that what each version is made of is there, unaltered; say what is not."""
        for number, version in known.versions.items():
            if version.run_id not in known.runs:
                yield f"version {number}: its run {version.run_id} is gone"
            elif TAG_REASON not in version.tags:
                artifact = self._sources.artifact(version, known.runs)
                if artifact is None:
                    yield f"version {number}: nothing tells which artifact it had"
                elif not self._tracking.has_logged_model(artifact.model_id):
                    yield f"version {number}: its logged model {artifact.model_id} is gone"
                else:
                    yield from self._altered(number, artifact)
            self._on_version()

    def _altered(self, number: int, artifact: Artifact) -> Iterator[str]:
        try:
            self._check_artifact(artifact)
        except ModelArtifactError as error:
            yield f"version {number}: {error}"

    def _make_again(self, plan: RestorePlan) -> Iterator[str]:
        self._lease.check()
        found = self._registry.versions()
        foreign = [number for number, version in found.items() if version.run_id not in plan.runs]
        if foreign:
            raise ChainError(
                f"version {foreign[0]} of model {self._registry.model!r} appeared while the model was being restored; "
                f"delete it in MLflow, and run {remedies.restore(self._registry.model)} again"
            )
        if not self._is_remade(plan, found):
            self._delete(plan)
            found = {}
        self._registry.create_model(plan.series.description, {**plan.series.tags, TAG_RESTORING: plan.token})
        fault_point("restore.model-created")
        for version in plan.versions[len(found) :]:
            self._create(version)
            self._on_version()
            fault_point("restore.version-created")
        for alias, number in plan.series.aliases.items():
            self._registry.set_alias(alias, number)
        fault_point("restore.aliases-set")
        for version in self._registry.versions().values():
            if is_unsettled(version):
                promote(self._registry, version)
        self._registry.delete_model_tag(TAG_RESTORING)
        fault_point("restore.unmarked")
        self._ledger.note(self._registry)
        self._ledger.end_restore()
        yield f"versions {', '.join(str(version.number) for version in plan.versions)} are there again, as they were"
        for alias, number in sorted(self._registry.aliases().items()):
            yield f"{alias} is version {number}"

    def _is_remade(self, plan: RestorePlan, found: Mapping[int, RegisteredVersion]) -> bool:
        """Whether the model that is there is the new one, as far as it has come."""
        model, runs = self._registry.model_facts(), [version.run_id for version in plan.versions]
        if model is None or [*found] != [*range(1, len(found) + 1)] or _runs(found) != runs[: len(found)]:
            return False
        return model.tags.get(TAG_RESTORING) == plan.token or len(found) == len(runs)

    def _delete(self, plan: RestorePlan) -> None:
        model = self._registry.model_facts()
        if model is not None:
            # Serving that has seen it keeps what it serves until the tag is gone again.
            begun_anew = model.tags.get(TAG_RESTORING) == plan.token
            if not begun_anew:
                self._registry.set_model_tag(TAG_RESTORING, "begun")
            fault_point("restore.marked")
            time.sleep(_SEEN_S)
            self._lease.check()
            if not begun_anew and self._seen() != plan.seen:
                self._give_up()
            self._registry.delete_model()
        fault_point("restore.deleted")

    def _give_up(self) -> Never:
        """Leave the model as somebody has changed it since the plan was made, which would be lost with it."""
        self._registry.delete_model_tag(TAG_RESTORING)
        self._ledger.end_restore()
        model = self._registry.model
        raise ChainError(
            f"model {model!r} was changed in the registry while its restore was prepared, and was left as it is; "
            f"run {remedies.restore(model)} again"
        )

    def _create(self, version: RegisteredVersion) -> None:
        self._lease.check()
        model_id = version.source.removeprefix("models:/") if version.source.startswith("models:/") else None
        try:
            number = self._registry.create_version(
                source=version.source,
                run_id=version.run_id,
                model_id=model_id,
                tags=version.tags,
                description=version.description,
            )
        except ServiceDownError:
            # The answer may have been lost on the way back.
            found = self._registry.versions().get(version.number)
            if found is None or found.run_id != version.run_id:
                raise
            number = version.number
        if number != version.number:
            raise StopError(
                f"the registry gave number {number} to version {version.number} of model {self._registry.model!r}: "
                f"somebody changed it meanwhile; run {remedies.restore(self._registry.model)} again"
            )


def _runs(versions: Mapping[int, RegisteredVersion]) -> list[str]:
    """Return the runs in the order of the numbers."""
    return [version.run_id for _, version in sorted(versions.items())]


def open_restorer(
    registry: Registry,
    ledger: Ledger,
    tracking: TrackingSettings,
    lease: Lease,
    on_version: Callable[[], None] = lambda: None,
) -> Restorer:
    """Return a restorer of the registered model of ``registry``."""
    runs = Runs(tracking, "", registry.model)
    artifacts = ArtifactStore(runs, tracking.uri)
    sources = Sources(registry, ledger, lambda run, name: artifacts.text_of_run(run.artifact_uri, name))

    def check(artifact: Artifact) -> None:
        artifacts.check(artifact.location, artifact.digests)

    return Restorer(registry, ledger, sources, lease, check, on_version=on_version)
