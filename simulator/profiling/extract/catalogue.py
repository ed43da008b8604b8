"""The profiles that ship with the package, and how each is extracted.

All classification models of torchvision at the crop size of their default weights, the models of the survey of
lightweight networks (arXiv 2404.07236) that timm has, transformers, segmentation, detectors and the networks in
`nets`. Accuracies are top-1 on ImageNet: what publishers state of detectors, texts, sound and masks is another measure,
and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.profiling.graph import Encoding

_NETS = "simulator.profiling.extract.nets"


@dataclass(frozen=True)
class Shipped:
    """One shipped profile.

    Attributes
    ----------
    name : str
        Name of the profile and of its file.
    source : str
        Argument of `extract`.
    input_shape : tuple of int or None
        None where the source knows it.
    top1, top1_source
        Published accuracy where the source's library does not tell it.
    encodings : mapping of str to Encoding
        Sizes of the input as it is usually sent, beside or instead of those that follow from its shape.
    """

    name: str
    source: str
    input_shape: tuple[int, ...] | None = None
    top1: float | None = None
    top1_source: str | None = None
    encodings: Mapping[str, Encoding] = field(default_factory=dict)


#: pictures of at most 640 pixels a side, as detectors of 640 x 640 pixels are trained and tested with
_COCO = Encoding(163_117.0, "mean of the 5000 pictures of COCO val2017, an archive of 815 585 330 bytes", False)

#: what is sent of sound; the receiver computes the spectrogram
_OPUS = Encoding(
    75_000.0, "30 s at 20 kbit/s, the upper end for wideband speech in RFC 6716 (Opus), section 2.1.1", True
)

#: students of head network distillation: teacher and channels that cross
_DISTILLED = tuple(
    f"{teacher}_hnd{channels}"
    for teacher in ("resnet50", "resnet152", "densenet169", "densenet201", "inception_v3")
    for channels in (3, 12)
)

#: everything but torchvision's classification models
OTHERS: tuple[Shipped, ...] = (
    Shipped("mobilenetv1_100", "timm:mobilenetv1_100", (1, 3, 224, 224), 0.706, "arXiv 2404.07236, tables 1 and 3"),
    Shipped("mobilenetv2_140", "timm:mobilenetv2_140", None, 0.747, "arXiv 2404.07236, tables 1 and 3"),
    Shipped("deit_tiny_patch16_224", "timm:deit_tiny_patch16_224", None, 0.722, "arXiv 2404.07236, tables 1 and 3"),
    Shipped(
        "deit_small_patch16_224",
        "timm:deit_small_patch16_224",
        None,
        0.798,
        "Touvron et al., arXiv 2012.12877, quoted without the paper at hand",
    ),
    Shipped(
        "deit_base_patch16_224",
        "timm:deit_base_patch16_224",
        None,
        0.818,
        "Touvron et al., arXiv 2012.12877, quoted without the paper at hand",
    ),
    Shipped(
        "mobilevit_xxs",
        "timm:mobilevit_xxs",
        None,
        0.690,
        "Mehta and Rastegari, arXiv 2110.02178, quoted without the paper at hand",
    ),
    Shipped("mobilevit_xs", "timm:mobilevit_xs", None, 0.748, "arXiv 2404.07236, tables 1 and 3"),
    Shipped("mobilevit_s", "timm:mobilevit_s", None, 0.784, "arXiv 2404.07236, tables 1 and 3"),
    Shipped("efficientformer_l1", "timm:efficientformer_l1", None, 0.792, "Li et al., arXiv 2206.01191, abstract"),
    Shipped("bert-base", "hf:bert"),
    Shipped("distilbert-base", "hf:distilbert"),
    Shipped("whisper_tiny_encoder", f"{_NETS}.whisper:whisper_tiny_encoder", encodings={"opus": _OPUS}),
    Shipped("lraspp_mobilenet_v3_large", "torchvision:lraspp_mobilenet_v3_large"),
    Shipped("deeplabv3_resnet50", "torchvision:deeplabv3_resnet50"),
    Shipped("unet", f"{_NETS}.unet:unet"),
    Shipped("ssdlite320_backbone", f"{_NETS}.detectors:ssdlite320_backbone"),
    Shipped("resnet50_fpn_backbone", f"{_NETS}.detectors:resnet50_fpn_backbone"),
    Shipped("yolov8n", f"{_NETS}.yolov8:yolov8n", encodings={"jpeg": _COCO}),
    Shipped("tiny_yolov2", f"{_NETS}.tiny_yolov2:tiny_yolov2"),
    Shipped("resnet50_exits", f"{_NETS}.resnet_exits:resnet50_exits"),
    Shipped("efficientnet_b0_exit", f"{_NETS}.efficientnet_exit:efficientnet_b0_exit"),
    Shipped("ds_cnn", f"{_NETS}.mlperf_tiny:ds_cnn"),
    Shipped("mobilenet_v1_025_96", f"{_NETS}.mlperf_tiny:mobilenet_v1_025_96"),
    Shipped("resnet8", f"{_NETS}.mlperf_tiny:resnet8"),
    Shipped("fc_autoencoder", f"{_NETS}.mlperf_tiny:fc_autoencoder"),
    # no table of their accuracies was at hand
    *(Shipped(name, f"{_NETS}.distilled_heads:{name}") for name in _DISTILLED),
    Shipped("resnet50_entropic", f"{_NETS}.entropic_student:resnet50_entropic"),
)


def shipped() -> list[Shipped]:
    """Every shipped profile; torchvision's classification models as the installed version lists them."""
    from torchvision import models

    return [Shipped(name, f"torchvision:{name}") for name in models.list_models(module=models)] + list(OTHERS)
