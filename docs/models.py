"""``make models``: the table of docs/models.md, from the models of the libraries that are installed.

Each model is profiled in a process of its own, with a limit of memory and of time, and compared with PyTorch's own
counter (`simulator.profiling.extract.crosscheck`). Rows go to docs/models.csv as they come: an interrupted run goes on
where it was, except that rows of other versions of the libraries are made again. With names of sources only those are
made again: ``python docs/models.py timm:resnet18``. The page gets the totals and every row that is not exact.
"""

from __future__ import annotations

import csv
import io
import re
import resource
import sys
from collections import Counter
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from simulator.profiling.extract.crosscheck import Outcome, crosscheck, shown
from simulator.profiling.extract.environment import prepare, quiet

HERE = Path(__file__).parent
TABLE, PAGE = HERE / "models.csv", HERE / "models.md"
START, END = "<!-- models -->\n", "<!-- /models -->"
LIBRARIES = ("torch", "torchvision", "timm", "transformers")
COLUMNS = [field.name for field in fields(Outcome)]
OUTCOMES = ("exact", "explained", "not complete", "refused", "disagrees")
MEMORY_BYTES = 2 * 1024**3
TIME_S = 180

#: one or two of every module of timm
TIMM = """
beit_base_patch16_224 halonet26t botnet26t_256 lambda_resnet26t mobileone_s0 repvgg_b0 cait_xxs24_224 coat_lite_mini
convit_tiny convmixer_768_32 convnext_atto convnextv2_atto cpubone_nano crossvit_tiny_240 csatv2 cs3darknet_s
cspnext_tiny davit_tiny deepseek_vit_412m deit_tiny_distilled_patch16_224 densenet121 dla34 dpn68 edgenext_xx_small
efficientformer_l1 efficientformerv2_s0 tinynet_e efficientvim_m1 efficientvit_b0 efficientvit_m0
eva02_tiny_patch14_224 fasternet_t0 fastvit_t8 focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m ghostnet_050
hardcorenas_a hgnetv2_b0 hiera_tiny_224 hieradet_small hrnet_w18_small iformer_s inception_next_atto
inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small levit_128s lowformer_b0 mambaout_femto maxvit_pico_rw_256
coatnet_pico_rw_224 caformer_s18 mixer_s32_224 gmlp_s16_224 mobilenetv3_small_050 mobilenetv5_300m mobilevit_xxs
mobilevitv2_050 mvitv2_tiny naflexvit_base_patch16_siglip nasnetalarge nest_tiny nextvit_small nf_regnet_b0
dm_nfnet_f0 pit_xs_224 pnasnet5large pvt_v2_b0 qwen3_vit_88m rdnet_tiny regnetx_002 repghostnet_050 repvit_m0_9
res2net50_26w_4s resnest14d resnet18 resnetblur18 resnetv2_18 rexnet_100 selecsls42 legacy_seresnet18 sequencer2d_s
shvit_s1 skresnet18 starnet_s050 swiftformer_xs swin_tiny_patch4_window7_224 swinv2_tiny_window8_256
swinv2_cr_tiny_224 tiny_vit_5m_224 tnt_s_patch16_224 tresnet_m twins_svt_small vgg11 visformer_tiny
vit_tiny_patch16_224 vit_tiny_r_s16_p8_224 vit_relpos_small_patch16_224 samvit_base_patch16_224 vitamin_small_224
volo_d1_224 ese_vovnet19b_slim_dw legacy_xception xception41 xcit_nano_12_p16_224
"""

#: types of models of transformers, at the sizes that their configurations have by default
TRANSFORMERS = """
bert distilbert roberta albert electra mobilebert deberta-v2 mpnet fnet squeezebert funnel longformer gpt2 gpt_neo opt
bloom t5 bart clip whisper wav2vec2 hubert mamba vit deit beit swin segformer convnext dinov2 mobilevit poolformer
"""

#: a second of sound, half a minute of it in bands, and fewer tokens for a loop over time
SOUNDS_AND_TOKENS = {
    "hf:wav2vec2": (1, 16000),
    "hf:hubert": (1, 16000),
    "hf:whisper": (1, 80, 3000),
    "hf:mamba": (1, 64),
}

#: clips instead of pictures
VIDEOS = {
    "r3d_18": 112,
    "mc3_18": 112,
    "r2plus1d_18": 112,
    "s3d": 224,
    "mvit_v1_b": 224,
    "mvit_v2_s": 224,
    "swin3d_t": 224,
    "swin3d_s": 224,
    "swin3d_b": 224,
}


def sources() -> dict[str, tuple[int, ...] | None]:
    """Every model of the table, with its input where the library does not say it."""
    from torchvision import models

    found: dict[str, tuple[int, ...] | None] = {f"timm:{name}": None for name in TIMM.split()}
    found |= {f"hf:{name}": None for name in TRANSFORMERS.split()}
    found |= SOUNDS_AND_TOKENS
    clips = {name: (1, 3, 16, side, side) for name, side in VIDEOS.items()}
    return found | {f"torchvision:{name}": clips.get(name) for name in models.list_models()}


def tried(source: str, shape: tuple[int, ...] | None) -> Outcome:
    """The outcome of one model, whatever happens to its process."""
    context = get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(source, shape, there))
    process.start()
    there.close()
    try:
        found: Outcome = here.recv() if here.poll(TIME_S) else _lost(source, shape, f"no profile after {TIME_S} s")
    except EOFError:
        found = _lost(source, shape, "the process ended, for want of memory or by a fault of a library")
    process.kill()
    process.join()
    return found


def _lost(source: str, shape: tuple[int, ...] | None, reason: str) -> Outcome:
    return Outcome(source, shown(shape or ()), "refused", reason=reason)


def _try(source: str, shape: tuple[int, ...] | None, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    with quiet():
        answer.send(crosscheck(source, shape))


def read_table() -> tuple[str, dict[str, dict[str, str]]]:
    """Versions of the libraries, and the rows by their sources."""
    if not TABLE.exists():
        return "", {}
    first, _, rest = TABLE.read_text(encoding="utf-8").partition("\n")
    return first.removeprefix("# "), {row["source"]: row for row in csv.DictReader(io.StringIO(rest, newline=""))}


def write_table(rows: dict[str, dict[str, str]]) -> None:
    """The rows in the order of their sources."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {versions()}\n")
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[source] for source in sorted(rows))


def versions() -> str:
    """The libraries that are installed, as constraints.txt writes them: without the processor of a build."""
    return " ".join(f"{name}=={version(name).partition('+')[0]}" for name in LIBRARIES)


def page_block(stated: str, rows: dict[str, dict[str, str]]) -> list[str]:
    """Totals, and the rows that are not exact."""
    libraries = {"torchvision": "torchvision", "timm": "timm", "hf": "transformers"}
    lines = [f"Made with {stated}.", "", "| library | " + " | ".join(OUTCOMES) + " | tried |"]
    lines.append("|---" * (len(OUTCOMES) + 2) + "|")
    every = [(libraries[source.partition(":")[0]], row["outcome"]) for source, row in rows.items()]
    for library in (*libraries.values(), "all"):
        counts = Counter(outcome for owner, outcome in every if library in (owner, "all"))
        cells = [library, *(str(counts[outcome]) for outcome in OUTCOMES), str(counts.total())]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| model | outcome | MACs | counter | why |", "|---|---|---|---|---|"]
    for row in sorted(rows.values(), key=lambda one: (OUTCOMES.index(one["outcome"]), one["source"])):
        if row["outcome"] != "exact":
            columns = ("macs", "counter_macs") if row["outcome"] != "refused" else ()
            macs = [f"{int(row[column]):,}" for column in columns] or ["", ""]
            why = "; ".join(map(str.strip, row["reason"].splitlines())).replace("|", "\\|")
            lines.append(f"| {row['source']} | {row['outcome']} | {macs[0]} | {macs[1]} | {why} |")
    return lines


def write_page() -> None:
    """Put the block into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    block = "\n".join(page_block(*read_table())) + "\n"
    PAGE.write_text(before + START + block + END + rest.partition(END)[2], encoding="utf-8")


def main(names: list[str]) -> None:
    """Make the rows that are missing, or those of some sources, and the page."""
    with quiet():
        prepare()
        import timm  # noqa: F401  # what all the processes need is loaded once, here
        import transformers  # noqa: F401

        crosscheck("torchvision:alexnet")  # loads what tracing needs
        every = sources()
    stated, rows = read_table()
    if stated != versions():
        rows = {}
    wanted = names or [source for source in every if source not in rows]
    for place, source in enumerate(wanted, 1):
        found = tried(source, every.get(source))
        anywhere = re.sub(r"\S*site-packages/", "", found.reason)  # wherever the libraries are installed
        found = replace(found, reason=anywhere)
        rows[source] = {column: str(value) for column, value in asdict(found).items()}
        write_table(rows)
        print(f"{place}/{len(wanted)} {source}: {found.outcome} {found.reason}", flush=True)
    write_page()


if __name__ == "__main__":
    main(sys.argv[1:])
