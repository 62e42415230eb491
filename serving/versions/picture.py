"""The last picture of the registry as the local cache keeps it, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from contract.decoding import Decoder, Name
from contract.uri import without_credentials
from serving.versions.catalogue import Catalogue, State, Version

FORMAT: Final = 1

_Version = Annotated[int, Meta(ge=1, le=999_999_999)]
_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class KeptVersion(msgspec.Struct, frozen=True):
    """A version, and the digests of the files that its numbers came from.

    ``kind`` is the one that they were loaded by, whatever its tag says since; earlier servers did not keep it.
    """

    model: Name
    number: _Version
    run_id: str
    source: str
    state: State
    tags: dict[str, str]
    created_ms: int
    reason: str | None
    experiment_id: str | None
    gone_at: float | None
    digests: dict[str, _Digest]
    kind: str | None = None

    def version(self) -> Version:
        """Return the version without its numbers."""
        fields = msgspec.structs.asdict(self)
        del fields["digests"], fields["kind"]
        return Version(**fields)


class KeptModel(msgspec.Struct, frozen=True):
    """A model with its versions and aliases."""

    name: Name
    aliases: dict[str, _Version]
    versions: list[KeptVersion]


class Kept(msgspec.Struct, frozen=True):
    """All that was served, and when the registry had answered last."""

    models: list[KeptModel]
    checked_at: float | None


class RegistryFile(msgspec.Struct, frozen=True):
    """The file that holds it."""

    format: int
    tracking_uri: str
    served: Kept


REGISTRY: Final[Decoder[RegistryFile]] = Decoder(RegistryFile, most_bytes=512 * 2**20, most_values=20_000_000)


def clean(file: RegistryFile) -> RegistryFile:
    """Return ``file`` without credentials in what may be an address, or tell of one."""
    models = [
        msgspec.structs.replace(model, versions=[_clean(version) for version in model.versions])
        for model in file.served.models
    ]
    served = msgspec.structs.replace(file.served, models=models)
    return msgspec.structs.replace(file, tracking_uri=without_credentials(file.tracking_uri), served=served)


def _clean(version: KeptVersion) -> KeptVersion:
    reason = version.reason and without_credentials(version.reason)
    return msgspec.structs.replace(version, source=without_credentials(version.source), reason=reason)


def to_facts(catalogue: Catalogue, digests: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return what the cache has to know of ``catalogue``; all but the time of the last look.

    ``digests`` are those of versions by their source: one that is unavailable now may answer after the next start.
    """
    return {
        "models": [
            {
                "name": model.name,
                "aliases": dict(model.aliases),
                "versions": [_version_facts(version, digests) for version in model.versions.values()],
            }
            for model in catalogue.models.values()
        ]
    }


def _version_facts(version: Version, digests: Mapping[str, Mapping[str, str]]) -> Mapping[str, Any]:
    names = [field.name for field in dataclasses.fields(Version) if field.name != "numbers"]
    facts = {name: getattr(version, name) for name in names}
    kept = version.numbers.digests if version.numbers else digests.get(version.source, {})
    kind = version.numbers.kind.name if version.numbers else None
    return {**facts, "tags": dict(version.tags), "digests": dict(kept), "kind": kind}
