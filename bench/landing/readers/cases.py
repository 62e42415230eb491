"""Records that tell readers of JSON apart; each stands between two good ones."""

from __future__ import annotations

COLUMNS = {
    "r": "int32", "j": "int64", "f": "float64", "b": "bool", "s": "string", "t": "timestamp",
}  # fmt: skip
GOOD = b'{"r":7,"j":0,"f":0.5,"b":true,"s":"","t":"2024-01-01T00:00:00Z"}'
# Apart from the others: a reader without decimals would refuse them all.
DECIMALS, GOOD_DECIMAL = {"d": "decimal(20,3)"}, b'{"d":1}'


def _with(name: str, written: bytes) -> bytes:
    """Return the good record with another value of ``name``, or one more key."""
    members = dict(pair.split(b":", 1) for pair in GOOD[1:-1].split(b","))
    members[b'"%s"' % name.encode()] = written
    return b"{%s}" % b",".join(b"%s:%s" % pair for pair in members.items())


CASES: dict[str, dict[str, list[bytes]]] = {
    "one row a record, and from its own bytes": {
        "two objects": [GOOD + GOOD],
        "half and half": [GOOD[: GOOD.index(b',"t"') - 1], GOOD[GOOD.index(b',"t"') - 1 :]],
        "two and none": [GOOD + b"\n" + GOOD, b" "],
        "a NUL in text": [_with("s", b'"a\0b"')],
        "a NUL between": [_with("r", b"\0 1")],
        "a line end between": [GOOD.replace(b",", b",\n")],
    },
    "an absent column is null, another key is passed by": {
        "absent": [b'{"r":1}'],
        "another key": [_with("x", b'[1,{"r":3}]')],
        "5,000 deep, under another": [_with("x", b"[" * 5_000 + b"]" * 5_000)],
    },
    "a key twice is refused": {"twice": [GOOD.replace(b"{", b'{"r":1,')]},
    "only JSON, only UTF-8": {
        "trailing comma": [GOOD.replace(b"}", b",}")],
        "leading zero": [_with("r", b"01")],
        "line end in text": [_with("s", b'"a\nb"')],
        "half a character": [_with("s", b'"\\ud800"')],
        "not UTF-8": [_with("s", b'"\xff"')],
    },
    "integers: all digits or none": {
        "too large": [_with("r", b"2147483648")],
        "64 bits": [_with("j", b"9223372036854775807")],
        "1.0 is 1": [_with("r", b"1.0")],
        "1.5": [_with("r", b"1.5")],
    },
    "floats: all digits or none": {
        "2**53 + 1": [_with("f", b"9007199254740993")],
        "too large": [_with("f", b"1e999")],
    },
    "a value of another kind is refused": {
        "text for a number": [_with("r", b'"1"')],
        "a number for text": [_with("s", b"5")],
        "an object for text": [_with("s", b'{"a":1}')],
        "true for a number": [_with("r", b"true")],
        "a number for a time": [_with("t", b"5")],
    },
    "times": {
        "offset": [_with("t", b'"2024-01-01T10:00:00.5+02:00"')],
        "no offset": [_with("t", b'"2024-01-01T10:00:00"')],
        "no time": [_with("t", b'"yesterday"')],
        "no day": [_with("t", b'"2024-02-30T00:00:00Z"')],
    },
}
DECIMAL_CASES: dict[str, dict[str, list[bytes]]] = {
    "decimals: all digits or none": {
        "a number": [b'{"d":12345678901234567.123}'],
        "text": [b'{"d":"12345678901234567.123"}'],
        "too fine": [b'{"d":"1.2345"}'],
    },
}
