"""Whether a registered model holds the series that it should: version i is batch i of its stream, without a gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from contract import remedies
from contract.errors import ChainError
from contract.kind import DEFAULT
from contract.model_version import TAG_BATCH, TAG_KIND, TAG_SCHEME, TAG_STATE, TAG_STREAM
from contract.series_commands import SeriesCommands
from pipeline.train.ledger.ledger import PREFIX, Ledger, Noted
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry

_SHOWN = 10


@dataclass(frozen=True)
class Registered:
    """What the registry shows of a model, and what its ledger knows."""

    versions: Mapping[int, RegisteredVersion]
    noted: Noted = field(default_factory=Noted)

    @classmethod
    def look(cls, registry: Registry, ledger: Ledger) -> Registered:
        """Ask both."""
        # The ledger first: what another trainer publishes meanwhile is not to look as if it were gone.
        noted = ledger.noted()
        return cls(registry.versions(), noted)


@dataclass(frozen=True)
class Edit:
    """One thing that is not as training leaves it: what it is, and what a person does about it."""

    name: str
    why: str
    remedy: str
    is_unfinished: bool = False
    """Whether a restore has yet to come to its end."""

    def __str__(self) -> str:
        return f"{self.name} {self.why}; {self.remedy}"


def check_registry(commands: SeriesCommands, registered: Registered, batches: int) -> None:
    """Check that the model is a series of the stream of ``commands``: version i is batch i, for all i.

    Raises
    ------
    ChainError: the registry was edited, or another series' versions are in it.
    """
    other = foreign_series(commands, registered.versions)
    if other is not None:
        raise ChainError(str(other))
    for edit in edits(commands, registered):
        raise ChainError(str(edit))
    if len(registered.versions) > batches:
        raise ChainError(
            f"model {commands.model!r} has version {max(registered.versions)}, but the stream has {batches} batches "
            f"only; is this the bucket that it was trained from?"
        )


def foreign_series(commands: SeriesCommands, versions: Mapping[int, RegisteredVersion]) -> Edit | None:
    """Return that the model is the series of another stream, scheme or kind of model, if it is."""
    own = commands.stream.model.kind
    for number, version in versions.items():
        kind = version.tags.get(TAG_KIND, DEFAULT)
        if TAG_STREAM in version.tags and kind != own:
            return Edit(
                f"model {commands.model!r}",
                f"is a series of kind {kind!r}, as version {number} says, and a series never changes its kind; "
                f"the stream file says {own!r}",
                f"train that under another name: {commands.train_anew()}; or, if the tag `kind` was edited, "
                f"{remedies.restore(commands.model)} puts it right",
            )
        stream, scheme = version.tags.get(TAG_STREAM), version.tags.get(TAG_SCHEME)
        if stream is not None and (stream, scheme or commands.scheme) != (commands.stream.name, commands.scheme):
            return Edit(
                f"model {commands.model!r}",
                f"is a series of stream {stream!r}, {scheme}: version {number} says so, and no batch of stream "
                f"{commands.stream.name!r}, {commands.scheme}, can become its next version",
                f"train that with {commands.train_own() if commands.has_other_name else commands.train_anew()}",
            )
    return None


def edits(commands: SeriesCommands, registered: Registered) -> Iterator[Edit]:
    """Yield what somebody changed in the registry, and what puts it right."""
    model, versions, noted = commands.model, registered.versions, registered.noted
    restore = f"{remedies.restore(model)} makes the series whole again, under the same numbers"
    if noted.restoring:
        why = "is being made again, which has not come to its end"
        yield Edit(f"model {model!r}", why, f"{restore}: run it again", is_unfinished=True)
        return
    settled = {number for number, version in versions.items() if version.tags.get(TAG_STATE) != "orphan"}
    for number in sorted({*versions} - settled):
        batch = versions[number].tags.get(TAG_BATCH)
        why = f"is an orphan: it was registered late for batch {batch}, whose number the registry gives no more"
        yield Edit(f"version {number} of model {model!r}", why, restore)
    yield from _gone(commands, settled, noted, restore)
    for number in sorted(settled):
        batch = versions[number].tags.get(TAG_BATCH)
        if batch == str(number):
            continue
        name, why = f"version {number} of model {model!r}", f"carries batch={batch}"
        if number in noted.numbers:
            yield Edit(name, f"{why}: its tags were edited", restore)
        else:
            anew = f"delete it in MLflow if nobody needs it, or train the series anew with {commands.train_anew()}"
            yield Edit(name, f"{why}: it was not made by Swathe or was edited", anew)


def _gone(commands: SeriesCommands, settled: Set[int], noted: Noted, restore: str) -> Iterator[Edit]:
    model = commands.model
    there = {*range(1, max({*settled, *noted.numbers}, default=0) + 1)}
    gone = sorted(there - settled)
    if gone == sorted(there) and gone:
        why = f"has none of its {len(gone)} versions any more: the registry was edited, or is another one"
        anew = (
            f"where this tracking server never had its runs, {commands.train_anew()} begins a new series, and without "
            f"what is below {PREFIX}{model}/ in the bucket this one is forgotten"
        )
        yield Edit(f"model {model!r}", why, f"{restore}; {anew}")
    elif gone:
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        which = ", ".join(map(str, gone[:_SHOWN])) + more
        what, verb = ("version", "is") if len(gone) == 1 else ("versions", "are")
        yield Edit(f"{what} {which} of model {model!r}", f"{verb} gone: the registry was edited", restore)
