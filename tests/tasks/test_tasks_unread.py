"""Where no reply could be read: every figure of every task is undefined, and nothing fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfcorrect as sc
from pictures import png
from received_runs import of_texts
from selfcorrect.checking import check_task
from selfcorrect.errors import UserError
from selfcorrect.measures.figures import figure_named
from selfcorrect.tasks import make, names
from servers.loopback import Request, Response
from servers.stub import VLLM, served

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
GSM8K = [{"question": f"{k} + 1?", "answer": "<<1+1=2>> " * (1 + k % 2) + f"#### {k + 1}"}
         for k in range(12)]  # fmt: skip
LINES: dict[str, list[dict[str, Any]]] = {
    "choices": [{"question": "Q?", "choices": ["a", "b"], "answer": 0}],
    "commongen": [{"concept_set": "dog#catch"}, {"concept_set": "ski#snow"}],
    "dialogues": [{"messages": [{"role": "user", "content": "Q?"},
                                {"role": "assistant", "content": "A"}], "choices": ["A", "B"],
                   "answer": 0}],
    "jailbreak": [{"prompt": "P", "goal": "G", "method": "M", "category": "C"},
                  {"prompt": "Q", "goal": "H", "method": "N", "category": "D"}],
    "over-refusal": [{"text": "A", "toxic": 0}, {"text": "B", "toxic": 0}],
    "harmful": [{"text": "A", "toxic": 1}, {"text": "B", "toxic": 0}],
    "contains-bias": [{"text": "A"}, {"text": "B"}],
    "prompts": [{"prompt": "Say yes."}],
    "reasoning": GSM8K,
}  # fmt: skip
PUBLISHED = {
    "bbq": "bbq", "truthful": "truthfulqa.csv", "winogender": "winogender-sentences.tsv",
}  # fmt: skip


def _data(name: str, folder: Path) -> str | None:
    if name in LINES:
        file = folder / "own.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in LINES[name]))
        return str(file)
    if name == "distinguish":
        return str(of_texts(folder / "run", {"a": [("mild", 0.1), ("rude", 0.8)]}))
    if name in ("mmvp", "grounding"):
        return _of_pictures(name, folder)
    if name not in PUBLISHED:
        return None
    if not (SHARED / PUBLISHED[name]).exists():
        pytest.skip("the real data are not here")
    return str(SHARED / PUBLISHED[name])


def _of_pictures(name: str, folder: Path) -> str:
    """Two pictures of one pixel, and what is asked about them."""
    for k in (1, 2):
        png(folder, f"MMVP Images/{k}.png", k)
    if name == "mmvp":
        asked = "Is it open?,(a) Yes (b) No"
        rows = [f"{k},{asked},({letter})" for k, letter in ((1, "a"), (2, "b"))]
        text = "\n".join(["Index,Question,Options,Correct Answer", *rows, ""])
        (folder / "Questions.csv").write_text(text)
        return str(folder)
    line = {"image": "MMVP Images/1.png", "expression": "it", "box": [0, 0, 1, 1], "format": "xyxy"}
    (folder / "boxes.jsonl").write_text(json.dumps(line) + "\n")
    return str(folder / "boxes.jsonl")


@pytest.mark.parametrize("name", sorted(names()))
def test_every_figure_is_undefined_or_holds_for_all(name: str, tmp_path: Path) -> None:
    if name == "commongen":
        pytest.importorskip("lemminflect")
    options = {"box_format": "unit"} if name == "grounding" else None
    task = make(name, data=_data(name, tmp_path), options=options)
    known = {
        "outcome": np.full(6, np.nan), "choice": np.full(6, np.nan), "parse_rate": np.zeros(6),
    }  # fmt: skip
    for figure, compute in task.figures.items():
        for less in (None, known):
            e = figure_named(figure, compute, known, np.arange(6) // 2, less=less)
            assert e.value is None or np.isfinite(e.value)


@pytest.mark.parametrize("name", ["commongen", "reasoning"])
def test_empty_replies_of_a_server_are_graded_by_nobody(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfcorrect.models.endpoint.server._FIRST_PAUSE", 0.01)
    if name == "commongen":
        pytest.importorskip("lemminflect")

    def respond(request: Request) -> Response:
        response = stub._respond(request)
        data = json.loads(response.raw)
        for choice in data.get("choices", ()):
            choice["message"]["content"] = ""
        return Response(response.status, json.dumps(data).encode())

    with served(VLLM) as (_, stub):
        stub.loopback.respond = respond
        with pytest.raises(UserError, match="an empty reply"):
            sc.run(
                "openai:stub", base_url=stub.url, task=name, data=_data(name, tmp_path), rounds=2,
                out=tmp_path / "runs", controls=False, progress=False,
            )  # fmt: skip
    assert not list((tmp_path / "runs").rglob("*.parquet"))


def test_a_task_whose_references_nobody_knows_is_well(tmp_path: Path) -> None:
    pytest.importorskip("lemminflect")
    assert check_task("commongen", data=_data("commongen", tmp_path)).problems == ()
