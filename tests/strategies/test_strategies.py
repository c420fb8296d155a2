"""Strategies: templates, the built-ins, and every mistake in a file told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect import strategies
from selfcorrect.errors import UserError, nearest
from selfcorrect.strategies import MAX_TOKENS, Step, check_names, load, names, parse, render
from selfcorrect.strategies.reading import FOLDER
from selfcorrect.strategies.templates import escape, fill, placeholders
from strategy_files import CRITIC, FIRST, OFFERED

TEXT = st.text(alphabet=st.sampled_from("{}ab_ \n") | st.characters(codec="utf-8"))


NAME = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, NAME)), st.dictionaries(NAME, TEXT))
def test_render_inserts_values_as_they_are(
    pieces: list[tuple[str, str]], more: dict[str, str]
) -> None:
    values = more | {name: "{" + name + "}{{}}{" for _, name in pieces}
    template = "".join(escape(text) + "{" + name + "}" for text, name in pieces)
    assert render(template, values) == "".join(text + values[name] for text, name in pieces)
    assert placeholders(template) == {name for _, name in pieces}


@settings(deadline=None)
@given(TEXT)
def test_escaped_text_renders_as_itself(text: str) -> None:
    assert render(escape(text), {}) == text


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, NAME)), TEXT)
def test_filling_some_names_first_changes_nothing(
    pieces: list[tuple[str, str]], value: str
) -> None:
    template = "".join(escape(text) + "{" + name + "}" for text, name in pieces)
    values = {name: value + name for _, name in pieces}
    some = {name for name in values if len(name) % 2}
    assert render(fill(template, values, some), values) == render(template, values)


@pytest.mark.parametrize("template", ["{", "}", "{}", "{ a }", "{a!r}", "{a.b}", "{a}}", "x {0} y"])
def test_other_braces_are_an_error(template: str) -> None:
    with pytest.raises(UserError, match="doubled"):
        render(template, {"a": "1"})


def test_of_many_names_some_are_told() -> None:
    said = nearest("run-7", [f"run-{k:04}" for k in range(1000)])
    assert len(said) < 500
    assert said.endswith(" and 960 more)")


def test_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"\{questoin\}.*did you mean 'question'"):
        render("{questoin}", {"question": "?", "goal": "!"})


def test_numbers_can_be_inserted() -> None:
    assert render("round {round}", {"round": 3}) == "round 3"


def test_the_folder_is_the_list() -> None:
    assert set(names()) == {p.stem for p in FOLDER.glob("*.toml")}
    assert {"anchor", "baseline", "intrinsic", "negation", "injection", "repeat"} <= set(names())
    assert all(names().values())


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.toml")))
def test_built_ins_use_only_what_every_task_offers(name: str) -> None:
    strategy = load(name)
    check_names(strategy, OFFERED)
    assert strategy.name == name
    assert strategy.source
    last = strategy.steps(1)[-1]
    assert last.given or last.elicit == "answer"


def test_arms_that_share_round_1_have_it_equal_as_data() -> None:
    assert load("intrinsic").first == load("injection").first == load("repeat").first
    assert load("intrinsic").first != load("negation").first


def test_baseline_has_one_round_without_the_goal() -> None:
    baseline = load("baseline")
    assert baseline.max_rounds == 1
    assert baseline.again == ()
    assert all("goal" not in placeholders(s.say or "") for s in baseline.first)


def test_injection_reverses_the_review_in_its_rounds() -> None:
    def reversed_in(strategy: strategies.Strategy) -> list[int]:
        said = {r: [s.say for s in strategy.steps(r) if s.say] for r in range(2, 11)}
        assert all(len(texts) == 1 for texts in said.values())
        return [r for r, texts in said.items() if texts == ["{reversed_review}"]]

    assert reversed_in(load("injection")) == [2, 5, 8]
    assert reversed_in(load("injection", {"injected": [3]})) == [3]
    assert load("injection", {"injected": [3]}).parameters == {"injected": (3,)}
    assert reversed_in(load("injection", {"injected": []})) == []


def test_every_kind_has_a_default_length() -> None:
    assert set(MAX_TOKENS) == set(strategies.KINDS)


def test_a_users_file_lies_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("\ufeff" + CRITIC.replace("\n", "\r\n"), encoding="utf-8")
    mine = load(str(path))
    assert load(path) == mine
    check_names(mine, OFFERED)
    assert (mine.name, mine.path, mine.source) == ("mine", str(path), "")
    assert mine.parameters == {"wording": "Is {it} right?", "budget": 32}
    assert mine.first[0].say == "{question}\n\n{goal}"
    assert mine.first[1].max_tokens == 32
    assert mine.stop == strategies.Stop(unchanged=2)
    said = mine.again[0].say
    assert said is not None
    assert render(said, {"answer": "{a}"}) == "Is {it} right? You said: {a}"
    assert mine.again[1] == Step(elicit="critique", choices=("yes", "no"))
    assert mine.again[3].source == "critic"
    assert mine.again[4].begin
    assert mine.again[5] == Step(
        elicit="answer", when={"critique": "no"}, temperature=0.7, samples=5, take="majority"
    )


def test_two_answers_for_different_dialogues() -> None:
    again = """[[again]]
say = "Are you sure?"
[[again]]
elicit = "critique"
choices = ["yes", "no"]
[[again]]
when = { critique = "yes" }
elicit = "answer"
[[again]]
when = { critique = "no" }
say = "{review}"
[[again]]
when = { critique = "no" }
elicit = "answer"
"""
    assert len(parse(FIRST + again, "x.toml").steps(2)) == 5


def test_inline_tables_are_read_too() -> None:
    text = """about = "inline"
max_rounds = 1
first = [{say = "{question}"}, {elicit = "answer"}]
"""
    assert parse(text, "x.toml").first[1] == Step(elicit="answer")
    with pytest.raises(UserError, match=r"^x\.toml:3: unknown key 'sya'"):
        parse(text.replace("say", "sya"), "x.toml")


def test_last_critique_of_an_earlier_round_can_be_used() -> None:
    again = """[[again]]
except_rounds = [2]
say = "You had said: {critique}"
[[again]]
say = "{review}"
[[again]]
elicit = "critique"
[[again]]
elicit = "answer"
"""
    parse(FIRST + again, "x.toml")
    with pytest.raises(UserError, match=r"^x\.toml:7: \{critique\} is not there yet in round 2"):
        parse(FIRST + again.replace("except_rounds = [2]\n", ""), "x.toml")
