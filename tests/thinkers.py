"""Chat templates of models that think, in words of our own: each behaves like one that exists."""

from __future__ import annotations

import tiny

_TURNS = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"

#: Thinks unless it is told not to; thoughts of earlier rounds are dropped (as Qwen3's).
SWITCHED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% set said = m.content.split('</think>')[-1] | trim %}"
    "{% if loop.last and m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n"
    "{% endif %}{{ said }}{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)
#: Opens the block itself, and has no switch (as DeepSeek-R1's).
OPENING = (
    "<s>{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1] }}{% else %}{{ m.content }}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
#: Writes thoughts and answers into channels, has a date and a degree of effort (as gpt-oss').
CHANNELS = (
    "<|start|>system<|message|>Today is {{ strftime_now('%Y-%m-%d') }}. "
    "Effort: {{ reasoning_effort or 'medium' }}<|end|>{% for m in messages %}"
    "{% if m.role == 'assistant' %}{% if loop.last and m.thinking %}"
    "<|start|>assistant<|channel|>analysis<|message|>{{ m.thinking }}<|end|>{% endif %}"
    "<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|end|>"
    "{% else %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
#: Thinks only if it is told to, in a system message; keeps what a reply holds (as Granite's).
ASKED = (
    "{% if thinking %}<|im_start|>system\nPut thoughts between <think> and </think>.<|im_end|>\n"
    f"{{% endif %}}{tiny.CHATML}"
)
#: Shows a thought of every round, under a key of its own.
KEEPING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}"
)
#: The other way round.
NEGATIVE = (
    f"{_TURNS}{{% if add_generation_prompt %}}<|im_start|>assistant\n"
    "{{ '</think>' if no_thinking else '<think>' }}{% endif %}"
)
#: Only its text hints at thoughts.
HINTING = f"{{# replies may hold <think> and </think> #}}{tiny.CHATML}"

TEMPLATES = {
    "switched": SWITCHED,
    "opening": OPENING,
    "channels": CHANNELS,
    "asked": ASKED,
    "keeping": KEEPING,
    "negative": NEGATIVE,
    "hinting": HINTING,
}
