"""What makes two functions of a user the same."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from selfcorrect.code_digest import digest_of, name_of
from selfcorrect.user_code import load

SOURCE = """
import functools, threading
import numpy as np

WORDS = {"tone": "kind"}

def helper(x):
    return x + WORDS["tone"]

def uses(q, r):
    return helper(q)

def plain(q, r, words="x", *, n=1):
    return words * n

class Critic:
    def __init__(self, words):
        self.words, self.lock = words, threading.Lock()
    def __call__(self, q, r):
        return self.words
    def say(self, q, r):
        return self.words

def closing(words):
    def advise(q, r):
        return words
    return advise

first, second = (lambda q, r: q), (lambda q, r: r)
one, two = (lambda q, r: "x"), (lambda q, r: "y")
"""


@pytest.fixture
def made(tmp_path: Path) -> ModuleType:
    path = tmp_path / "made.py"
    path.write_text(SOURCE, "utf-8")
    return sys.modules[load(path, "plain")[0].__module__]


@pytest.mark.parametrize(
    "pair",
    [
        lambda m: (functools.partial(m.plain, words="a"), functools.partial(m.plain, words="b")),
        lambda m: (functools.partial(m.plain, n=1), functools.partial(m.plain, n=1.0)),
        lambda m: (m.Critic("a"), m.Critic("b")),
        lambda m: (m.Critic("a").say, m.Critic("b").say),
        lambda m: (m.closing("a"), m.closing("b")),
        lambda m: (m.closing(["a"]), m.closing(["a", "b"])),
        lambda m: (m.closing(np.zeros(3)), m.closing(np.ones(3))),
        lambda m: (m.closing(m.closing("a")), m.closing(m.closing("b"))),
        lambda m: (m.first, m.second),
        lambda m: (m.one, m.two),
    ],
)
def test_what_a_function_carries_makes_it_another(
    made: ModuleType, pair: Callable[[Any], tuple[Any, Any]]
) -> None:
    first, second = pair(made)
    again = pair(made)[0]
    assert digest_of(first) != digest_of(second)
    assert digest_of(first) == digest_of(again)
    assert name_of(first) == name_of(second)


def test_what_a_function_names_of_its_own_file_counts(made: ModuleType) -> None:
    before = digest_of(made.uses)
    made.WORDS["tone"] = "stern"
    between = digest_of(made.uses)
    made.helper = made.plain
    assert len({before, between, digest_of(made.uses)}) == 3


def test_it_ends_and_is_the_same_in_another_process(made: ModuleType, tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert digest_of(made.closing(loop)) == digest_of(made.closing(loop))
    code = (
        "from selfcorrect.code_digest import digest_of; from selfcorrect.user_code import load\n"
        f"found = load(__import__('pathlib').Path({str(tmp_path / 'made.py')!r}), 'closing')[0]\n"
        "print(digest_of(found({'b', 'a', 'c'})))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == digest_of(made.closing({"c", "b", "a"}))
