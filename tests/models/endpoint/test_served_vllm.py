"""vLLM's own server and the local engine: the same model, the same examples, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from selfcorrect import models, runs
from selfcorrect.records import transcript
from selfcorrect.runs import read_spec
from servers.vllm import NAME, python, served

pytestmark = pytest.mark.slow
EXAMPLES, ROUNDS = 48, 3
#: Two engines in float32 add up in different orders; this is what that may come to, in logits.
TIE = 1e-3


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server of this module alone, in float32."""
    if python() is None:
        pytest.skip("needs vLLM's environment: python -m benchmarks.peers makes it")
    with served("float32", tmp_path_factory.mktemp("vllm") / "log.txt") as address:
        yield address


def test_what_it_can_do_is_found_out(url: str) -> None:
    model: Any = models.load(f"openai:{NAME}", base_url=url)
    able = model.capabilities
    print(able)
    assert (able.prompt, able.prefill) == ("prompt_logprobs", "continue")
    assert able.n
    assert able.seeds
    assert able.tokenizer
    assert able.top >= 5
    assert model.context == 2048
    model.close()


def _records(model: str, out: Path, **settings: Any) -> pl.DataFrame:
    values = {"model": model, "task": "sample", "rounds": ROUNDS, "limit": EXAMPLES, **settings}
    return runs.run(read_spec(values=values), out=out, controls=False).records


def test_the_local_engine_answers_as_it_does_up_to_ties(url: str, tmp_path: Path) -> None:
    far = _records(f"openai:{NAME}", tmp_path, **{"model.base_url": url, "model.in_flight": 16})
    near = _records("smollm2", tmp_path, **{"model.dtype": "float32"})
    assert not far["notes"].explode().drop_nulls().to_list()
    assert far["reused"].sum() > 0
    local: Any = models.load("smollm2", "float32")
    differing, compared, gaps = 0, 0, []
    logps: list[float] = []
    for example in near["example"].unique(maintain_order=True):
        ours, theirs = (frame.filter(pl.col("example") == example) for frame in (near, far))
        for number in range(1, ROUNDS + 1):
            compared += 1
            [a, b] = (frame.filter(pl.col("round") == number) for frame in (ours, theirs))
            logps += list(np.abs(np.array(a["option_logp"][0]) - np.array(b["option_logp"][0])))
            if a["text"][0] != b["text"][0]:
                differing += 1
                gaps.append(_gap(local, ours, number, a["text"][0], b["text"][0]))
                break  # from here on the transcripts differ
    print(f"\n{differing} of {compared} compared answers differ; logit gaps: {gaps}")
    print(f"options' log p: largest difference {max(logps):.2g}, n {len(logps)}")
    assert all(gap < TIE for gap in gaps)
    assert max(logps) < 2 * TIE
    assert compared > EXAMPLES


def _gap(model: Any, dialogue: pl.DataFrame, number: int, ours: str, theirs: str) -> float:
    """By how many logits the local engine preferred its own token where the two first part."""
    same = next(
        (k for k, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    *before, _ = transcript(dialogue, number)
    talk = model.open(1)
    talk.restart([before])
    [[one, other]] = talk.likelihoods([[ours[: same + 1], theirs[: same + 1]]])
    return abs((one.logp - one.logp_shared) - (other.logp - other.logp_shared))
