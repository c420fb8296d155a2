"""What the tests of images share."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import selfcorrect as sc
from servers.stub import Stub

WORDS = {"question": "What is it?", "choices": ["a cat", "a dog"], "answer": "a cat"}


def png(folder: Path, name: str, tone: int = 0) -> bytes:
    """A file of one pixel, written and given back."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return len(data).to_bytes(4, "big") + whole + zlib.crc32(whole).to_bytes(4, "big")

    size = (1).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixel = chunk(b"IDAT", zlib.compress(bytes([0, tone])))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixel + chunk(b"IEND", b"")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return data


def written(folder: Path, *rows: Any) -> Path:
    file = folder / "q.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def run(server: Stub, file: Path, folder: Path, strategy: Any = "intrinsic", **more: Any) -> Any:
    return sc.run(
        "openai:stub", more.pop("task", "choices"), strategy, rounds=2, data=file, out=folder,
        base_url=server.url, controls=False, progress=False, **more,
    )  # fmt: skip
