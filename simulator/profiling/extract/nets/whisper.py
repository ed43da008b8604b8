"""The encoder of Whisper in its smallest size, the part that turns half a minute of sound into features.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", ICML 2023 (arXiv 2212.04356), table 1
(tiny: 4 layers, width 384, 6 heads): two convolutions over 80 bands of a log-mel spectrogram at 100 frames a second,
then transformer layers. The decoder writes one token after the other, as many as the speech has, and is left out.
"""

from __future__ import annotations

from torch import nn
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from simulator.profiling.extract.nets import takes

_BANDS, _FRAMES = 80, 3000


@takes(1, _BANDS, _FRAMES)
def whisper_tiny_encoder() -> nn.Module:
    """Encoder of whisper-tiny for the 30 s of sound that it always reads."""
    config = WhisperConfig(
        d_model=384,
        encoder_layers=4,
        encoder_attention_heads=6,
        encoder_ffn_dim=4 * 384,
        num_mel_bins=_BANDS,
        max_source_positions=_FRAMES // 2,  # the second convolution has stride two
    )
    encoder: nn.Module = WhisperEncoder(config)
    return encoder
