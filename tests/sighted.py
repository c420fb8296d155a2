"""Tiny random models that see, made from configurations on the spot, and their pictures."""

from __future__ import annotations

import base64
import copy
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL.Image import Image as Pixels
from PIL.Image import fromarray
from transformers import AutoConfig, AutoModelForImageTextToText, GenerationConfig

import tiny
from selfcorrect.messages import Image, Message, image
from selfcorrect.models.local.model import LocalModel
from selfcorrect.models.local.vision.eyes import Eyes
from selfcorrect.models.local.vision.processor import Processor, assembled

#: The tokens that the families mark images by.
MARKS = (
    "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>",
    *(f"<row_{r}_col_{c}>" for r in range(1, 3) for c in range(1, 3)),
    "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
    "<start_of_image>", "<end_of_image>", "<image_soft_token>",
    "<img>", "</img>", "<IMG_CONTEXT>", "<video>",
)  # fmt: skip
_BEGUN = "{% for m in messages %}<|im_start|>{{ m.role }}\n"
_ENDED = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def _template(shown: str) -> str:
    """Text as text or as parts, and ``shown`` for an image."""
    parts = (
        "{% for p in m.content %}{% if p.type == 'image' %}" + shown + "{% else %}{{ p.text }}"
        "{% endif %}{% endfor %}"
    )
    content = "{% if m.content is string %}{{ m.content }}{% else %}" + parts + "{% endif %}"
    return _BEGUN + content + _ENDED


#: Only takes parts, and shows images before text, as LLaVA-1.5's.
LLAVA = (
    _BEGUN
    + "{% for p in m.content | selectattr('type', 'equalto', 'image') %}<image>\n{% endfor %}"
    + "{% for p in m.content | selectattr('type', 'equalto', 'text') %}{{ p.text }}{% endfor %}"
    + _ENDED
)
_TEXT: dict[str, Any] = {
    **tiny._SMALL,
    "rms_norm_eps": 1e-6,
}
_VISION = {
    "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 2,
    "initializer_range": 0.3,
}  # fmt: skip
_QWEN_TEXT = {
    **_TEXT, "hidden_size": 32, "head_dim": 8,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
}  # fmt: skip
_QWEN_PICTURES = {"patch_size": 4, "temporal_patch_size": 2, "merge_size": 2, "min_pixels": 64,
                  "max_pixels": 1024}  # fmt: skip
_GRIDS = [[16, 32], [32, 16], [32, 32]]

#: By family: configuration, image processor with its settings, processor, its settings, template.
FAMILIES: dict[str, dict[str, Any]] = {
    "llava": {
        "config": {
            "model_type": "llava",
            "text_config": {"model_type": "llama", **_TEXT},
            "vision_config": {"model_type": "clip_vision_model", **_VISION, "image_size": 16,
                              "patch_size": 4, "projection_dim": 16},
            "vision_feature_layer": -2,
        },
        "images": ("CLIPImageProcessorPil", {"size": {"shortest_edge": 16},
                                             "crop_size": {"height": 16, "width": 16}}),
        "processor": ("LlavaProcessor", {"patch_size": 4, "num_additional_image_tokens": 1,
                                         "vision_feature_select_strategy": "default"}),
        "template": LLAVA,
        "token": "<image>",
    },
    "idefics3": {
        "config": {
            "model_type": "idefics3",
            "text_config": {"model_type": "llama", **_TEXT},
            "vision_config": {"model_type": "idefics3_vision", **_VISION, "image_size": 16,
                              "patch_size": 4},
            "scale_factor": 2,
        },
        "images": ("Idefics3ImageProcessorPil", {"size": {"longest_edge": 32},
                                                 "max_image_size": {"longest_edge": 16}}),
        "processor": ("Idefics3Processor", {"image_seq_len": 4}),
        "template": _template("<image>"),
        "token": "<image>",
    },
    "smolvlm": {
        "config": {
            "model_type": "smolvlm",
            "text_config": {"model_type": "llama", **_TEXT},
            "vision_config": {"model_type": "smolvlm_vision", **_VISION, "image_size": 16,
                              "patch_size": 4},
            "scale_factor": 2,
        },
        "images": ("SmolVLMImageProcessorPil", {"size": {"longest_edge": 32},
                                                "max_image_size": {"longest_edge": 16}}),
        "processor": ("Idefics3Processor", {"image_seq_len": 4}),
        "template": _template("<image>"),
        "token": "<image>",
    },
    "qwen2_5_vl": {
        "config": {
            "model_type": "qwen2_5_vl",
            "text_config": {"model_type": "qwen2_5_vl_text", **_QWEN_TEXT},
            "vision_config": {"model_type": "qwen2_5_vl_vision", "depth": 2, "hidden_size": 24,
                              "intermediate_size": 40, "num_heads": 2, "patch_size": 4,
                              "out_hidden_size": 32, "window_size": 16,
                              "fullatt_block_indexes": [1], "initializer_range": 0.3},
        },
        "images": ("Qwen2VLImageProcessorPil", _QWEN_PICTURES),
        "processor": ("Qwen2_5_VLProcessor", {}),
        "template": _template("<|vision_start|><|image_pad|><|vision_end|>"),
        "token": "<|image_pad|>",
    },
    "qwen3_vl": {
        "config": {
            "model_type": "qwen3_vl",
            "text_config": {"model_type": "qwen3_vl_text", **_QWEN_TEXT},
            "vision_config": {"model_type": "qwen3_vl_vision", "depth": 3, "hidden_size": 24,
                              "intermediate_size": 40, "num_heads": 2, "patch_size": 4,
                              "out_hidden_size": 32, "num_position_embeddings": 64,
                              "deepstack_visual_indexes": [0, 1], "initializer_range": 0.3},
        },
        "images": ("Qwen2VLImageProcessorPil", _QWEN_PICTURES),
        "processor": ("Qwen3VLProcessor", {}),
        "template": _template("<|vision_start|><|image_pad|><|vision_end|>"),
        "token": "<|image_pad|>",
    },
    "gemma3": {
        "config": {
            "model_type": "gemma3",
            "text_config": {"model_type": "gemma3_text", **_TEXT, "num_hidden_layers": 4,
                            "sliding_window": 12, "query_pre_attn_scalar": 8,
                            "layer_types": ["sliding_attention", "full_attention"] * 2},
            "vision_config": {"model_type": "siglip_vision_model", **_VISION, "image_size": 32,
                              "patch_size": 4},
            "mm_tokens_per_image": 16,
        },
        "images": ("Gemma3ImageProcessorPil", {"size": {"height": 32, "width": 32}}),
        "processor": ("Gemma3Processor", {"image_seq_length": 16}),
        "template": _template("<start_of_image>"),
        "token": "<image_soft_token>",
    },
    "internvl": {
        "config": {
            "model_type": "internvl",
            "text_config": {"model_type": "qwen2", **_TEXT},
            "vision_config": {"model_type": "internvl_vision", **_VISION, "image_size": [16, 16],
                              "patch_size": [4, 4]},
            "image_seq_length": 4,
        },
        "images": ("GotOcr2ImageProcessorPil", {"size": {"height": 16, "width": 16},
                                                "max_patches": 4}),
        "processor": ("InternVLProcessor", {"image_seq_length": 4}),
        "template": _template("<IMG_CONTEXT>\n"),
        "token": "<IMG_CONTEXT>",
    },
    "llava_next": {
        "config": {
            "model_type": "llava_next",
            "text_config": {"model_type": "llama", **_TEXT},
            "vision_config": {"model_type": "clip_vision_model", **_VISION, "image_size": 16,
                              "patch_size": 4, "projection_dim": 16},
            "vision_feature_layer": -2,
            "image_grid_pinpoints": _GRIDS,
        },
        "images": ("LlavaNextImageProcessorPil", {"size": {"shortest_edge": 16},
                                                  "crop_size": {"height": 16, "width": 16},
                                                  "image_grid_pinpoints": _GRIDS}),
        "processor": ("LlavaNextProcessor", {"patch_size": 4, "num_additional_image_tokens": 1,
                                             "vision_feature_select_strategy": "default"}),
        "template": LLAVA,
        "token": "<image>",
    },
    "llava_onevision": {
        "config": {
            "model_type": "llava_onevision",
            "text_config": {"model_type": "qwen2", **_TEXT},
            "vision_config": {"model_type": "siglip_vision_model", **_VISION, "image_size": 16,
                              "patch_size": 4},
            "vision_feature_layer": -1,
            "image_grid_pinpoints": _GRIDS,
        },
        "images": ("LlavaOnevisionImageProcessorPil", {"size": {"height": 16, "width": 16},
                                                       "image_grid_pinpoints": _GRIDS}),
        "processor": ("LlavaOnevisionProcessor", {"num_image_tokens": 16,
                                                  "vision_feature_select_strategy": "full"}),
        "template": LLAVA,
        "token": "<image>",
    },
    "qwen2_vl": {
        "config": {
            "model_type": "qwen2_vl",
            "text_config": {"model_type": "qwen2_vl_text", **_QWEN_TEXT},
            "vision_config": {"model_type": "qwen2_vl_vision", "depth": 2, "embed_dim": 24,
                              "hidden_size": 32, "num_heads": 2, "patch_size": 4, "mlp_ratio": 2},
        },
        "images": ("Qwen2VLImageProcessorPil", _QWEN_PICTURES),
        "processor": ("Qwen2VLProcessor", {}),
        "template": _template("<|vision_start|><|image_pad|><|vision_end|>"),
        "token": "<|image_pad|>",
    },
}  # fmt: skip
#: Names by which processors ask a tokenizer for its marks.
_NAMED = {
    "image_token": "<image>", "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
}  # fmt: skip
_NAMED_OF = {
    "gemma3": {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>",
               "eoi_token": "<end_of_image>"},
    "internvl": {"start_image_token": "<img>", "end_image_token": "</img>",
                 "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>"},
    "qwen2_5_vl": {"image_token": "<|image_pad|>"}, "qwen3_vl": {"image_token": "<|image_pad|>"},
    "qwen2_vl": {"image_token": "<|image_pad|>"},
}  # fmt: skip


def tokenizer(family: str, template: str | None = "") -> Any:
    """A tokenizer that knows the family's marks."""
    named = _NAMED_OF.get(family, _NAMED)
    chosen = FAMILIES[family]["template"] if template == "" else template
    made = tiny.tokenizer(chosen, extra_special_tokens=named)
    made.add_tokens(list(MARKS), special_tokens=True)
    return made


def network(family: str, tokens: Any, seed: int = 0, **more: Any) -> Any:
    """A random network of a family; ``more`` goes into its text's configuration."""
    told = copy.deepcopy(FAMILIES[family]["config"])
    told["text_config"] |= {"vocab_size": len(tokens), **more}
    number = tokens.convert_tokens_to_ids(FAMILIES[family]["token"])
    names = ("image_token_id", "image_token_index")
    for name in names:
        told[name] = number
    if family.startswith("qwen"):
        told |= {"vision_start_token_id": tokens.convert_tokens_to_ids("<|vision_start|>"),
                 "video_token_id": tokens.convert_tokens_to_ids("<|video_pad|>")}  # fmt: skip
    torch.manual_seed(seed)
    config = AutoConfig.for_model(**told)
    made = AutoModelForImageTextToText.from_config(
        config, dtype=torch.float32, attn_implementation="eager", trust_remote_code=False
    )
    made.generation_config.eos_token_id = 4
    return made.eval()


def processor(family: str, tokens: Any) -> Any:
    """transformers' own processor, without videos."""
    kind, images = FAMILIES[family]["processor"], FAMILIES[family]["images"]
    parts = {
        "image_processor": getattr(transformers, images[0])(**copy.deepcopy(images[1])),
        "tokenizer": tokens,
    }
    return assembled(getattr(transformers, kind[0]), parts, kind[1])


def model(family: str = "llava", template: str | None = "", seed: int = 0, **more: Any) -> Any:
    """A tiny local model that sees; ``twin`` is its network again, ``processor`` its processor."""
    tokens = tokenizer(family, template)
    made = network(family, tokens, seed, **more)
    twin, own = copy.deepcopy(made), processor(family, tokens)
    eyes = Eyes(Processor(f"tiny-{family}", own, made.config.image_token_id), made)
    opened: Any = LocalModel(f"tiny-{family}", "0" * 16, made, tokens, "float32", "cpu", eyes=eyes)
    opened.twin, opened.processor = twin, own
    return opened


def drawn(seed: int, width: int = 21, height: int = 17) -> Pixels:
    """A picture of noise."""
    made = torch.Generator().manual_seed(seed)
    noise = torch.randint(256, (height, width, 3), generator=made)
    return fromarray(noise.to(torch.uint8).numpy())


def shown(pixels: Pixels, kind: str = "PNG", **how: Any) -> Image:
    """A picture as an image of a message."""
    held = io.BytesIO()
    pixels.save(held, kind, **how)
    text = base64.b64encode(held.getvalue()).decode()
    return image(f"data:image/{kind.lower()};base64,{text}", None)  # type: ignore[arg-type]


def picture(seed: int, width: int = 21, height: int = 17) -> Image:
    """An image of noise."""
    return shown(drawn(seed, width, height))


def asks(text: str, *images: Image) -> Message:
    """A user's message with images before its text."""
    return Message("user", (*images, text))


def given(opened: Any, messages: Sequence[Message], begun: str = "") -> dict[str, torch.Tensor]:
    """What transformers' own processor makes of a transcript whose reply begins so."""
    from selfcorrect.models.local.vision.picture import decoded

    turns = []
    for m in messages:
        parts = [
            {"type": "image"} if isinstance(p, Image) else {"type": "text", "text": p}
            for p in m.parts
        ]
        turns.append({"role": m.role, "content": parts})
    text = opened.vocabulary.tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=True
    )
    images = [decoded(image).pixels for m in messages for image in m.images]
    told = opened.processor(
        images=images or None, text=[text + begun], return_tensors="pt", add_special_tokens=False
    )
    known = ("input_ids", "attention_mask", "mm_token_type_ids", "token_type_ids")
    more = [k for k in told if k.startswith("pixel") or k in ("image_grid_thw", "image_sizes")]
    return {key: told[key] for key in (*known, *more) if key in told}


def generate(
    opened: Any, messages: Sequence[Message], most: int, begun: str = ""
) -> tuple[list[int], list[float]]:
    """The tokens of ``generate()`` on the whole transcript, and the top-2 gap of each decision."""
    settings = GenerationConfig(
        max_new_tokens=most, do_sample=False, eos_token_id=sorted(opened.vocabulary.ends),
        pad_token_id=0, output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    told = given(opened, messages, begun)
    with torch.inference_mode():
        out = opened.twin.generate(**told, generation_config=settings)
    gaps = []
    for logits in out.logits:
        two = logits[0].float().topk(2).values
        gaps.append(float(two[0] - two[1]))
    return out.sequences[0, told["input_ids"].shape[1] :].tolist(), gaps


def saved(family: str, folder: Path, template: str | None = "", seed: int = 0) -> Path:
    """A tiny model's folder, as a hub has it."""
    tokens = tokenizer(family, template)
    network(family, tokens, seed).save_pretrained(folder)
    tokens.save_pretrained(folder)
    own = processor(family, tokens)
    own.image_processor.save_pretrained(folder)
    kind, settings = FAMILIES[family]["processor"]
    told = {"processor_class": kind, **settings}
    (folder / "processor_config.json").write_text(json.dumps(told))
    return folder
