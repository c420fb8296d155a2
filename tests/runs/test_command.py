"""The command of a spec is one that makes the same spec when it is copied into a shell."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from selfcorrect import cli
from selfcorrect.cli.shared import RUN, Chosen
from selfcorrect.runs import RunSpec, make_spec
from selfcorrect.runs.command import command_line
from selfcorrect.runs.options import OPTIONS
from selfcorrect.runs.settings import put


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
#: Options of a task that have an option on the command line, of the right kind or of any other.
OWN = st.fixed_dictionaries(
    {},
    optional={
        "field": st.lists(TEXTS) | VALUES,
        "answers": TEXTS | VALUES,
        "lead_in": st.lists(TEXTS) | VALUES,
        "read": TEXTS | VALUES,
        "remote_images": VALUES,
        "keep_harmful": VALUES,
    },
)
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,9}", fullmatch=True)
STEERS = st.fixed_dictionaries(
    {"concept": NAMES, "alpha": st.floats(-99, 99)},
    optional={
        "layers": st.sampled_from(["chosen", "all"])
        | st.lists(st.integers(0, 99), min_size=1, unique=True),
        "at": st.sampled_from(["reply", "transcript"]),
        "part": st.sampled_from(["whole", "orthogonal:other", "random:3"]),
    },
)
KINDS = st.sampled_from(["answer", "rationale", "critique", "feedback"])
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "model": MODELS,
        "task": st.fixed_dictionaries(
            {"name": WORDS},
            optional={"data": WORDS, "categories": st.lists(WORDS), "options": TABLES | OWN},
        ),
        "strategy": st.fixed_dictionaries({"name": WORDS}, optional={"parameters": TABLES}),
        "rounds": st.integers(1, 1000),
        "limit": st.integers(1, 10**6),
        "seed": st.integers(0, 2**62),
        "system": TEXTS,
        "chunk": st.integers(1, 4096),
        "skip_bad": st.booleans(),
        "models": st.dictionaries(KEYS, MODELS, max_size=2),
        "samples": st.fixed_dictionaries(
            {"k": st.integers(2, 9)}, optional={"p_true": st.booleans()}
        ),
        "scorer": st.fixed_dictionaries({"name": TEXTS}, optional={"options": TABLES}),
        "meanings": st.fixed_dictionaries({"name": TEXTS}, optional={"options": TABLES}),
        "concepts": st.dictionaries(NAMES, TEXTS, max_size=3),
        "steer": STEERS,
        "max_tokens": st.dictionaries(KINDS, st.integers(1, 999)),
        "max_failed": st.floats(0, 1),
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
        "selfcorrect run --model openai:m --task bbq --data 'my data' --categories Age,SES "
        "--strategy injection '--system=- be brief' --base-url http://localhost:8000/v1 "
        "--no-controls --out x 'strategy.parameters.injected=[2, 4]' models.critic.name=openai:c "
        "models.critic.timeout=5.0"
    )


#: Values of the options whose values aren't any text or number.
OF_OPTION: dict[str, Any] = {
    "model": "tiny",
    "strategy": "repeat",
    "categories": ["Age", "SES"],
    "concepts": {"toxic": "", "mine": "a file"},
    "steer": {"concept": "kind", "alpha": -4.0, "layers": [12, 13], "at": "reply"},
    "max_tokens": {"answer": 8, "rationale": 96},
    "dtype": "float32",
    "device": "cpu",
    "thinking": "on",
    "price": (0.15, 0.6),
    "budget_money": 1.5,
    "max_failed": 0.5,
}
BY_KIND: dict[type, Any] = {bool: True, int: 7, float: 0.5, str: "a text: -x"}
SETTING = {name: option for name, option in OPTIONS.items() if option.key}


@pytest.mark.parametrize("name", SETTING)
def test_every_option_that_is_a_setting_is_written_as_one(name: str) -> None:
    option = SETTING[name]
    value = OF_OPTION.get(name, BY_KIND[option.kind])
    if name not in OF_OPTION and option.repeatable:
        value = [value, "-y"]
    table: dict[str, Any] = {}
    if name in ("base_url", "in_flight", "price", "budget_tokens", "budget_money"):
        table["model"] = {"name": "openai:m", "price": (1, 1)}
    put(table, option.key, value, "here")
    spec = make_spec(table)
    line = command_line(spec)
    words = shlex.split(line)
    written = [word for word in words if word == option.flag or word.startswith(f"{option.flag}=")]
    times = len(value) if option.repeatable and not option.commas else 1
    assert len(written) == times
    assert not [word for word in words if word.startswith(option.key)]
    assert parsed(line) == (spec, "runs", True)


def test_the_command_has_the_options_of_the_table_and_no_other_setting() -> None:
    run: Any = typer.main.get_command(cli.app).commands["run"]  # type: ignore[attr-defined]
    flags = {word for each in run.params for word in each.opts if word.startswith("--")}
    assert flags - {"--help", "--json"} == {option.flag for option in OPTIONS.values()}
    assert {option.key for option in SETTING.values()} == {each.key for each in RUN.values()} - {""}
