"""Numbers of fewer bits: float32 and float16 as they are, else affine integers with a scale and a zero point a tensor.

Affine quantisation per tensor after Jacob et al., CVPR 2018: elements of b bits, packed, and 8 bytes for scale and zero
point. Encoding and decoding are one elementwise pass each over what a machine holds and what crosses.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from simulator.codecs.base import Codec, Coder, Message

#: of a scale and a zero point
_PARAMETERS_BYTES = 8
#: names that a policy may write, and the bits of an element
NAMES = {"float32": 32, "float16": 16, "int8": 8, "int4": 4, "int2": 2, "int1": 1}


class QuantiseCodec(Codec):
    """Elements of so many bits."""

    kind: Literal["quantise"] = Field("quantise", description="Elements of fewer bits.")
    bits: Literal[32, 16, 8, 4, 2, 1] = Field(description="Bits of an element; 32 and 16 are floating-point numbers.")

    @property
    def label(self) -> str:
        """``int8`` and the like."""
        return next(name for name, bits in NAMES.items() if bits == self.bits)

    def size_bytes(self, message: Message) -> float:
        """Packed elements, and the parameters of each tensor that is quantised."""
        packed = math.ceil(message.numbers * self.bits / 8)
        parameters = _PARAMETERS_BYTES * message.tensors if self.bits < 16 and message.numbers else 0
        return packed + parameters + message.integer_bytes

    def encode_s(self, message: Message, coder: Coder) -> float | None:
        """One pass; none where the numbers stay as they are stored."""
        if self._changes_nothing(message):
            return 0.0
        return coder.encode_s("quantise", message.stored_bytes, message.numbers * self.bits / 8)

    def decode_s(self, message: Message, coder: Coder) -> float | None:
        """One pass back."""
        if self._changes_nothing(message):
            return 0.0
        return coder.decode_s("quantise", message.numbers * self.bits / 8, message.stored_bytes)

    @property
    def is_exact(self) -> bool:
        """Numbers of 32 bits stay what they are."""
        return self.bits == 32

    def _changes_nothing(self, message: Message) -> bool:
        return message.stored_bytes * 8 == message.numbers * self.bits
