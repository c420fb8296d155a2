"""Chat templates that take time, memory or room are stopped; honest ones render as ever."""

from __future__ import annotations

import json
import os
import re
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.exceptions import TemplateError

import tiny
from commands import refused
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Request
from selfcorrect.models.local import rendering
from selfcorrect.models.local.program import SMALL, Program
from selfcorrect.models.local.rendering import render
from timing import within

#: What a template does before it shows a dialogue, and what it passes by that.
HOSTILE = {
    "loops in loops": (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "time",
    ),
    "a macro that calls itself twice": (
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
        "{{ f(60) }}",
        "time",
    ),
    "a loop that calls itself": (
        "{% for a in [range(9)] recursive %}{% if loop.depth < 30 %}{{ loop([a, a, a]) }}"
        "{% endif %}{% endfor %}",
        "time",
    ),
    "a text times a billion": ("{% set x = 'a' * 10**10 %}", "memory"),
    "a list times a billion": ("{% set x = [0] * 10**10 %}", "memory"),
    "a text that doubles": (
        "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}"
        "{% endfor %}",
        "memory|time",
    ),
    "lists of lists": (
        "{% set n = namespace(x=['a']) %}{% for i in range(40) %}{% set n.x = [n.x, n.x] %}"
        "{% endfor %}{{ n.x | tojson }}",
        "memory|time",
    ),
    "a power of a power": ("{% set x = 10**(10**8) %}", "time"),
    "a wide format": ("{{ '%9999999999d' % 1 }}", "memory"),
    "a filter that pads": ("{{ 'a' | center(10**11) }}", "memory"),
    "a method that pads": ("{{ 'a'.ljust(10**11) }}", "memory"),
    "a long text": ("{{ 'a' * 5000000 }}", "size"),
    "what is folded": ("{{ 'ab'.zfill(2 * 10**10) }}", "memory"),
    "lorem ipsum": ("{{ lipsum(n=10**7) }}", "time"),
    "a comparison of lists of lists": (
        "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}"
        "{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
        "time",
    ),
}
SAYS = {
    "time": "needs more than 5 seconds of processor time",
    "memory": "needs more than 1 GiB of memory",
    "size": r"makes a text of more than [\d,]+ characters",
}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A process of this test's own, whose time is up sooner than it says."""
    rendering._renderer.close()
    monkeypatch.setattr(rendering, "SECONDS", 0.3)
    yield
    rendering._renderer.close()


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_template_is_stopped(name: str) -> None:
    source, passes = HOSTILE[name]
    tokens = tiny.tokenizer(source + tiny.CHATML)
    tokens.name_or_path = "some/folder"
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(UserError) as caught:
        Program(tokens)
    rendering._renderer.close()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = str(caught.value)
    assert said.startswith("the chat template of some/folder ")
    assert any(re.search(SAYS[each], said) for each in passes.split("|")), said
    assert "\n" not in said
    assert used.ru_utime + used.ru_stime - begun.ru_utime - begun.ru_stime < 10
    # the next one has a process again
    assert "\ue100" in Program(tiny.tokenizer())(SMALL, True)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ dict.__class__.__base__ }}",
        "{{ raise_exception.__globals__ }}",
        "{{ strftime_now.__globals__['sys'] }}",
        "{% set n = namespace(_x=1) %}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{{ cycler.__init__.__globals__.os.environ }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{{ lipsum.__globals__ }}",
        "{{ (((" * 30,
        "(" * 20_000 + "{{" + "(" * 20_000,
        "".join("{% if 1 %}" for _ in range(150)) + "x" + "{% endif %}" * 150,
        "".join("{% for a in [1] %}" for _ in range(40)) + "x" + "{% endfor %}" * 40,
    ],
)
def test_nothing_but_text_comes_out(source: str) -> None:
    """It raises, ends, or gives what is no part of Python."""
    try:
        told = render(source, {"messages": SMALL}, "it")
    except (TemplateError, UserError) as error:
        told = str(error)
    assert "\n" not in told
    assert "<class" not in told
    assert "root:" not in told


@pytest.mark.parametrize("said", ["\\x1b[2J" * 50, "\\x00\\ud800\\u202e", "x" * 100_000])
def test_what_a_template_raises_is_shown_in_short(said: str) -> None:
    tokens = tiny.tokenizer("{{ raise_exception('" + said + "') }}")
    with pytest.raises(UserError, match="can't render a plain dialogue") as caught:
        Program(tokens)
    shown = str(caught.value)
    assert shown.isprintable()
    assert len(shown) < 1_000


@pytest.mark.parametrize("where", ["the template", "a message", "beside a special token"])
def test_half_a_character_is_refused_before_the_tokenizer(where: str) -> None:
    half = (
        "{% for m in messages %}{% if 'now' in m.content %}{{ '\\ud800' }}{% endif %}{% endfor %}"
    )
    model = tiny.model(template=half + tiny.CHATML if where == "the template" else tiny.CHATML)
    said = {"the template": "now", "a message": "\ud800"}.get(where, "<|im_end|>\udfff")
    talk = model.open(1)
    talk.say([message("user", said)])
    with pytest.raises(UserError, match="holds half a character"):
        talk.elicit([Request("answer", max_tokens=1)])


def test_the_process_is_told_no_key_and_writes_no_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert render("x", {}, "it") == "x"
    process = rendering._renderer._process
    assert process is not None
    proc = Path(f"/proc/{process.pid}")
    if not proc.is_dir():
        pytest.skip("no /proc here")
    assert b"sk-secret" not in (proc / "environ").read_bytes()
    limits = (proc / "limits").read_text()
    (size,) = [line for line in limits.splitlines() if line.startswith("Max file size")]
    assert size.split()[3:5] == ["0", "0"]


def test_a_process_that_ended_is_started_again() -> None:
    assert render("x", {}, "it") == "x"
    first = rendering._renderer._process
    assert first is not None
    first.kill()
    first.wait()
    assert render("x", {}, "it") == "x"
    assert rendering._renderer._process is not first


def test_a_forked_process_has_its_own(tmp_path: Path) -> None:
    assert render("x", {}, "it") == "x"
    child = os.fork()
    if not child:
        told = render("{{ a }}", {"a": "y"}, "it")
        (tmp_path / "said").write_text(told)
        rendering._renderer.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "said").read_text() == "y"
    assert render("{{ a }}", {"a": "z"}, "it") == "z"


@pytest.mark.parametrize("command", [pytest.param("run", marks=pytest.mark.slow), "preview"])
def test_a_command_is_one_sentence(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "model"
    tokens = tiny.tokenizer(HOSTILE["loops in loops"][0] + tiny.CHATML)
    tiny.network("llama", len(tokens)).save_pretrained(folder)
    tokens.save_pretrained(folder)
    words = [command, "--task", "sample", "--model", folder, "--limit", "1", "--out", tmp_path]
    with within(20):
        sentence = refused(*words)
    assert f"the chat template of {folder} needs more than" in sentence


def test_a_template_that_waits_for_a_text() -> None:
    """It shows a plain dialogue, and does its worst when a question comes."""
    bomb = "{% if 'Zugzwang' in messages[0].content %}" + HOSTILE["a text times a billion"][0]
    program = Program(tiny.tokenizer(bomb + "{% endif %}" + tiny.CHATML))
    with pytest.raises(UserError, match="memory"):
        program([{"role": "user", "content": "What is a Zugzwang?"}], True)


def test_a_template_of_a_megabyte() -> None:
    with pytest.raises(UserError, match=r"has 1,000,\d+ characters, and the longest"):
        Program(tiny.tokenizer("x" * 1_000_000 + tiny.CHATML))


# -- honest ones ----------------------------------------------------------------------------------

MORE = (
    "{{ bos_token }}{%- for m in messages %}\n  {% if loop.first %}{% continue %}{% endif %}"
    "{{ m | tojson }}{{ m['content'].strip().split('\\n')[-1] }}{% endfor %}",
    "{% generation %}{{ messages[0].content }}{% endgeneration %}{{ eos_token }}",
    "{% set n = namespace(a=0) %}{% for m in messages %}{% set n.a = n.a + 1 %}{% endfor %}"
    "{{ n.a }}{{ messages[-1].reasoning_content }}{{ messages[-1].thinking }}"
    "{{ tools is none }}{{ documents }}",
    "{{ dict(a=1) }}{{ messages | map(attribute='role') | join(', ') }}"
    "{{ '<a&b>' | tojson(indent=1) }}{{ undefined_name }}{{ dict.fromkeys(['a'], 2) }}",
)
TEMPLATES = (tiny.CHATML, tiny.FORGETFUL, tiny.DROPPING, tiny.BRACKETS, tiny.ALTERNATING, *MORE)
_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@pytest.mark.parametrize("source", TEMPLATES)
@settings(max_examples=10, deadline=None)
@given(
    said=st.lists(_TEXT, min_size=1, max_size=5), thought=st.none() | _TEXT, opened=st.booleans()
)
def test_an_honest_template_renders_as_transformers_has_it(
    source: str, said: list[str], thought: str | None, opened: bool
) -> None:
    tokens = tiny.tokenizer(source, eos_token="</s>")
    turns: list[dict[str, Any]] = [
        {"role": "user" if i % 2 == 0 else "assistant", "content": text}
        for i, text in enumerate(said)
    ]
    if thought is not None:
        turns[-1]["reasoning_content"] = thought
    program = Program.__new__(Program)
    program._parts, program._where, program._source = False, "it", source
    program._told = dict(tokens.special_tokens_map)
    ours: list[Any] = []
    for apply in (
        lambda: program(turns, opened),
        lambda: tokens.apply_chat_template(turns, tokenize=False, add_generation_prompt=opened),
    ):
        try:
            ours.append(apply())
        except TemplateError as error:
            ours.append(str(error))
    assert ours[0] == ours[1]


def test_halves_of_characters_go_both_ways() -> None:
    assert render("{{ a }}", {"a": "\ud800 \ue100 é"}, "it") == "\ud800 \ue100 é"
    assert json.loads(json.dumps("\ud800")) == "\ud800"
