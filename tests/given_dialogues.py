"""What the tests of given share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LEAD = "The best answer is ("


CHOICES = ["red", "green", "blue"]


ASK = {"role": "user", "content": "Which colour?\n(a) red\n(b) green\n(c) blue"}


AGAIN = {"role": "user", "content": "Please look at it again."}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def dialogue(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"choices": CHOICES, "messages": list(messages), **more}


TWO = dialogue(ASK, said(f"{LEAD}a) red."), AGAIN, said(f"{LEAD}b) green."), answer="green")


def written(folder: Path, *rows: Any) -> Path:
    file = folder / "d.jsonl"
    file.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in rows))
    return file


GOES_ON = """about = "x"
[[first]]
given = true
[[again]]
say = "Please think again."
[[again]]
elicit = "answer"
prefill = "{answer_prefill}"
"""
