"""How Kafka is started."""

from __future__ import annotations

import base64

from infra.kafka.service import make_cluster_id


def test_a_cluster_id_is_never_taken_for_a_flag() -> None:
    """Of random ids one in 64 would be, and the first `make up` of that person would fail."""
    made = {make_cluster_id() for _ in range(2_000)}
    assert len(made) == 2_000 and not any(each.startswith("-") for each in made)
    assert {len(base64.urlsafe_b64decode(f"{each}==")) for each in made} == {16}
