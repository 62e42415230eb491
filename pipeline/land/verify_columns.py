"""Which columns the objects of a stream were landed with, and where these changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from contract.stream import Stream
from pipeline.landed_types import LandedColumns, changed_types
from pipeline.stream_file import line_of_column


@dataclass(frozen=True)
class LandedObject:
    """The columns of an object with rows; ``batch`` is None while it is in none."""

    batch: int | None
    columns: LandedColumns


@dataclass
class ColumnProof:
    """A type that a column had, None where it was no column, in ``objects`` of the ``batches``; None is of no batch."""

    type: str | None
    batches: list[int | None]
    objects: int


def column_proofs(landed: Iterable[LandedObject]) -> dict[str, list[ColumnProof]]:
    """Return, per column, each type that it was landed with, in the order of the batches."""
    in_order = sorted(landed, key=lambda found: (found.batch is None, found.batch or 0))
    names = dict.fromkeys(name for found in in_order for name, _ in found.columns.types)
    proofs: dict[str, dict[str | None, ColumnProof]] = {name: {} for name in names}
    for found in in_order:
        types = dict(found.columns.types)
        for name, of_name in proofs.items():
            kind = types.get(name)
            proof = of_name.setdefault(kind, ColumnProof(kind, [], 0))
            proof.objects += 1
            if proof.batches[-1:] != [found.batch]:
                proof.batches.append(found.batch)
    return {name: [*of_name.values()] for name, of_name in proofs.items()}


def said_changes(columns: Mapping[str, Sequence[ColumnProof]]) -> Iterator[str]:
    """Yield a line for each column that was not the same in all objects."""
    for name, proofs in columns.items():
        if len(proofs) > 1:
            yield f"column {name}: " + ", ".join(f"{proof.type or 'none'} in {_said(proof)}" for proof in proofs)


def _said(proof: ColumnProof) -> str:
    """Return the batches, those that follow each other as a stretch."""
    stretches: list[list[int]] = []
    for batch in (batch for batch in proof.batches if batch is not None):
        if stretches and stretches[-1][-1] == batch - 1:
            stretches[-1][1:] = [batch]
        else:
            stretches.append([batch])
    told = ", ".join("–".join(map(str, stretch)) for stretch in stretches)
    several = len(stretches) > 1 or len(told) > len(str(stretches[0][0])) if stretches else False
    waiting = ["what waits for its batch"] if None in proof.batches else []
    return " and ".join([*([f"batch{'es' if several else ''} {told}"] if told else []), *waiting])


def unreadable_columns(stream: Stream, stream_path: str, landed: Mapping[str, LandedObject]) -> list[str]:
    """Return what of the stream file cannot read what was landed, each with its line."""
    columns = {key: found.columns for key, found in landed.items()}
    return [
        f"{stream_path}:{line_of_column(stream_path, name)}: {problem}"
        for name, problem in changed_types(stream, columns, stream.columns)
    ]
