"""What the tracking server answers, as far as it is read. Lists hold their entries undecoded: one bad one is alone."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Raw

from contract.decoding import Decoder, Name

# MLflow writes a version's number as text; nine digits are all that paths take.
_Number = Annotated[str, Meta(pattern="^[1-9][0-9]{0,8}$")] | Annotated[int, Meta(ge=1, le=999_999_999)]
_Millis = Annotated[int, Meta(ge=0, le=2**53 - 1)]
_Address = Annotated[str, Meta(max_length=4096)]


class _Page(msgspec.Struct, frozen=True):
    next_page_token: Annotated[str, Meta(max_length=4096)] = ""


P = TypeVar("P", bound=_Page)


class ModelsPage(_Page, frozen=True):
    """Some registered models."""

    registered_models: list[Raw] = []


class VersionsPage(_Page, frozen=True):
    """Some versions."""

    model_versions: list[Raw] = []


class Model(msgspec.Struct, frozen=True):
    """One registered model."""

    name: Name


class Alias(msgspec.Struct, frozen=True):
    """What an alias points to."""

    alias: Name
    version: _Number


class _ModelAliases(msgspec.Struct, frozen=True):
    aliases: list[Raw] = []
    tags: list[Raw] = []
    creation_timestamp: _Millis | None = None


class ModelAnswer(msgspec.Struct, frozen=True):
    """One registered model with its aliases."""

    registered_model: _ModelAliases


class Number(msgspec.Struct, frozen=True):
    """The least that an entry must have."""

    version: _Number


class Tag(msgspec.Struct, frozen=True):
    """One tag."""

    key: str
    # MLflow itself takes up to 100,000 characters.
    value: Annotated[str, Meta(max_length=100_000)] = ""


class Version(msgspec.Struct, frozen=True):
    """One version."""

    run_id: Annotated[str, Meta(max_length=500)] = ""
    source: _Address = ""
    creation_timestamp: _Millis = 0
    tags: Annotated[list[Tag], Meta(max_length=1000)] = []


class _LoggedModelFacts(msgspec.Struct, frozen=True):
    artifact_uri: _Address
    experiment_id: Annotated[str, Meta(max_length=500)] | None = None


class _LoggedModel(msgspec.Struct, frozen=True):
    info: _LoggedModelFacts


class LoggedModelAnswer(msgspec.Struct, frozen=True):
    """Where a logged model is."""

    model: _LoggedModel


class _File(msgspec.Struct, frozen=True):
    path: str
    is_dir: bool = False
    file_size: int | None = None


class FilesAnswer(msgspec.Struct, frozen=True):
    """The files of a directory."""

    files: Annotated[list[_File], Meta(max_length=10_000)] = []


def _decoder(kind: Any, most_bytes: int) -> Decoder[Any]:
    return Decoder(kind, most_bytes=most_bytes, most_values=2_000_000)


MOST_LISTED: Final = 512 * 2**20
"""Bytes of the entries of one model's versions that are kept, the newest first."""
MODELS: Final[Decoder[ModelsPage]] = _decoder(ModelsPage, 64 * 2**20)
VERSIONS: Final[Decoder[VersionsPage]] = _decoder(VersionsPage, 64 * 2**20)
MODEL: Final[Decoder[Model]] = _decoder(Model, 2**20)
ALIASES: Final[Decoder[ModelAnswer]] = _decoder(ModelAnswer, 16 * 2**20)
ALIAS: Final[Decoder[Alias]] = _decoder(Alias, 10_000)
MODEL_TAG: Final[Decoder[Tag]] = _decoder(Tag, 2**20)
NUMBER: Final[Decoder[Number]] = _decoder(Number, 16 * 2**20)
VERSION: Final[Decoder[Version]] = _decoder(Version, 16 * 2**20)
LOGGED_MODEL: Final[Decoder[LoggedModelAnswer]] = _decoder(LoggedModelAnswer, 16 * 2**20)
FILES: Final[Decoder[FilesAnswer]] = _decoder(FilesAnswer, 4 * 2**20)
