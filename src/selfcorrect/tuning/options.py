"""The options of ``bias``, ``choose`` and ``tune``, each of them once.

The commands are made from these tables; what they share with ``run`` is its entry, and the study
debias takes its settings of tuning from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from selfcorrect.runs.options import OPTIONS, Option
from selfcorrect.tuning import BATCH, LONGEST, RATE

#: What has text of its own: planted models answer their own tasks alone.
_SPEAKS = replace(
    OPTIONS["model"],
    help="smollm2 (the default), a folder, a .gguf file, a Hugging Face id, or openai:NAME behind "
    "a server.",
)
_OPENED = [OPTIONS[name] for name in ("dtype", "device", "trust_remote_code", "base_url")]


def _by_name(*options: Option) -> Mapping[str, Option]:
    return {each.name: each for each in options}


#: Settings of a tuning.
TUNING = _by_name(
    Option("steps", int, 0, "Steps; 0 is three passes over the texts.", least=0),
    Option("rate", float, RATE, "The largest learning rate.", metavar="X", least=0),
    Option("batch", int, BATCH, "Texts of a step.", least=1),
    Option("lora", int, 0, "Rank of LoRA's matrices; 0 tunes all weights.", metavar="RANK",
           least=0),
    Option("longest", int, LONGEST, "Tokens that are read of a text.", least=2),
)  # fmt: skip

BIAS = _by_name(
    OPTIONS["model"],
    Option("data", str, None,
           "Pairs in the layout of CrowS-Pairs (sent_more, sent_less, stereo_antistereo, "
           "bias_type), or StereoSet's JSON; by default pairs of our own.", metavar="FILE"),
    OPTIONS["skip_bad"],
    *_OPENED,
    Option("page", Path, None, "Where the page goes.", metavar="FILE"),
)  # fmt: skip

CHOOSE = _by_name(
    _SPEAKS,
    Option("data", str, None,
           "Texts: JSONL or CSV with text (and if wanted id, cluster, task), or a .txt file of "
           "lines; by default texts of our own.", metavar="FILE"),
    Option("size", int, None, "Texts in each subset; a quarter by default.", least=1),
    OPTIONS["samples"],
    Option("swap", bool, False, "Swap gendered words and names in the texts first."),
    replace(OPTIONS["limit"], key=""),  # of the texts, before the run that asks is planned
    OPTIONS["seed"],
    Option("to", Path, None,
           "A new folder for the subsets; by default one in that of the run which asks.",
           metavar="FOLDER"),
    *_OPENED,
    OPTIONS["out"],
)  # fmt: skip

TUNE = _by_name(
    Option("texts", str, None, "Texts, as for choose.", metavar="FILE", required=True),
    Option("out", Path, None, "The folder of the new model.", metavar="FOLDER", required=True),
    replace(
        OPTIONS["model"],
        help="smollm2 (the default), a folder of transformers, or a Hugging Face id: of those "
        "the weights can be tuned.",
    ),
    *TUNING.values(),
    OPTIONS["seed"],
    OPTIONS["device"],
    OPTIONS["trust_remote_code"],
)
