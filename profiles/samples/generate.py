"""Writes the built-in sample records: how sure each exit of a model is about each sample, and whether it is right.

``efficientnet-b0-exit``: PORTEND (ICPADS 2023) counts for 25 000 images how many would leave at block 4 below some
thresholds of the normalised entropy, and how many of these are right; each fifth of them is a sample here. Between two
thresholds the entropies lie at equal distances and the right ones among them anywhere. Block 8 alone is right about
18 464. Which of them is estimated: all that the exit is right about, and of the others those of small entropy first but
for noise.

``resnet50-exits``: an estimate, because no public record for ResNet-50 with exits on ImageNet is at hand. Each sample
has an ease z (standard normal). Exit k is right when ``z + noise`` exceeds the quantile that gives the exit its
accuracy, and its normalised entropy is the logistic of ``-(2 z + bias_k + noise)``. Final accuracy: torchvision's
published 76.13 % (ResNet50_Weights.IMAGENET1K_V1). Accuracies of the early exits, 45 % after layer2 and 65 % after
layer3, and the spread of the noise are estimated; the early exits of MSDNet on ImageNet (62.9 % and 70.3 %,
github.com/kalviny/MSDNet-PyTorch issue 10), a network built for early exits, are an upper guide.

Run: ``python profiles/samples/generate.py``
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

SAMPLES = 10_000
SEED = 50
EXIT_ACCURACY = (0.45, 0.65)
FINAL_ACCURACY = 0.7613
ENTROPY_BIAS = (-1.2, 0.4)
NOISE = 0.6


def right(ease: np.ndarray, accuracy: float, generator: np.random.Generator) -> np.ndarray:
    """Whether an exit is right about each sample: exactly the stated share, the easier samples first but for noise."""
    order = np.argsort(-(ease + NOISE * generator.standard_normal(SAMPLES)))
    correct = np.zeros(SAMPLES, dtype=int)
    correct[order[: round(accuracy * SAMPLES)]] = 1
    return correct


#: of 25 000 images: threshold, would leave at block 4, right among them (PORTEND, ICPADS 2023)
PORTEND = (
    (0.1, 234, 224),
    (0.2, 676, 591),
    (0.3, 1581, 1257),
    (0.4, 3666, 2356),
    (0.6, 13089, 5390),
    (0.8, 24454, 7091),
    (1.0, 25000, 7129),
)
PORTEND_FINAL, EACH = 18464, 5


def main() -> None:
    """Write the records beside this file."""
    resnet50_exits()
    efficientnet_b0_exit()


def efficientnet_b0_exit() -> None:
    """Records whose counts at the published thresholds are the published ones."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    entropies, rights = [], []
    below, leave_before, right_before = 0.0, 0, 0
    for threshold, leave, right_ones in PORTEND:
        count, correct = round(leave / EACH) - leave_before, round(right_ones / EACH) - right_before
        entropies.append(below + (threshold - below) * (np.arange(count) + 0.5) / count)
        rights.append(generator.permutation(np.arange(count) < correct))
        below, leave_before, right_before = threshold, leave_before + count, right_before + correct
    entropy, early = np.concatenate(entropies), np.concatenate(rights)
    hardness = np.where(early, -np.inf, entropy + NOISE * generator.standard_normal(entropy.size))
    final = np.zeros(entropy.size, dtype=bool)
    final[np.argsort(hardness)[: round(PORTEND_FINAL / EACH)]] = True
    header = [
        "# model: efficientnet_b0_exit",
        "# source: PORTEND, ICPADS 2023: exit table of EfficientNet-B0, 25 000 validation images",
        "# estimated: which samples the final output is right about; profiles/samples/generate.py, seed 50",
        "sample,entropy_1,correct_1,correct_final",
    ]
    order = generator.permutation(entropy.size)
    rows = [f"{k},{entropy[i]:.5f},{early[i]:d},{final[i]:d}" for k, i in enumerate(order)]
    (Path(__file__).parent / "efficientnet-b0-exit.csv").write_text("\n".join([*header, *rows]) + "\n")


def resnet50_exits() -> None:
    """Records of an estimated latent-ease model."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    ease = generator.standard_normal(SAMPLES)
    final = right(ease, FINAL_ACCURACY, generator)
    columns = []
    for accuracy, bias in zip(EXIT_ACCURACY, ENTROPY_BIAS, strict=True):
        sureness = 2 * ease + bias + NOISE * generator.standard_normal(SAMPLES)
        columns += [1 / (1 + np.exp(sureness)), right(ease, accuracy, generator)]
    header = [
        "# model: resnet50_exits",
        "# estimated: latent-ease model of profiles/samples/generate.py, seed 50; see its docstring",
        "# source of the final accuracy: torchvision ResNet50_Weights.IMAGENET1K_V1, acc@1 76.13 %",
    ]
    folder = Path(__file__).parent
    rows = [
        f"{k},{columns[0][k]:.5f},{columns[1][k]},{columns[2][k]:.5f},{columns[3][k]},{final[k]}"
        for k in range(SAMPLES)
    ]
    names = "sample,entropy_1,correct_1,entropy_2,correct_2,correct_final"
    (folder / "resnet50-exits.csv").write_text("\n".join([*header, names, *rows]) + "\n")


if __name__ == "__main__":
    main()
