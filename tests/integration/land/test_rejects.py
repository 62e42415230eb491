"""Rejects are seen, and come back when the stream file was corrected; on a real broker and a real MinIO."""

from __future__ import annotations

import base64
import itertools
import json
import shlex
from pathlib import Path

import pytest

from contract import remedies
from tests.line import Line, record

# The same static member takes its lanes back at once.
SAME_MEMBER = {"SWATHE_KAFKA_GROUP_INSTANCE_ID": "the-only-one"}
LONG = 1_000


@pytest.fixture
def line(services: dict[str, str], tmp_path: Path) -> Line:
    return Line(services, tmp_path)


def typed(line: Line, command: str) -> str:
    """Type a printed command; return what was said."""
    *python, name = shlex.split(command.strip("`"))[:4]
    stream, file, *flags = shlex.split(command.strip("`"))[4:]
    assert (python, stream, file) == (["python", "-m", "pipeline"], "--stream", str(line.file))
    code, said = line.run(name, *flags)
    assert code == 0, said
    return said


def long(n: int) -> bytes:
    """Return record ``n``, which is too long until `rejects.max_record_bytes` is raised."""
    return record(n)[:-1] + b',"t":"%s"}' % (b"x" * 60)


def test_a_landing_that_rejected_everything_says_why_and_it_all_comes_back(line: Line) -> None:
    line.make_topic(partitions=2)
    line.max_record_bytes = "60B"
    line.send((long(n) for n in range(150)), 0)
    line.send([*(long(n) for n in range(150, 170)), b"\x1b[31mred[bold]\xff\x00"], 1)
    line.max_share = 1.0
    code, said = line.run("land", "--exit-when-idle", "1s")
    assert code == 3, said
    command = remedies.rejects(str(line.file))
    assert f"{command} lists them" in said
    listed = typed(line, command)
    assert "0-0" in listed and "171 records are rejected" in listed and "there are more" in listed
    assert "landed 0 rows in 0 batches, rejected 171" in said
    assert "170 × oversized: the value has … bytes, … are taken (the first: lane " in said
    assert "1 × not JSON: str is not valid UTF-8" in said

    found = json.loads(line.run("status", "--json")[1])
    assert (found["rejected"], found["rows_again_unsealed"]) == (171, 0)
    assert sorted(reason["count"] for reason in found["reasons"]) == [1, 170]

    pages = [json.loads(text) for text in line.run("rejects", "--json", "--limit", "100")[1].splitlines()]
    assert [(each["lane"], each["offset"]) for each in pages] == [(0, n) for n in range(100)]
    assert base64.b64decode(pages[7]["value_base64"]) == long(7)
    assert base64.b64decode(pages[7]["key_base64"]) == b"k7"
    rest = [json.loads(text) for text in line.run("rejects", "--json", "--after", "0-99")[1].splitlines()]
    assert [(each["lane"], each["offset"]) for each in rest] == [(0, n) for n in range(100, 120)]
    said = line.run("rejects", "--lane", "1", "--reason", "not JSON")[1]
    assert "1-20" in said and "\\x1b[31mred[bold]\\xff\\x00" in said and "171 records are rejected" in said

    line.max_record_bytes = "1MB"
    code, said = line.run("rejects", "--land-again")
    assert code == 0 and "landed 170 rows again, 1 records are still rejected" in said
    command = remedies.land(str(line.file))
    assert f"{command} seals it" in said
    said = line.run("status")[1]
    assert "170 rows that were landed again wait for the next batch" in said
    assert "1 records are rejected" in said and "1 × not JSON" in said
    # No record comes any more: the cut's rows make a batch of them, and the end of the topic makes another.
    said = typed(line, command)
    assert "batch 1 of" in said and "100 rows, 100 of them landed again" in said
    assert [(m.rows, m.rows_again, m.cut) for m in line.manifests()] == [(100, 100, "rows"), (70, 70, "idle")]
    proof = line.assert_proved(range(170))
    assert [(lane["rejected"], lane["landed_again"]) for lane in proof["lanes"].values()] == [(0, 150), (1, 20)]
    row = next(row for row in line.rows() if row["n"] == 153)
    assert (row["_partition"], row["_offset"], row["_key"], row["s"]) == (1, 3, b"k3", "row 153")
    by_place = {(row["_partition"], row["_offset"]): row for row in line.rows()}
    assert all(
        by_place.get((reject["_partition"], reject["_offset"]), reject)["_timestamp"] == reject["_timestamp"]
        for reject in line.rejects()
    )
    # The parts that rejected them went with the second batch.
    assert [batch["landed_again_in"] for batch in proof["batches"]] == [{}, {"1": 100, "2": 70}]
    said = line.run("verify")[1]
    assert "100 in batch 1; 70 in batch 2; 70 here" in " ".join(said.split()), said


@pytest.mark.parametrize(
    ("point", "passage"),
    [
        ("after-again", 1),
        pytest.param("before-again", 2, marks=pytest.mark.long),
        pytest.param("after-again", 2, marks=pytest.mark.long),
    ],
)
def test_killed_while_landing_again(line: Line, point: str, passage: int) -> None:
    line.make_topic(partitions=2)
    line.max_record_bytes = "60B"
    for lane in (0, 1):
        numbers = range(lane * 1000, lane * 1000 + 60)
        line.send(itertools.chain.from_iterable((record(n), long(n + 500)) for n in numbers), lane)
    line.land("--rows", "50", **SAME_MEMBER)
    line.max_record_bytes = "1MB"
    line.cut = "{rows: 50}"
    code, said = line.run("rejects", "--land-again", SWATHE_FAULT=f"{point}:{passage}")
    assert code == -9, said
    assert line.run("rejects", "--land-again")[0] == 0
    code, said = line.run("land", "--exit-when-idle", "1s", SWATHE_FAULT="before-manifest", **SAME_MEMBER)
    assert code == -9, said
    line.land(**SAME_MEMBER)
    sent = [n + more for lane in (0, 1) for n in range(lane * 1000, lane * 1000 + 60) for more in (0, 500)]
    proof = line.assert_proved(sent)
    assert [(lane["rejected"], lane["landed_again"]) for lane in proof["lanes"].values()] == [(0, 60), (0, 60)]
