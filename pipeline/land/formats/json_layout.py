"""Where in JSON objects the columns are: at the top, deeper, or in what a change event says of a row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contract import record_sections
from contract.record_path import RecordPath
from pipeline.land.formats import debezium
from pipeline.land.formats.format import NONE, RejectedRecord
from pipeline.land.formats.nested_values import flattened, nested_schema
from pipeline.land.origins import Longs

# No column begins with an underscore.
_OP, _HAS_ROW = "_op", "_has_row"


class JsonLayout:
    """Columns at ``paths``, which begin at the object, or at the change event that it is or holds."""

    def __init__(self, paths: Mapping[str, RecordPath], *, is_event: bool) -> None:
        self._paths = paths
        self._is_event = is_event
        self._event_paths = {**paths, _OP: debezium.OP}
        self.is_flat = not is_event and all(path.steps == (name,) for name, path in paths.items())
        within = [path.steps[1:] for path in paths.values() if path.steps[0] == debezium.ROW.steps[0]]
        first = within if is_event else [path.steps for path in paths.values()]
        self.names = frozenset(str(steps[0]) for steps in first)
        """Keys of the object that holds the columns, which lead to them."""

    def schema(self, flat: pa.Schema) -> pa.Schema:
        """Return the schema of the objects, where the columns are of ``flat``."""
        if self.is_flat:
            return flat
        if not self._is_event:
            return nested_schema(flat, self._paths)
        event = nested_schema(flat.append(pa.field(_OP, pa.string())), self._event_paths)
        if event.get_field_index(debezium.ROW.steps[0]) < 0:
            event = event.append(pa.field(debezium.ROW.steps[0], pa.struct([])))
        return event.append(pa.field(record_sections.WRAPPER, pa.struct(list(event))))

    def columns(self, records: pa.Table) -> pa.Table:
        """Return the columns of ``records``, which are of the objects' schema; for :meth:`sorted_out`, two more."""
        if self.is_flat:
            return records
        return self._of_events(records) if self._is_event else flattened(records, self._paths)

    def _of_events(self, records: pa.Table) -> pa.Table:
        wrapper = records.column(record_sections.WRAPPER).combine_chunks()
        is_wrapped, outer = wrapper.is_valid(), self._of_event(records)
        if not is_wrapped.true_count:
            return outer
        names = [field.name for field in wrapper.type]
        inner = self._of_event(pa.table({name: pc.struct_field(wrapper, [name]) for name in names}))
        return pa.table({name: pc.if_else(is_wrapped, inner[name], outer[name]) for name in outer.column_names})

    def _of_event(self, events: pa.Table) -> pa.Table:
        has_row = events.column(str(debezium.ROW.steps[0])).is_valid()
        return flattened(events, self._event_paths).append_column(_HAS_ROW, has_row)

    def sorted_out(
        self, rows: pa.Table, indexes: Longs, rejected: list[RejectedRecord]
    ) -> tuple[pa.Table, Longs, Longs]:
        """Return the rows that change events say, the indexes of these, and of deletes; others are rejects."""
        if not self._is_event:
            return rows, indexes, NONE
        names = list(self._paths)
        if not rows.num_rows:
            return rows.select(names), indexes, NONE
        has_row = rows.column(_HAS_ROW).to_numpy().astype(np.bool_)
        keep, deletes = debezium.sorted_out(rows.column(_OP), has_row, indexes, rejected)
        return rows.filter(pa.array(keep)).select(names), indexes[keep], deletes

    def record(self, found: object) -> Mapping[str, object]:
        """Return the object that holds the columns: ``found``, or the row of the change event in it; else no keys."""
        row = found
        if self._is_event and isinstance(event := debezium.event_of(found), Mapping):
            row = event.get(record_sections.ROW)
        return row if isinstance(row, Mapping) else {}

    def values(self, found: object) -> dict[str, object]:
        """Return each column's value in ``found``.

        Raises
        ------
        NoPlaceError: a path leads through what has no names, or no places.
        """
        begin = debezium.event_of(found) if self._is_event else found
        return {name: path.of(begin) for name, path in self._paths.items()}

    def fault(self, found: object) -> str | None:
        """Return what is wrong with the change event in ``found``, None where there is none, or nothing is."""
        return debezium.fault(debezium.event_of(found)) if self._is_event else None

    def has_a_column(self, found: object) -> bool:
        """Whether a path leads into ``found``, be the value null or not."""
        begin = debezium.event_of(found) if self._is_event else found
        return any(path.leads_into(begin) for path in self._paths.values())
