"""The part that a lane is filling: rows are encoded as they come, so that memory holds Parquet, not rows."""

from __future__ import annotations

import io
import json
import time

import pyarrow as pa
import pyarrow.parquet as pq

from contract.batch import FOOTER_KEY
from pipeline.land.lane_clock import NO_CLOCK, LaneClock
from pipeline.land.parsed_records import ParsedRecords, stretches
from pipeline.land.reject import Reject

# A part is encoded in memory before its one PUT; beyond this it is landed, whatever the cut says.
PART_BYTES = 64 * 2**20
PART_ROWS = 4_000_000
# Rows held back until they make a row group: large enough to compress, small enough to forget.
ROW_GROUP_ROWS = 65_536
# Large rows make smaller groups: what waits is not encoded yet.
ROW_GROUP_BYTES = 16 * 2**20
# Stretches of gaps and of skipped records, which are in the footer: some 2 MB of it.
MOST_STRETCHES = 100_000
# Replayed files that a part keeps the last header of.
MOST_SOURCES = 10_000


class OpenPart:
    """Offsets ``first_offset`` ≤ o < ``next_offset`` of one lane, not landed yet."""

    def __init__(
        self, lane: int, sequence: int, first_offset: int, schema: pa.Schema, clock: LaneClock = NO_CLOCK
    ) -> None:
        self.lane = lane
        self.sequence = sequence
        self.first_offset = first_offset
        self.next_offset = first_offset
        self.rows = 0
        self.value_bytes = 0
        self.clock = clock
        """The lane's, behind the part's last row."""
        self.late_rows = 0
        self.early_rows = 0
        self.ignored_keys = 0
        self.strangers = 0
        self.present: set[str] = set()
        """Columns of the stream that have a value in some row."""
        self.rejects: list[Reject] = []
        self.gaps: list[tuple[int, int]] = []
        self.skipped: list[tuple[int, int]] = []
        """Stretches [from, to) of offsets whose records are meant to make no row."""
        self.skipped_records = 0
        self.deletes = 0
        self.sources: dict[str, str] = {}
        """Per replayed file the last header of its records, in the order of their offsets."""
        self.min_timestamp_ms: int | None = None
        self.max_timestamp_ms: int | None = None
        self.window: int | None = None
        self.opened_at: float | None = None
        """Monotonic seconds at which the first record came that is counted: a row, a reject, one that is skipped."""
        self.begun_at = 0.0
        """Monotonic seconds at which the first offset was passed."""
        self.grown_at = 0.0
        """Monotonic seconds at which the last offset was passed."""
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._rejected_bytes = 0
        self._body = io.BytesIO()
        self._writer: pq.ParquetWriter | None = None

    @property
    def empty(self) -> bool:
        """Whether no offset has been passed since the last part."""
        return self.next_offset == self.first_offset

    @property
    def full(self) -> bool:
        """Whether it is landed, whatever the cut says."""
        stretches = len(self.gaps) + len(self.skipped)
        return self.rows >= PART_ROWS or self.encoded_bytes >= PART_BYTES or stretches >= MOST_STRETCHES

    @property
    def encoded_bytes(self) -> int:
        """Bytes of Parquet, of rows that wait for their row group, and of rejects so far."""
        return self._body.tell() + self._waiting_bytes + self._rejected_bytes

    def add(self, records: ParsedRecords) -> None:
        """Append ``records``, which begin where the part ends."""
        if records.first_offset != self.next_offset:
            raise AssertionError(f"lane {self.lane}: offset {records.first_offset} follows {self.next_offset}")
        self.grown_at = time.monotonic()
        if self.empty:
            self.begun_at = self.grown_at
        self.next_offset = records.next_offset
        if self.opened_at is None and (records.rows.num_rows or records.rejects or len(records.skipped)):
            self.opened_at = self.grown_at
        self.rejects.extend(records.rejects)
        self._rejected_bytes += sum(reject.size_bytes for reject in records.rejects)
        self.gaps.extend(records.gaps)
        self._skip(records)
        for source, header in records.origins.last(records.first_offset, records.next_offset).items():
            self.sources.pop(source, None)
            self.sources[source] = header
            if len(self.sources) > MOST_SOURCES:
                # Anybody may write headers; the footer must not grow with them.
                del self.sources[next(iter(self.sources))]
        self.ignored_keys += records.ignored_keys
        self.strangers += len(records.strangers)
        if records.rows.num_rows:
            self._add_rows(records)

    def _skip(self, records: ParsedRecords) -> None:
        self.skipped_records += len(records.skipped)
        self.deletes += len(records.deletes)
        for start, end in stretches(records.skipped):
            continues = self.skipped and self.skipped[-1][1] == start
            first = self.skipped.pop()[0] if continues else start
            self.skipped.append((first, end))

    def _add_rows(self, records: ParsedRecords) -> None:
        self.rows += records.rows.num_rows
        self.value_bytes += int(records.value_bytes.sum())
        earliest, latest = int(records.timestamps_ms.min()), int(records.timestamps_ms.max())
        self.min_timestamp_ms = earliest if self.min_timestamp_ms is None else min(earliest, self.min_timestamp_ms)
        self.max_timestamp_ms = latest if self.max_timestamp_ms is None else max(latest, self.max_timestamp_ms)
        self.early_rows += int((records.timestamps_ms > records.clock_ms).sum())
        self.clock = self.clock.behind(records.timestamps_ms, records.clock_ms)
        rows = records.rows
        self.present.update(
            name for name in rows.column_names if name not in self.present and rows[name].null_count < rows.num_rows
        )
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        self._waiting_bytes += rows.nbytes
        if self._waiting_rows >= ROW_GROUP_ROWS or self._waiting_bytes >= ROW_GROUP_BYTES:
            self._write_row_group()

    def _write_row_group(self) -> None:
        if self._writer is None:
            strings = [field.name for field in self._schema if pa.types.is_string(field.type)]
            self._writer = pq.ParquetWriter(
                self._body, self._schema, compression="zstd", use_dictionary=strings, write_statistics=True
            )
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=self._waiting_rows)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0

    def close(self, facts: dict[str, object]) -> memoryview:
        """Return the part's Parquet file with ``facts`` in its footer; nothing can be added afterwards."""
        self._write_row_group()
        assert self._writer is not None  # noqa: S101 - _write_row_group opened it
        self._writer.add_key_value_metadata({FOOTER_KEY: json.dumps(facts).encode()})
        self._writer.close()
        return self._body.getbuffer()
