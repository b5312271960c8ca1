"""Which options do all vector stores share?"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PlacementOptions(BaseModel):
    """Where in a store the vectors lie, where it is not as the section ``vector_db`` says.

    Attributes:
        collection: Collection of new indexes in this store. Empty: ``vector_db.collection``.
        distance_metric: How near is measured in it. Empty: ``vector_db.distance_metric``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str = Field(default="", pattern=r"^([a-z][a-z0-9_]{0,47})?$")
    distance_metric: Literal["", "cosine", "dot", "euclidean"] = ""
