"""Dialogues about pictures against ``generate()`` on the whole transcript and picture, on one core.

    python -m benchmarks.pictures

64 dialogues of 5 rounds, each about a picture of its own, held by a LLaVA that is made here from a
configuration: a language model of the bundled model's size, a vision tower of ViT-S/16's, random
weights, float32. At 224 pixels a side a picture has 196 tokens, at 128 it has 64 (``--side``). The
other side sends the whole transcript and the picture through ``generate()`` in every round, one
dialogue at a time, so that its seconds a dialogue are those of its first dialogues (16, see
``--loop``). Sides take turns on one core; the figure is the median of the turns' ratios of CPU
seconds a dialogue. ``dialogues_differing`` are those of which any token is another. Writes
``benchmarks/pictures.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.turns import ROOT, Process, written
from rich.console import Console

from selfcorrect.models.local.files import BUNDLED, locate
from selfcorrect.models.local.machine import processor

DIALOGUES, ROUNDS, TOKENS = 64, 5, 8
DTYPE = "float32"
_LISTS = ("first", "ids", "pictures")
SIDES = {"ours": "benchmarks.ours", "loop": "benchmarks.loop"}
PATCH = 16
#: Of ViT-S/16.
VISION = {
    "model_type": "clip_vision_model", "hidden_size": 384, "intermediate_size": 1536,
    "num_hidden_layers": 12, "num_attention_heads": 6, "patch_size": PATCH,
}  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for p in m.content %}{% if p.type == 'image' %}<image>\n{% else %}{{ p.text }}"
    "{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def made(folder: Path, side: int) -> None:
    """The model's folder; its pictures have so many pixels a side."""
    import torch
    from transformers import (
        AutoConfig,
        AutoTokenizer,
        CLIPImageProcessorPil,
        LlavaForConditionalGeneration,
    )

    bundled = locate(BUNDLED).folder
    tokenizer: Any = AutoTokenizer.from_pretrained(bundled, trust_remote_code=False)
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    tokenizer.chat_template = TEMPLATE
    text = json.loads((bundled / "config.json").read_text("utf-8"))
    text["vocab_size"] = len(tokenizer)
    number = tokenizer.convert_tokens_to_ids("<image>")
    config = AutoConfig.for_model(
        "llava", text_config=text, vision_config={**VISION, "image_size": side},
        image_token_id=number, image_token_index=number, vision_feature_layer=-2,
    )  # fmt: skip
    torch.manual_seed(0)
    network = LlavaForConditionalGeneration(config)
    network.generation_config.eos_token_id = tokenizer.eos_token_id
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    crop = {"height": side, "width": side}
    CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size=crop).save_pretrained(folder)
    told = {
        "processor_class": "LlavaProcessor", "patch_size": PATCH, "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
    }  # fmt: skip
    (folder / "processor_config.json").write_text(json.dumps(told), encoding="utf-8")


def drawn(folder: Path, count: int) -> list[str]:
    """Pictures of coloured noise, one a dialogue."""
    import numpy as np
    from PIL import Image

    paths = []
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        paths.append(str(folder / f"{number}.png"))
        Image.fromarray(coarse).resize((320, 240)).save(paths[-1])
    return paths


def dialogues(pictures: list[str]) -> dict[str, Any]:
    """What both sides hold."""
    options = "\n".join(f"({letter}) {n}" for letter, n in zip("abc", (2, 3, 4), strict=True))
    first = [
        f"How many colours does picture {number} have?\n{options}\n\nAnswer with a letter."
        for number in range(len(pictures))
    ]
    review = "Look at your last answer again. If you are confident in it, give it once more."
    return {
        "first": first, "review": review, "prefill": "The best answer is (",
        "ids": [str(number) for number in range(len(pictures))], "pictures": pictures,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--dialogues", type=int, default=DIALOGUES)
    parser.add_argument("--loop", type=int, default=16, help="dialogues that the loop holds")
    parser.add_argument("--side", type=int, default=224, help="pixels of a picture's side")
    parser.add_argument("--write", type=Path, default=ROOT / "benchmarks" / "pictures.json")
    given = parser.parse_args()
    console = Console()
    held: dict[str, list[dict[str, Any]]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made(folder / "model", given.side)
        asked = dialogues(drawn(folder, given.dialogues))
        fewer = {key: each[: given.loop] for key, each in asked.items() if key in _LISTS}
        with written(asked) as file, written({**asked, **fewer}) as some:  # type: ignore[arg-type]
            how = (str(folder / "model"), ROUNDS, TOKENS, DTYPE, "--warm-up", "2")
            files = {"ours": file, "loop": some}
            sides = {name: Process(SIDES[name], files[name], *how) for name in SIDES}
            try:
                for turn in range(given.turns):
                    for name in list(SIDES)[:: -1 if turn % 2 else 1]:
                        held[name].append(sides[name].hold(given.dialogues))
                    result = _figures(held)
                    known = _known(given.write)
                    known[f"{(given.side // PATCH) ** 2}_tokens"] = result
                    given.write.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
                    console.print(f"turn {turn + 1} of {given.turns}: {result['speedup']:.2f}")
            finally:
                for side in sides.values():
                    side.close()
    for key, value in result.items():
        console.print(f"{key}: {value}", highlight=False)


def _figures(held: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    ours, loop = held["ours"], held["loop"]
    seconds = {name: [_each(once) for once in turns] for name, turns in held.items()}
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["loop"], strict=True)]
    differing = sum(a != b for a, b in zip(ours[0]["tokens"], loop[0]["tokens"], strict=False))
    return {
        "processor": processor("cpu"),
        "dtype": DTYPE,
        "turns": len(ratios),
        "rounds": ROUNDS,
        "max_new_tokens": TOKENS,
        "speedup": statistics.median(ratios),
        "speedup_of_turns": ratios,
        "ours_dialogues": ours[0]["dialogues"],
        "loop_dialogues": loop[0]["dialogues"],
        "ours_cpu_seconds_a_dialogue": statistics.median(seconds["ours"]),
        "loop_cpu_seconds_a_dialogue": statistics.median(seconds["loop"]),
        "ours_pictures_encoded": ours[0]["pictures"],
        "loop_pictures_encoded": loop[0]["pictures"],
        "dialogues_differing": differing,
    }


def _known(file: Path) -> dict[str, Any]:
    """What other sizes of pictures gave."""
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}


def _each(once: dict[str, Any]) -> float:
    return float(once["cpu_seconds"] / once["dialogues"])


if __name__ == "__main__":
    main()
