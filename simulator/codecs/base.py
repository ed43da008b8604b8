"""What a codec is: the size on the wire of what crosses a cut, the time that takes, and the accuracy that is left.

A codec says nothing of its effect on a model that its table does not name: then no accuracy is shown. Left out: memory
that encoding takes, and the order in which several tensors are encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Message:
    """What crosses a cut, before it is encoded.

    Attributes
    ----------
    numbers : float
        Floating-point numbers.
    integer_bytes : float
        Size of integers and logical values, which no codec changes.
    tensors : int
    stored_bytes : float
        Size of the numbers as the sender holds them.
    """

    numbers: float
    integer_bytes: float
    tensors: int
    stored_bytes: float


class Coder(Protocol):
    """What a machine's card says of its speed."""

    def encode_s(self, codec: str, read_bytes: float, written_bytes: float) -> float | None:
        """Time of encoding; None where the card does not say."""

    def decode_s(self, codec: str, read_bytes: float, written_bytes: float) -> float | None:
        """Time of decoding; None where the card does not say."""


class Codec(BaseModel):
    """Base of the codecs that a policy can name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: Mapping[str, Share] | None = Field(
        None, description="Top-1 accuracy of models whose features go through this codec, by the name of the profile."
    )

    def __hash__(self) -> int:
        """Of what is written, the table too."""
        return hash(self.model_dump_json())

    @property
    def label(self) -> str:
        """In the label of a policy."""
        raise TypeError(f"{type(self).__name__} must say its label")

    def size_bytes(self, message: Message) -> float:  # noqa: ARG002
        """Size on the wire."""
        raise TypeError(f"{type(self).__name__} must say its size")

    def encode_s(self, message: Message, coder: Coder) -> float | None:  # noqa: ARG002
        """Time of encoding on a machine; None where its card does not say."""
        raise TypeError(f"{type(self).__name__} must say its time of encoding")

    def decode_s(self, message: Message, coder: Coder) -> float | None:  # noqa: ARG002
        """Time of decoding on a machine; None where its card does not say."""
        raise TypeError(f"{type(self).__name__} must say its time of decoding")

    @property
    def is_exact(self) -> bool:
        """Whether every number comes out as it went in."""
        return False

    def top1(self, model: str) -> float | None:
        """Accuracy of a model whose features go through this codec; None where the table does not say."""
        return None if self.accuracy is None else self.accuracy.get(model)
