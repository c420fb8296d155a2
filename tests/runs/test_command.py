"""The command of a spec is one that makes the same spec when it is copied into a shell."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from selfcorrect import cli
from selfcorrect.cli.shared import Chosen
from selfcorrect.runs import RunSpec, make_spec
from selfcorrect.runs.command import command_line


def parsed(line: str) -> tuple[RunSpec, str, bool]:
    """What the command line makes of it: the spec, the output folder, whether with controls."""
    seen: list[tuple[RunSpec, str, bool]] = []

    def noted(chosen: Chosen, specs: list[RunSpec], *, controls: bool) -> None:
        (spec,) = specs
        seen.append((spec, str(chosen.values["out"]), controls))

    program, *words = shlex.split(line)
    assert program == "selfcorrect"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "_run", noted)
        done = CliRunner().invoke(cli.app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (found,) = seen
    return found


# what TOML, a shell or a command line give a meaning; no command line can hold NUL
TEXTS = st.text("ab1 -_=.,:'\"\\#$`!*~;&|<>()[]{}\n\r\t\x07\x1b\x7f\x85\u2028é🙂", max_size=8)
WORDS = st.one_of(
    st.sampled_from(
        ["3", "true", "1979-05-27", "'q'", "a b", "-x", "--rounds", "x=y", "a # b", "é\n", "[1]"]
    ),
    TEXTS.filter(bool),
)
KEYS = st.sampled_from(["n", "choices_per", "lead-in"]) | TEXTS.filter(bool)
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=3)
LOCAL = st.fixed_dictionaries(
    {"name": WORDS.filter(lambda name: not name.startswith("openai:"))},
    optional={
        "dtype": st.sampled_from(["auto", "float32", "bfloat16"]),
        "device": st.sampled_from(["auto", "cpu", "cuda:1"]),
    },
)
SERVED = st.fixed_dictionaries(
    {"name": WORDS.map("openai:{}".format)},
    optional={
        "base_url": WORDS,
        "in_flight": st.integers(1, 99),
        "timeout": st.floats(1, 600),
        "wait": st.floats(1, 600),
        "draws": st.integers(1, 99),
        "price": st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)),
        "budget_tokens": st.integers(1, 10**9),
    },
)
MODELS = LOCAL | SERVED
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "model": MODELS,
        "task": st.fixed_dictionaries(
            {"name": WORDS},
            optional={"data": WORDS, "categories": st.lists(WORDS), "options": TABLES},
        ),
        "strategy": st.fixed_dictionaries({"name": WORDS}, optional={"parameters": TABLES}),
        "rounds": st.integers(1, 1000),
        "limit": st.integers(1, 10**6),
        "seed": st.integers(0, 2**62),
        "system": TEXTS,
        "chunk": st.integers(1, 4096),
        "skip_bad": st.booleans(),
        "models": st.dictionaries(KEYS, MODELS, max_size=2),
        "margins": st.fixed_dictionaries({}, optional={"accuracy": st.floats(0.01, 0.9)}),
    },
)


@given(SPECS, st.sampled_from(["runs", "a folder", "-odd"]), st.booleans())
def test_a_command_that_is_copied_makes_the_same_spec(
    table: dict[str, Any], out: str, controls: bool
) -> None:
    spec = make_spec(table)
    line = command_line(spec, out=out, controls=controls)
    assert parsed(line) == (spec, out, controls)


def test_a_command_reads_as_one_would_write_it() -> None:
    assert command_line(RunSpec()) == "selfcorrect run"
    spec = make_spec(
        {
            "model": {"name": "openai:m", "base_url": "http://localhost:8000/v1", "in_flight": 64},
            "task": {"name": "bbq", "data": "my data", "categories": ["Age", "SES"]},
            "strategy": {"name": "injection", "parameters": {"injected": [2, 4]}},
            "models": {"critic": {"name": "openai:c", "timeout": 5}},
            "rounds": 5,
            "system": "- be brief",
        }
    )
    assert command_line(spec, out="x", controls=False) == (
        "selfcorrect run --strategy injection --model openai:m --base-url http://localhost:8000/v1 "
        "--task bbq --data 'my data' --categories Age,SES '--system=- be brief' --no-controls "
        "--out x 'strategy.parameters.injected=[2, 4]' models.critic.name=openai:c "
        "models.critic.timeout=5.0"
    )
