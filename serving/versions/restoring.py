"""A registered model that is being made again: what it does not list yet is what was served before."""

from __future__ import annotations

import dataclasses

from serving.versions.catalogue import ServedModel
from serving.versions.listing import ListedModel


def whole(listed: ListedModel, before: ServedModel | None) -> ListedModel:
    """Return what ``listed`` will be again, as far as ``before`` tells; any other model as it is listed.

    It is deleted for a moment; where whoever made it again was killed, for longer. The aliases of a model that is
    gone are kept as long as its versions are.
    """
    if before is None or not (listed.is_gone or listed.is_restoring):
        return listed
    restoring = listed.is_restoring or before.is_restoring
    return dataclasses.replace(listed, aliases={**before.aliases, **listed.aliases}, is_restoring=restoring)
