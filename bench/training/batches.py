"""Flights on a topic of their own, landed by the project's own command as batches of a given size."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.landing.records import STREAM_FILE, fill_topic
from contract.batch import manifest_key
from pipeline.object_store import ObjectStore
from pipeline.settings import kafka_settings, store_settings
from pipeline.train.read.batches import sealed_batches


@dataclass(frozen=True)
class Landed:
    """A stream of the benchmark, with its batches in the object store."""

    name: str
    file: Path
    store: ObjectStore

    def parts(self, batch: int) -> list[str]:
        """Return the parts of a batch as Spark reads them."""
        manifest = sealed_batches(self.store, self.name)[batch - 1].manifest
        return [f"s3a://{self.store.bucket}/{part.key}" for part in manifest.parts if part.rows]

    def withhold(self, batch: int) -> Callable[[], None]:
        """Take the manifest of the last batch away; return what seals it again."""
        key = manifest_key(self.name, batch)
        found = self.store.get(key)
        if found is None:
            raise SystemExit(f"{key} has not landed")
        body = found[0]
        self.store.delete(key)

        def seal() -> None:
            self.store.put_if_absent(key, body)

        return seal

    def with_k(self, k: str) -> Path:
        """Return the stream file with another ``k``."""
        path = self.file.with_name(f"{self.name}-k.yaml")
        path.write_text(self.file.read_text().replace("  k: 5\n", f"  k: {k}\n"))
        return path


def land_flights(directory: Path, batches: int, rows: int) -> Landed:
    """Send ``batches`` × ``rows`` flights to a new topic, again from the first where there are no more; land them."""
    name, file = stream_file(directory)
    fill_topic(kafka_settings(), name, batches * rows)
    flags = ["--stream", str(file), "--rows", str(rows), "--exit-when-idle", "3s"]
    subprocess.run([sys.executable, "-m", "pipeline", "land", *flags], check=True, stdout=subprocess.DEVNULL)
    landed = Landed(name, file, ObjectStore(store_settings()))
    found = [batch.manifest.rows for batch in sealed_batches(landed.store, name)]
    if found != [rows] * batches:
        raise SystemExit(f"landed {found}, wanted {batches} batches of {rows}")
    return landed


def stream_file(directory: Path) -> tuple[str, Path]:
    """Return the name and a copy of the flights' stream file, as a stream with a topic of its own."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    lines = Path(STREAM_FILE).read_text().splitlines()
    swapped = {"name:": f"name: {name}", "topic:": f"topic: {name}"}
    file = directory / f"{name}.yaml"
    file.write_text("\n".join(swapped.get(line.split(" ")[0], line) for line in lines) + "\n")
    return name, file
