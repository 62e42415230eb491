"""The model behind the short paths stays it when others are registered."""

from __future__ import annotations

from serving.versions.catalogue import Catalogue, ServedModel, Version


def _model(name: str, *created_ms: int) -> ServedModel:
    versions = {
        number: Version(name, number, "run", "source", "failed", {}, created)
        for number, created in enumerate(created_ms, 1)
    }
    return ServedModel(name, versions)


def test_the_oldest_model_is_the_default_whatever_comes_later() -> None:
    models = {"zebra": _model("zebra", 100, 400)}
    assert Catalogue(models).default_model(None).name == "zebra"
    models |= {"ant": _model("ant", 200), "bee": _model("bee")}
    for order in (sorted(models), sorted(models, reverse=True)):
        assert Catalogue({name: models[name] for name in order}).default_model(None).name == "zebra"
    assert Catalogue(models).default_model("ant").name == "ant"
    # An entry that cannot be read, or tells no time, says nothing of when the model began.
    models["bee"] = _model("bee", 0, 500, 0)
    assert Catalogue(models).default_model(None).name == "zebra"
    twins = {name: _model(name, 100) for name in ("b", "a")}
    assert Catalogue(twins).default_model(None).name == "a"
