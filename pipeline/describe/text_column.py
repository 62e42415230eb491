"""What a column of text holds: its rows come in blocks, and each reading that one of them refuses is given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contract.file_format import Mark
from contract.stream_sections import Column
from pipeline.cells import reader
from pipeline.describe.distinct import Distinct
from pipeline.describe.numbers import Numbers, ints_of
from pipeline.describe.odd_one import odd_one
from pipeline.describe.runs import Runs
from pipeline.describe.times import Times, forms_of
from pipeline.numerals import Numerals

SURE_WORDS: Final = (
    r"\N",
    "NULL",
    "null",
    "Null",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "NaN",
    "(null)",
    "[NULL]",
    "#NULL!",
    "#VALUE!",
)
"""What means a missing value, wherever it stands."""
OTHER_WORDS: Final = (
    "NA",
    "nan",
    "NAN",
    "None",
    "none",
    "nil",
    "-",
    "--",
    "?",
    ".",
    "missing",
    "unknown",
    "Unknown",
    "#DIV/0!",
    "na",
    "n.a.",
    "*",
)
"""What means one where all else are numbers, times or yes and no."""
_WORDS = pa.array([*SURE_WORDS, *OTHER_WORDS])
MARKS: Final[tuple[tuple[Mark, Mark | None], ...]] = (
    (".", None), (".", ","), (",", None), (",", "."), (",", " "), (".", " "), (".", "'"), (",", "\u00a0"),
    (",", "\u202f"),
)  # fmt: skip
_NUMERALS: Final = [Numerals(decimal, thousands, percent) for percent in (False, True) for decimal, thousands in MARKS]
_PLAIN: Final = _NUMERALS[0]
_GROUPED: Final = r"^[-+]?[1-9]\d{0,2}(\.\d{2,3})*\.\d{3}$"
_MOST_BOOLEANS = 24
_BOTH_NEEDED = frozenset("tfyn")


_YES_OR_NO = reader(Column(type="bool"), Numerals())


class Booleans:
    """Yes and no, in the spellings that cells may have."""

    def __init__(self) -> None:
        self.spellings: set[str] = set()
        self.values: set[object] = set()

    def takes(self, texts: list[str]) -> bool:
        """Count ``texts``, and return whether all of them say yes or no."""
        if len(texts) > _MOST_BOOLEANS:
            return False
        try:
            self.values.update(map(_YES_OR_NO, texts))
        except ValueError:
            return False
        self.spellings.update(text.strip().lower() for text in texts)
        return True

    @property
    def are_meant(self) -> bool:
        """Whether they are no numbers, and no letters that may be another thing's: N alone, or F."""
        return not self.spellings <= {"0", "1"} and (len(self.values) > 1 or not self.spellings <= _BOTH_NEEDED)


class TextColumn:
    """The values of one column, as far as they were seen; ``null_words``: whether words may mean a missing value."""

    def __init__(self, *, null_words: bool = True) -> None:
        self.rows = 0
        self.missing: list[tuple[int, int]] = []
        """Rows and missing values of each block, for a type where every word means one."""
        self._surely_missing: list[tuple[int, int]] = []
        self.empty = 0
        self.words: Counter[str] = Counter()
        self.distinct = Distinct()
        self.runs = Runs()
        self.longest = 0
        self.odd: tuple[str, str] | None = None
        """What nearly all of its values are, and the first that is not."""
        self.odd_row = 0
        self.numbers: list[Numbers] = []
        self.times: list[Times] = []
        self.booleans: Booleans | None = None
        self.any_value = False
        self.null_words = null_words
        self._are_numbers = False
        self._other_words = 0

    @property
    def is_text(self) -> bool:
        """Whether nothing but text can be made of its values."""
        return self.any_value and not self.numbers and not self.times and self.booleans is None

    def add(self, cells: pa.Array) -> None:
        """Count a block of ``cells``; null is missing, as is an empty cell of a file whose words may mean that."""
        self.rows += len(cells)
        is_read = False
        values = cells.drop_null() if cells.null_count else cells
        if self.null_words:
            values = self._without_empty(values)
            # A number is no word, and most blocks of a column of numbers have nothing else.
            is_read = self._are_numbers and len(values) > 0 and self._read_fast(values)
            values = values if is_read else self._without_words(values)
        self.missing.append((len(cells), len(cells) - len(values)))
        others = sum(self.words[word] for word in OTHER_WORDS)
        self._surely_missing.append((len(cells), len(cells) - len(values) - (others - self._other_words)))
        self._other_words = others
        if not len(values):
            self.runs.add(values, len(cells))
            return
        if not self.any_value:
            self._begin(values[0].as_py())
        self.any_value = True
        if not is_read and not self.is_text:
            self._read(values)
            if self.odd is not None:
                self.odd_row = self.rows - len(cells) + pc.index(cells, self.odd[1]).as_py() + 1
        self.runs.add(self._hours(values), len(cells))
        self.distinct.add(values, worth_naming=not self._are_floats())
        if self.is_text:
            self.longest = max(self.longest, pc.max(pc.utf8_length(values)).as_py())

    def _without_empty(self, values: pa.Array) -> pa.Array:
        empty = pc.equal(pc.binary_length(values), 0)
        if not (count := pc.sum(empty).as_py() or 0):
            return values
        self.empty += count
        return values.filter(pc.invert(empty))

    def _without_words(self, values: pa.Array) -> pa.Array:
        found = pc.is_in(values, value_set=_WORDS)
        if not pc.any(found).as_py():
            return values
        self.words.update(values.filter(found).to_pylist())
        return values.filter(pc.invert(found))

    def _begin(self, first: str) -> None:
        """Begin with all readings; most are given up at once."""
        self.numbers = [Numbers(numerals) for numerals in _NUMERALS]
        self.times = list(forms_of(first))
        self.booleans = Booleans()

    def _read(self, values: pa.Array) -> None:
        if self._read_fast(values):
            return
        texts: list[str] = pc.unique(values).to_pylist()
        if not any(character.isdigit() for text in texts[:1] for character in text):
            self.numbers, self.times = [], []
        before = [*self.numbers, *self.times]
        self.numbers = [numbers for numbers in self.numbers if numbers.takes(texts)]
        self.times = [times for times in self.times if times.takes(texts)]
        if self.booleans is not None and not self.booleans.takes(texts):
            self.booleans = None
        if self.is_text and before:
            self.odd = odd_one(before, texts)

    def _read_fast(self, values: pa.Array) -> bool:
        plain = next((numbers for numbers in self.numbers if numbers.numerals is _PLAIN), None)
        if plain is not None and plain.are_whole and (ints := ints_of(values)) is not None:
            self._take_ints(ints, values)
            return True
        if plain is not None and plain.take_floats(values):
            others = [each for each in self.numbers if each is not plain and self._covered(each, plain, values)]
            self.numbers = [plain, *others]
            self._only_numbers()
            return True
        for times in self.times[:2]:
            if times.take_fast(values):
                self.numbers, self.booleans = [], None
                self.times = [times, *(other for other in self.times if self._covers(times, other, values))]
                return True
        return False

    @staticmethod
    def _covered(numbers: Numbers, plain: Numbers, values: pa.Array) -> bool:
        """Whether ``numbers`` reads what is written with a point: as a fraction, or between groups of three."""
        if numbers.numerals.decimal == ".":
            return numbers.take_as(plain)
        grouped = numbers.numerals.thousands == "." and pc.all(pc.match_substring_regex(values, _GROUPED)).as_py()
        return bool(grouped) and numbers.takes(pc.unique(values).to_pylist())

    @staticmethod
    def _covers(times: Times, other: Times, values: pa.Array) -> bool:
        """Whether ``other`` reads what ``times`` does: an ISO date is an ISO time as well."""
        return times.kind == "date" and other.kind == "timestamp" and other.pattern is None and other.take_fast(values)

    def _take_ints(self, ints: pa.Array, values: pa.Array) -> None:
        bounds = pc.min_max(ints).as_py()
        for numbers in self.numbers:
            numbers.take_ints(bounds["min"], bounds["max"])
        self.times = []
        if self.booleans is not None and not (
            bounds["min"] >= 0 and bounds["max"] <= 1 and self.booleans.takes(pc.unique(values).to_pylist())
        ):
            self.booleans = None
        self._are_numbers = True

    def _only_numbers(self) -> None:
        self.times, self.booleans, self._are_numbers = [], None, True

    def _hours(self, values: pa.Array) -> pa.Array:
        """Return what a feature would be made of: of ISO times the hour, else ``values``."""
        is_iso = bool(self.times) and self.times[0].kind == "timestamp" and self.times[0].pattern is None
        return pc.utf8_slice_codeunits(values, 11, 13) if is_iso else values

    def _are_floats(self) -> bool:
        return bool(self.numbers) and not any(numbers.type and "int" in numbers.type for numbers in self.numbers[:1])

    def missing_share(self, kind: str) -> float:
        """Return the share of missing values in the worst third of the rows, if the column is of type ``kind``."""
        return worst_third(self._surely_missing if kind == "string" else self.missing)


def worst_third(blocks: list[tuple[int, int]]) -> float:
    """Return the highest share of missing values of a third of the rows; ``blocks`` has rows and missing ones."""
    if not blocks:
        return 0.0
    rows, missing = np.cumsum(np.array(blocks, dtype=np.float64), axis=0).T
    edges = np.interp(np.linspace(0, rows[-1], 4), np.concatenate([[0], rows]), np.concatenate([[0], missing]))
    return float(np.max(np.diff(edges)) * 3 / max(rows[-1], 1))


def number_readings(column: TextColumn) -> Iterator[Numbers]:
    """Yield the ways in which all values of ``column`` are numbers that a type keeps."""
    yield from (numbers for numbers in column.numbers if numbers.type is not None)
