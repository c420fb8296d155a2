"""Steps that are there by a parameter, ends by a reply, and verdicts that the data dictate."""

from __future__ import annotations

from typing import Any

import pytest

from selfcorrect.errors import UserError
from selfcorrect.strategies import Stop, check_replaced, load, parse
from selfcorrect.strategies.base import Replaced
from strategy_files import FIRST

FORM = '[parameters]\nform = "a"\n'
AGAIN = """[[again]]
if = { form = "a" }
say = "A"
[[again]]
if = { form = ["b", "c"] }
say = "B"
[[again]]
elicit = "critique"
choices = ["yes", "no"]
[[again]]
elicit = "answer"
"""
TEXT = FIRST + AGAIN + FORM
REPLACED = TEXT.replace(
    'choices = ["yes", "no"]\n',
    'choices = ["yes", "no"]\nreplaced = { right = "yes", wrong = "no", truth = 0.25 }\n',
)


def test_a_step_is_there_for_the_values_that_it_names() -> None:
    def said(form: str) -> list[Any]:
        return [step.say for step in parse(TEXT, "x.toml", {"form": form}).again if step.say]

    assert [said(form) for form in "abc"] == [["A"], ["B"], ["B"]]
    numbers = TEXT.replace('"a" }', "1 }").replace('["b", "c"]', "[2, 3]").replace('"a"\n', "1\n")
    assert parse(numbers, "x.toml", {"form": 3}).again[0].say == "B"
    # a file without it is the same strategy as one that leaves nothing out
    assert parse(TEXT, "x.toml").again == parse(
        TEXT.replace('if = { form = "a" }\n', "").replace(
            '[[again]]\nif = { form = ["b", "c"] }\nsay = "B"\n', ""
        ).replace(FORM, ""), "x.toml",
    ).again  # fmt: skip


#: (file, parameters, line, what the error says)
MISTAKES = [
    (TEXT, {"form": "d"}, 18, "'form' can't be 'd': steps know 'a', 'b', 'c'"),
    (TEXT.replace("{ form = \"a\" }", "{ from = 'a' }"), {}, 7, "did you mean 'form'"),
    (TEXT.replace('{ form = "a" }', "{ form = 1 }"), {}, 7, "compares 'form' with 1"),
    (TEXT.replace('["b", "c"]', '["b", true]'), {}, 10, "compares 'form' with true"),
    (TEXT.replace('["b", "c"]', "[]"), {}, 10, "names no value of 'form'"),
    (TEXT.replace('{ form = "a" }', "{}"), {}, 7, "if must be a table of parameters"),
    (TEXT.replace('form = "a"\n', "form = 0.5\n"), {}, 7, "can't go by 'form'"),
    (FIRST.replace("say", 'if = { form = "b" }\nsay') + AGAIN + FORM, {}, 6, "begin with a step"),
    # the step that follows an answer is told with its own line, whatever was left out before it
    (TEXT.replace(FORM, '[[again]]\nsay = "x"\n' + FORM), {"form": "b"}, 18, "follows an answer"),
    (TEXT + "[stop]\nwhen = { critique = 'maybe' }\n", {}, 20, "not among the choices of the crit"),
    (TEXT + "[stop]\nwhen = { rationale = 'x' }\n", {}, 20, "no step that elicits one"),
    (TEXT + "[stop]\nwhen = { reason = 'x' }\n", {}, 20, "'reason' is nothing elicited"),
    (TEXT + "[stop]\nwhen = {}\n", {}, 20, "when must be a table"),
    (REPLACED, {}, 15, "oracle = true"),
    ("oracle = true\n" + REPLACED.replace(', wrong = "no"', ""), {}, 16, "needs `wrong`"),
    ("oracle = true\n" + REPLACED.replace('right = "yes"', 'right = "aye"'), {}, 16, "not among"),
    ("oracle = true\n" + REPLACED.replace("0.25", "0.25, falsehood = 0.9"), {}, 16, "up to 1.15"),
    ("oracle = true\n" + REPLACED.replace("0.25", "1.5"), {}, 16, "truth must be a number from 0"),
    ("oracle = true\n" + REPLACED.replace("truth", "turth"), {}, 16, "did you mean 'truth'"),
    ("oracle = true\n" + REPLACED.replace('"critique"\n', '"critique"\nfrom = "x"\n'), {}, 17,
     "the run's own model"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "parameters", "line", "said"), MISTAKES)
def test_mistakes_are_told_with_their_line(
    text: str, parameters: dict[str, Any], line: int, said: str
) -> None:
    with pytest.raises(UserError, match=said) as told:
        parse(text, "x.toml", parameters)
    assert str(told.value).startswith(f"x.toml:{line}: ")


def test_what_is_read() -> None:
    assert parse(TEXT + "[stop]\nwhen = { critique = 'no' }\n", "x.toml").stop == Stop(
        None, {"critique": "no"}
    )
    assert parse(TEXT + "[stop]\nunchanged = 2\n", "x.toml").stop == Stop(2)
    text = "oracle = true\n" + REPLACED.replace("0.25", '"{q}"').replace(FORM, FORM + "q = 0.5\n")
    (step,) = [step for step in parse(text, "x.toml", {"q": 1}).again if step.replaced]
    assert step.replaced == Replaced("yes", "no", 1.0, 0.0)
    with pytest.raises(UserError, match=r"x.toml:13: `replaced` says whether an answer is right"):
        check_replaced(parse(text, "x.toml"), share=False, task="toxicity")


@pytest.mark.parametrize("name", ["checking", "checking-oracle"])
@pytest.mark.parametrize("form", ["reasoning", "short", "verdict", "number"])
def test_a_check_comes_in_four_forms(name: str, form: str) -> None:
    strategy = load(name, {"form": form})
    verdict = [None, "critique"]
    words = verdict if form in ("reasoning", "short") else []
    assert [step.elicit for step in strategy.again] == [*words, *verdict, None, "answer"]
    assert strategy.oracle == (name == "checking-oracle")
    assert bool(strategy.again[1].replaced) == strategy.oracle


def test_one_to_three_demonstrations() -> None:
    for count in (1, 2, 3):
        roles = [step.role for step in load("demonstrations", {"count": count}).first if step.say]
        assert roles == ["user", "assistant"] * count + ["user"]
    with pytest.raises(UserError, match="can't be 4: steps know 1, 2, 3"):
        load("demonstrations", {"count": 4})
