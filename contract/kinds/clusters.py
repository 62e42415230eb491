"""Sections that the clusterings share: a number of clusters, the gate, and when a cluster is the same as before."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from contract.features import FORMS
from contract.sections import GateSection, Int, ModelSection, Real, Section


class KRange(Section):
    """Numbers of clusters to try, both ends included."""

    start: Int = Field(alias="from", ge=2, le=1000)
    to: Int = Field(ge=2, le=1000)
    seeds: Int = Field(default=3, ge=1, le=100, description="fits of each k, from seeds that follow each other")
    min_cluster_share: Real = Field(default=0.01, ge=0, lt=0.5, description="a k with a smaller cluster is not chosen")

    @model_validator(mode="after")
    def _ordered(self) -> KRange:
        if self.to <= self.start:
            raise ValueError(f"k: from {self.start} to {self.to} is no range")
        return self


# Told apart before either is looked at, so that a fault in a range is not told as a fault in a number as well.
K = Annotated[
    Annotated[Int, Field(ge=2, le=1000), Tag("int")] | Annotated[KRange, Tag("KRange")],
    Discriminator(lambda given: "KRange" if isinstance(given, dict | KRange) else "int"),
]


class ClusteringSection(ModelSection):
    """What every clustering of a batch is told."""

    forms: ClassVar = frozenset(FORMS)

    seed: Int = Field(default=1, ge=-(2**62), lt=2**62, description="of the random start")
    impute: Literal["mean", "median"] = Field(default="mean", description="what replaces a missing value")
    max_iter: Int = Field(default=20, ge=1, le=1000, description="iterations at most")

    @property
    def fewest(self) -> int:
        """The smallest number of clusters that may come of a batch; two, where a kind asks for no more."""
        return 2


class Gate(GateSection):
    """What a version must reach to be a challenger, and what it must not lose against the champion."""

    min_silhouette: Real = Field(default=0.0, ge=-1, le=1, description="on its own rows")
    min_cluster_share: Real = Field(default=0.001, ge=0, le=1, description="of the smallest cluster")
    max_missing_share: Real = Field(default=0.5, ge=0, le=1, description="of any feature's values")
    max_silhouette_drop: Real = Field(default=0.1, ge=0, description="below the champion's, on the reference sample")
    max_wssse_rise: Real = Field(default=0.25, ge=0, description="share above the champion's, on the reference sample")


class Identity(Section):
    """When a cluster of one version is the same as one of the version before: shares of its rows."""

    survive: Real = Field(default=0.5, gt=0, le=1, description="it went into one cluster")
    split: Real = Field(default=0.25, gt=0, le=1, description="a part of it went into one of several")
