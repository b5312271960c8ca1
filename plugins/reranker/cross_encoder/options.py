"""What can be set for a cross-encoder?"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class CrossEncoderOptions(BaseModel):
    """Options of the ``cross_encoder`` plugin.

    Attributes:
        model: A folder as optimum or sentence-transformers export it; for ``torch`` also the name of a model.
        file: The ONNX file inside the folder. Empty: ``model.onnx``, else ``onnx/model.onnx``.
        download: Whether ``torch`` may fetch a model by its name from the Hugging Face hub.
        activation: What turns the model's number into a score in 0–1. ``identity`` is for models whose own output lies
            there; a number beyond is cut. The order is the same either way.
        max_tokens: Longest pair the model reads; 0: what its files say. Passages are cut, questions only beyond half.
        threads: Batches judged at the same time, each on a thread of its own; 0: as many as cores, at most 4.
        timeout_s: For all candidates of a question; then the search order stands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1)
    backend: Literal["onnx", "torch"] = "onnx"
    file: str = ""
    download: bool = False
    activation: Literal["sigmoid", "identity"] = "sigmoid"
    max_tokens: int = Field(default=0, ge=0, le=32_768)
    batch_size: int = Field(default=8, ge=1, le=256)
    threads: int = Field(default=0, ge=0, le=64)
    timeout_s: float = Field(default=30.0, gt=0, le=600)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.max_tokens and self.max_tokens < 16:
            raise ValueError("max_tokens: 0 or at least 16")
        path = PurePosixPath(self.file)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError("file: a path inside the folder of the model")
        if self.backend == "torch" and self.file:
            raise ValueError("file is for the backend onnx")
        return self
