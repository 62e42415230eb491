"""Settings, by the part that reads them: from `contract.environment` and the classes that read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import AliasChoices, SecretStr
from pydantic_settings import BaseSettings

from contract import environment
from docs.generate.markdown import code, table
from docs.generate.types import in_words
from infra.settings import ROOT
from infra.settings import Settings as InfraSettings
from pipeline.settings import StoreSettings
from pipeline.train.settings import SparkSettings
from serving.settings import ServingSettings

READERS: Final[Mapping[str, type[BaseSettings]]] = {
    "Services": InfraSettings,
    "Object store": StoreSettings,
    "Training": SparkSettings,
    "Prediction server": ServingSettings,
}


def text() -> str:
    """Return a table for each part, and one of what no class reads."""
    told: set[str] = set()
    parts = []
    for title, settings in READERS.items():
        rows = list(_rows(settings))
        told |= {row[0].strip("`") for row in rows}
        parts.append(f"## {title}\n\n" + table(("variable", "meaning", "type", "default"), rows))
    rest = {name: meaning for name, meaning in environment.KNOWN.items() if name not in told}
    open_ended = {f"{prefix}…": meaning for prefix, meaning in environment.OPEN_PREFIXES.items()}
    others = table(("variable", "meaning"), [(code(name), meaning) for name, meaning in (rest | open_ended).items()])
    return "\n".join([*parts, f"## Others\n\n{others}"])


def _rows(settings: type[BaseSettings]) -> Iterator[tuple[str, str, str, str]]:
    schema = settings.model_json_schema(by_alias=False)
    meanings = {**environment.KNOWN, **environment.OF_OTHERS}
    for name, field in settings.model_fields.items():
        kind = in_words(schema["properties"][name], schema.get("$defs", {}))
        default = field.get_default(call_default_factory=False)
        shown = str(default).replace(str(Path.home()), "~").replace(f"{ROOT}/", "")
        is_told = not field.is_required() and default not in (None, "", ()) and not isinstance(default, SecretStr)
        for variable in _variables(settings, name):
            # The default has a column of its own.
            meaning = re.sub(r" \(default[^)]*\)", "", meanings[variable])
            yield code(variable), meaning, kind, code(shown) if is_told else ""


def _variables(settings: type[BaseSettings], name: str) -> list[str]:
    alias = settings.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [str(alias or f"{settings.model_config.get('env_prefix', '')}{name}".upper())]
