"""Moves the aliases of a model. Each order of calls can be cut off anywhere and done again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from contract.errors import StopError
from contract.model_version import TAG_ALIASED, TAG_GATE, TAG_ROLLED_BACK, TAG_STATE
from pipeline.fault import fault_point
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry

logger = logging.getLogger(__name__)


def is_unsettled(version: RegisteredVersion) -> bool:
    """Whether a version that is ready has yet to be given what its gate decided."""
    tags = version.tags
    return tags.get(TAG_STATE) == "ready" and TAG_GATE in tags and TAG_ALIASED not in tags


def promote(registry: Registry, version: RegisteredVersion, aliases: Mapping[str, int] | None = None) -> None:
    """Give ``version``, the newest of its model, the alias that its gate tag says, and mark that as done.

    ``aliases`` are those of the model, where the caller has just looked.
    """
    earned = version.tags.get(TAG_GATE)
    if TAG_ROLLED_BACK not in version.tags:
        if earned == "champion":
            _crown(registry, version.number, registry.aliases() if aliases is None else aliases)
        elif earned == "challenger":
            registry.set_alias("challenger", version.number)
    fault_point("train.aliases-moved")
    registry.set_tags(version.number, {TAG_ALIASED: "true"})


def _crown(registry: Registry, number: int, aliases: Mapping[str, int]) -> None:
    champion = aliases.get("champion")
    if champion is not None and champion != number:
        # First, so that the old champion is never without a name.
        registry.set_alias("previous", champion)
    fault_point("train.previous-set")
    registry.set_alias("champion", number)
    if aliases.get("challenger", number + 1) <= number:
        registry.delete_alias("challenger")


def roll_back(registry: Registry) -> tuple[int, int]:
    """Swap champion and previous; return the new champion and the version that was rolled back.

    Raises
    ------
    StopError: there is no champion, or none before it.
    """
    aliases = registry.aliases()
    champion, previous = aliases.get("champion"), aliases.get("previous")
    if champion is not None and champion == previous:
        return champion, _finish_swap(registry, champion)
    if champion is None or previous is None:
        raise StopError(
            f"model {registry.model!r} has champion {champion or 'none'} and previous {previous or 'none'}: "
            f"there is nothing to roll back to"
        )
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    registry.set_tags(champion, {TAG_ROLLED_BACK: now})
    registry.delete_tag(previous, TAG_ROLLED_BACK)
    registry.set_alias("champion", previous)
    fault_point("train.rolled-back")
    registry.set_alias("previous", champion)
    return previous, champion


def _finish_swap(registry: Registry, champion: int) -> int:
    """End a rollback that was cut off between its two aliases: the other one is what was rolled back last."""
    tagged = [v for v in registry.versions().values() if TAG_ROLLED_BACK in v.tags and v.number != champion]
    if not tagged:
        raise StopError(
            f"champion and previous of model {registry.model!r} are both version {champion}, and no version was rolled "
            f"back: somebody moved the aliases; point `previous` to the version you mean"
        )
    last = max(tagged, key=lambda version: version.tags[TAG_ROLLED_BACK])
    registry.set_alias("previous", last.number)
    return last.number
