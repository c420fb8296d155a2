"""The bundled model, opened once a session in each number format; what makes tests quick."""

from __future__ import annotations

import copy
import gc
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from typer.main import get_command

SHARED = Path(__file__).parents[1].parent / "shared" / "data"

# how long an example takes says more of the machine's neighbours than of the code
settings.register_profile("shared machine", deadline=None, max_examples=50)
settings.load_profile("shared machine")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector needn't look through it again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Files aren't waited for until they lie on the disk, as no test pulls the plug."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def unhurried() -> Iterator[None]:
    """No command says that it is at work still, however slow the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FIRST", "OPENING"):
            patch.setattr(f"selfcorrect.cli.pulse.{name}", 3600.0)
        patch.setattr("selfcorrect.cli.parts.BETWEEN_LINES", 3600.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def built_once() -> Iterator[None]:
    """The commands are made from their functions once, not at every call of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command), raising=False)
        yield


def _open(dtype: str) -> Any:
    from selfcorrect.errors import UserError
    from selfcorrect.models import load

    try:
        return load("smollm2", dtype)
    except UserError as error:
        pytest.skip(f"the bundled model is not here: {error}")


@pytest.fixture(scope="session")
def smollm2() -> Any:
    """SmolLM2 in float32; ``twin`` shares its weights and has transformers' own attention."""
    model = _open("float32")
    weights = {
        id(p): p for p in [*model.engine.network.parameters(), *model.engine.network.buffers()]
    }
    model.twin = copy.deepcopy(model.engine.network, weights)
    model.twin.set_attn_implementation("sdpa")
    return model


@pytest.fixture(scope="session")
def smollm2_bfloat16() -> Any:
    return _open("bfloat16")


@pytest.fixture(scope="session")
def questions() -> list[str]:
    """64 lettered questions: BBQ's where the shared data are, else our own in its manner."""
    folder = SHARED / "bbq"
    found: list[str] = []
    for file in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number % 53 == 7 and len(found) < 64:
                    item = json.loads(line)
                    options = "\n".join(f"({'abc'[k]}) {item[f'ans{k}']}" for k in range(3))
                    found.append(f"{item['context']} {item['question']}\n{options}")
    people = [("a nurse", "a plumber"), ("the old man", "his niece"), ("Ada", "Boris")]
    acts = ["lost the keys", "was good at sums", "called the police", "forgot the date"]
    k = 0
    while len(found) < 64:
        (one, two), act = people[k % 3], acts[k % 4]
        found.append(
            f"On day {k} I saw {one} and {two} at the bus stop{' again' * (k % 5)}. Who {act}?\n"
            f"(a) {one}\n(b) {two}\n(c) Can't be determined"
        )
        k += 1
    return found
