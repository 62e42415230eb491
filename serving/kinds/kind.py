"""What serving needs of a kind of model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from serving.kinds.prediction import Predictor
from serving.rows_in.cells import Inputs
from serving.stored_rows.range_cache import RangeCache


@dataclass(frozen=True)
class ArtifactFile:
    """A file of an artifact that serving reads, by its path in it. Versions may lack one that ``is_optional``.

    One that ``is_mapped`` is not held in memory: its kind is given the path of a checked copy, which never changes.
    """

    name: str
    most_bytes: int
    is_optional: bool = False
    is_mapped: bool = False


@dataclass(frozen=True)
class ArtifactFiles(Mapping[str, bytes]):
    """The files of an artifact by name: what those hold that are read, and the ``paths`` of those that are mapped."""

    read: Mapping[str, bytes]
    paths: Mapping[str, Path] = field(default_factory=dict)

    def __getitem__(self, name: str) -> bytes:
        """Return what the file ``name`` holds."""
        return self.read[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of what is read."""
        return iter(self.read)

    def __len__(self) -> int:
        """Return how many are read."""
        return len(self.read)


class Served(Protocol):
    """A loaded version of a kind: what all others may ask of it. Immutable, so any number of threads may share it."""

    @property
    def inputs(self) -> Inputs:
        """What a row of a request has, in order: the type of each by its name."""

    @property
    def example(self) -> Mapping[str, Any]:
        """A plausible row, as JSON has it."""

    @property
    def predictor(self) -> Predictor:
        """What answers requests."""

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The tensors of an answer by the Open Inference Protocol: name, datatype and shape."""

    @property
    def described(self) -> Mapping[str, Any]:
        """What the list of all versions tells of it."""

    def takes_the_rows_of(self, other: object) -> bool:
        """Return whether what is asked of ``other``, another loaded version, can be asked of this one."""


class Registered(Protocol):
    """A version as the registry has it; ``chain`` leads back from an answer: model, version, run and batch."""

    @property
    def model(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def run_id(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def chain(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Asked:
    """What a reading is asked: of which version, and what the parts of its path and its query say.

    ``served`` is what the reading's own kind has loaded; ``stored`` reads the object store.
    """

    version: Registered
    served: Any
    path: Mapping[str, str]
    query: Mapping[str, str]
    stored: RangeCache


@dataclass(frozen=True)
class Reading:
    """A GET route of a kind, below the path of a version, and below `/api` for the default model.

    ``answer`` returns the answer but for the version's chain, ``lines`` all there is as lines of JSON, where that can
    be had. The query is not looked at unless it ``has_query``. With a ``signpost`` the route is named at `/`.
    OpenAPI shows ``name``, ``summary`` (with `{who}` for the version), the component ``schema``, the codes of
    ``problems``, and the ``parameters`` for a loaded version or, with None, for any.
    """

    path: str
    answer: Callable[[Asked], Mapping[str, Any]]
    name: str
    summary: str
    schema: str
    problems: tuple[str, ...]
    parameters: Callable[[Any], list[dict[str, Any]]] = lambda _served: []
    lines: Callable[[Asked], Iterator[bytes]] | None = None
    has_query: bool = False
    signpost: str | None = None


@dataclass(frozen=True)
class Posting:
    """A POST route of a kind, below the path of a version: a body in, an answer of its predictor out.

    ``name`` is the last part of its path, ``schema`` the component of its answer; ``body`` returns what OpenAPI shows
    of a body, for a loaded version or, with None, for any. Where it is ``by_row``, `?on_error=null` may be asked.
    """

    name: str
    summary: str
    schema: str
    body: Callable[[Any], dict[str, Any]]
    by_row: bool = True


@dataclass(frozen=True)
class PagePart:
    """A kind's part of the page of a model.

    In ``directory`` lie `templates/` with the ``template``, and `assets/` with the ``scripts`` and the ``styles``.
    ``facts`` returns what fills the template beside what the page itself is filled with, for the ready versions, the
    oldest first; ``terms`` are words and what they mean.
    """

    directory: Path
    template: str
    facts: Callable[[Any], Mapping[str, Any]]
    scripts: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]
    styles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counted:
    """A counter of predicted rows by their outcome: its name without `_total`, what it says, the outcome's label.

    ``outcomes`` are the words for them, in the order in which an answer counts them; without words they are numbers.
    """

    name: str
    documentation: str
    label: str
    outcomes: tuple[str, ...] = ()


class Kind(Protocol):
    """One kind of model."""

    @property
    def name(self) -> str:
        """What a version's tag `kind` says."""

    @property
    def files(self) -> tuple[ArtifactFile, ...]:
        """The files of an artifact that are its own."""

    @property
    def postings(self) -> tuple[Posting, ...]:
        """Its routes that are asked with a body; one is `predict`, which the Open Inference Protocol asks."""

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Its routes that are read."""

    @property
    def counted(self) -> Counted | None:
        """How its outcomes are counted; None where there are none to tell apart."""

    @property
    def described(self) -> Mapping[str, Any]:
        """JSON schemas of what its versions tell in the list of all versions; each may be null there."""

    @property
    def schemas(self) -> Mapping[str, Any]:
        """JSON schemas of its answers, by the name of their component."""

    @property
    def page(self) -> PagePart | None:
        """Its part of the page of a model."""

    @property
    def platform(self) -> str:
        """What the Open Inference Protocol calls it."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the tensors of its answers by that protocol."""

    def load(self, bodies: ArtifactFiles) -> Served:
        """Return the version in the files of its artifact: checked, above all against what Spark said.

        Raises
        ------
        ModelArtifactError: a file is not what it should be.
        """
