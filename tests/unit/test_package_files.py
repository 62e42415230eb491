"""What pyproject.toml says of files is what lies in the tree."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The rooms of `infra` are used from a clone, which has all of their files.
INSTALLED = ("console", "contract", "scoring", "pipeline", "serving")


def test_every_file_that_is_no_module_is_installed_with_its_package() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    there: dict[str, list[str]] = {}
    for file in (file for half in INSTALLED for file in (ROOT / half).rglob("*") if file.is_file()):
        if file.suffix in {".py", ".pyc"}:
            continue
        package = next(folder for folder in file.parents if (folder / "__init__.py").is_file())
        name = ".".join(package.relative_to(ROOT).parts)
        there.setdefault(name, []).append(file.relative_to(package).as_posix())
    left_out = [
        f"{name}: {file}"
        for name, files in there.items()
        for file in files
        if not any(fnmatch(file, pattern) for pattern in told.get(name, ()))
    ]
    assert len(there) >= 2 and not left_out, "pyproject.toml does not list these as package-data"
    assert told.keys() == there.keys(), "pyproject.toml lists packages without such files"
