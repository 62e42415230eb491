"""What is documented and what is read are the same things."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AliasChoices, BaseModel, TypeAdapter

from contract import environment
from contract.features import CLASSES, forms_with
from contract.kind import DEFAULT, kinds
from contract.kinds.clusters import Gate, Identity
from contract.kinds.kmeans import KMeans
from contract.record_sections import Records
from contract.stream import stream_class
from contract.stream_sections import Column, Cut, Rejects, Source
from infra.settings import ROOT
from infra.settings import Settings as InfraSettings
from pipeline.settings import StoreSettings
from pipeline.train.settings import SparkSettings
from serving.settings import ServingSettings

SECTIONS: Mapping[str, type[BaseModel]] = {
    "": stream_class(kinds()[DEFAULT]),
    "cut.": Cut,
    "source.": Source,
    "records.": Records,
    "rejects.": Rejects,
    "model.": KMeans,
    "gate.": Gate,
    "identity.": Identity,
}


def _keys(page: str) -> str:
    """Return the part of a page that has the table of all keys: the first."""
    return Path(page).read_text(encoding="utf-8").partition("\n## ")[0]


def _documented(page: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", _keys(page), flags=re.MULTILINE))


def test_every_setting_is_on_its_page() -> None:
    prefixes = {f"{prefix}…" for prefix in environment.OPEN_PREFIXES}
    assert _documented("docs/settings.md") == environment.KNOWN.keys() | prefixes


def test_every_metric_of_landing_is_on_its_page() -> None:
    page = Path("docs/landing.md").read_text(encoding="utf-8").partition("\n## Seeing it")[2]
    told = set(re.findall(r"`(?:swathe_land|…)_([a-z_]+)(?:\{\w+\})?`", page))
    made = re.findall(r'self\._(\w+)\(\s*"(\w+)"', Path("pipeline/land/metrics.py").read_text(encoding="utf-8"))
    names = {f"{name}{'' if kind == 'gauge' else '_total'}" for kind, name in made}
    assert told == names | {"put_seconds", "lag_records"}


def _rows(page: str) -> dict[str, list[str]]:
    """Return the cells of each row of a page's table, by the name in its first one."""
    lines = re.findall(r"^\| `([^`]+)` \|(.*)\|$", _keys(page), flags=re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split(" | ")] for name, cells in lines}


def test_every_setting_is_told_in_the_same_words_wherever_it_is_told() -> None:
    told = {name: cells[0] for name, cells in _rows("docs/settings.md").items() if name in environment.KNOWN}
    assert told == environment.KNOWN


def _defaults() -> dict[str, object]:
    """Return the default of each setting that a class of settings reads, by the variable's name."""
    found: dict[str, object] = {}
    for section in (InfraSettings, StoreSettings, SparkSettings, ServingSettings):
        prefix = str(section.model_config.get("env_prefix", ""))
        for name, field in section.model_fields.items():
            alias = field.validation_alias
            names = alias.choices if isinstance(alias, AliasChoices) else [alias or f"{prefix}{name}".upper()]
            found |= {str(each): field.get_default(call_default_factory=False) for each in names}
    return found


def _shown(default: object) -> str:
    text = f"{default:g}" if isinstance(default, float) else str(default)
    return text.replace(str(Path.home()), "~").replace(f"{ROOT}/", "")


def test_defaults_are_told_as_they_are() -> None:
    defaults = _defaults()
    told = {
        name: found[1]
        for name, text in environment.KNOWN.items()
        if (found := re.search(r"\(default ([^:)]+)\)", text))
    }
    assert len(told) > 20
    # What only the shell reads has no class.
    assert {name: _shown(defaults[name]) for name in told} == told


def _section(section: str, key: str) -> type[BaseModel]:
    if section == "features.*":
        return next(form for name, form in CLASSES.items() if name in forms_with(key))
    return Column if section == "columns.*" else SECTIONS[f"{section}." if section else ""]


def test_defaults_of_the_stream_file_are_told_as_they_are() -> None:
    told = 0
    for name, cells in _rows("docs/streams.md").items():
        section, _, key = name.rpartition(".")
        kind = _section(section, key)
        field = kind.model_fields[next(n for n, f in kind.model_fields.items() if key in {n, f.alias})]
        default = cells[-1]
        if default == "required":
            assert field.is_required(), name
        elif default == "none":
            assert field.default is None, name
        elif quoted := re.fullmatch(r"`([^`]+)`", default):
            shape: Any = Annotated[field.annotation, None, *field.metadata]
            adapter: TypeAdapter[object] = TypeAdapter(shape)
            assert adapter.validate_python(yaml.safe_load(quoted[1])) == field.default, name
            told += 1
    assert told > 12


def test_every_field_of_the_stream_file_is_on_its_page() -> None:
    fields = {prefix + name for prefix, section in SECTIONS.items() for name in section.model_fields}
    fields |= {
        f"features.*.{field.alias or name}" for form in CLASSES.values() for name, field in form.model_fields.items()
    }
    # A column's type is explained beside `columns`, and a section with fields of its own needs no row.
    fields |= {f"columns.*.{field.alias or name}" for name, field in Column.model_fields.items()} - {"columns.*.type"}
    assert fields - {"records", "rejects", "model", "gate", "identity"} == _documented("docs/streams.md")


def _told_of_kinds() -> tuple[dict[str, dict[str, str]], set[str]]:
    """Return the keys of each kind's row with what is told as their default, and every key that the page names."""
    page = Path("docs/kinds.md").read_text(encoding="utf-8").partition("## A kind of your own")[0]
    # The table of kinds is the first one.
    table = page.partition("| kind |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \|[^|]*\|([^|]*)\|", table, flags=re.MULTILINE)
    keys = {name: dict(re.findall(r"`([a-z_]+)(?:: ([^`]+))?`", cell)) for name, cell in rows}
    named = set(re.findall(r"`(?:gate\.)?([a-z_]+)(?:: [^`]+)?`", page))
    return keys, named


def test_every_key_of_every_kind_is_told_with_its_default() -> None:
    rows, named = _told_of_kinds()
    assert rows.keys() == kinds().keys()
    in_streams = {name.rpartition(".")[2] for name in _documented("docs/streams.md")}
    for name, kind in kinds().items():
        fields = kind.model.model_fields
        assert rows[name].keys() <= fields.keys(), f"docs/kinds.md has keys that {name} has not"
        assert fields.keys() - {"kind"} <= named, f"docs/kinds.md does not have all keys of {name}"
        assert kind.gate.model_fields.keys() <= named | in_streams, f"no page has all gates of {name}"
        for key, told in rows[name].items():
            found = fields[key].get_default(call_default_factory=True) if not fields[key].is_required() else None
            assert (yaml.safe_load(told) if told else None) == found, f"{name}: {key}"
