"""Strategies: templates, the built-ins, and every mistake in a file told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selfcorrect.errors import UserError
from selfcorrect.strategies import check_names, load, parse
from strategy_files import FIRST, OFFERED

AGAIN = """[[again]]
say = "{review}"
[[again]]
elicit = "answer"
"""


E = 'elicit = "answer"\n'


#: (file, line, what the error says)
MISTAKES = [
    ('about = "a\n', 1, "not valid TOML"),
    (FIRST + "[[again]\n", 6, "not valid TOML"),
    (FIRST + AGAIN + "x = [1,", 10, "not valid TOML"),
    (FIRST + AGAIN + "x = 1" + "0" * 5000, 1, "not valid TOML"),
    ("about = " + "[" * 5000, 1, "not a strategy|not valid TOML"),
    ("", 1, "needs `about`"),
    ('about = "x"\n', 1, r"needs \[\[first\]\]"),
    (FIRST, 1, r"needs \[\[again\]\] steps"),
    ("max_rounds = 1\n" + FIRST + AGAIN, 7, "never reached"),
    ("max_rounds = 0\n" + FIRST + AGAIN, 1, "max_rounds must be a whole number from 1"),
    ("max_rounds = true\n" + FIRST, 1, "max_rounds must be a whole number from 1.*not true"),
    ("# x\noracle = 1\n" + FIRST + AGAIN, 2, "oracle must be true or false, not 1"),
    ("abuot = 1\n" + FIRST + AGAIN, 1, "unknown key 'abuot'.*did you mean 'about'"),
    (FIRST.replace("\"a strategy of one's own\"", "3") + AGAIN, 1, "about must be a text"),
    ("first = 3\n" + 'about = "x"\n' + AGAIN, 1, r"first must be steps"),
    ("first = []\n" + 'about = "x"\n' + AGAIN, 1, r"first must be steps"),
    ("models = 3\n" + FIRST + AGAIN, 1, "models must be a table"),
    (FIRST + AGAIN + "[models]\nx = 'smollm2'\n", 11, "x must be \"own\".*models.x=MODEL"),
    (FIRST + AGAIN + "[models]\nx = 'own'\n", 11, "no step has from = 'x'"),
    ("parameters = 3\n" + FIRST + AGAIN, 1, "parameters must be a table"),
    (FIRST + '[[later]]\nsay = "Again."\n', 6, "unknown key 'later'.*did you mean 'again'"),
    (FIRST + AGAIN + 'prompt = "x"\n', 10, "unknown key 'prompt'.*did you mean 'say'"),
    (FIRST + AGAIN + 'prefil = "x"\n', 10, "unknown key 'prefil'.*did you mean 'prefill'"),
    (FIRST + AGAIN + 'say = "x"\n', 8, "this one has `say` and `elicit`"),
    (FIRST + "[[again]]\nrounds = [2]\n" + AGAIN, 6, "this one has none of them"),
    (FIRST + AGAIN + 'role = "user"\n', 10, "`role` has no meaning in a step that elicits"),
    (FIRST + AGAIN.replace("[[again]]\ne", "samples = 2\n[[again]]\ne"), 8, "no meaning in a step"),
    (FIRST + AGAIN + "begin = true\n", 10, "`begin` has no meaning"),
    (FIRST.replace('say = "{question}"', "say = 1") + AGAIN, 3, "say must be a text"),
    (FIRST.replace("{question}", " ") + AGAIN, 3, "say must be a text that is not empty"),
    (FIRST.replace("{question}", "{question} {") + AGAIN, 3, "a lone '{'"),
    (FIRST.replace("answer", "anwser") + AGAIN, 5, "'anwser': did you mean 'answer'"),
    (FIRST.replace('"answer"', "3") + AGAIN, 5, "elicit must be one of"),
    (FIRST.replace('say = "{question}"\n[[first]]\n', "") + AGAIN, 3, "a step that says"),
    (FIRST.replace("answer", "critique") + AGAIN, 5, "round 1 ends with this step"),
    (FIRST + "[[first]]\nsay = 'x'\n" + AGAIN, 7, "follows an answer, which ends round 1"),
    (FIRST + "rounds = [1]\n" + AGAIN, 6, "rounds must be a list of whole numbers from 2"),
    (FIRST + "rounds = [2]\n" + AGAIN, 6, r"belongs to \[\[again\]\]"),
    (FIRST + AGAIN.replace("answer", "critique"), 9, "round 2 ends with this step"),
    (FIRST + "[[again]]\nsay = 'x'\n", 7, "round 2 ends with this step"),
    (FIRST + "[[again]]\n" + E + AGAIN, 9, "follows an answer, which ends round 2"),
    (FIRST + AGAIN + "rounds = [2]\n", 7, "round 3 ends with this step"),
    (FIRST + AGAIN + "steer = 3\n", 10, "steer must be a table such as"),
    (FIRST + AGAIN + "steer = {}\n", 10, "a steer needs `concept`"),
    (FIRST + AGAIN + "steer = { concept = 'a' }\n", 10, "a steer needs `alpha`, a number"),
    (FIRST + AGAIN + "steer = { concept = 'a b', alpha = 1 }\n", 10, "name of a concept"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = nan }\n", 10, "alpha must be a number, not"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = inf }\n", 10, "alpha must be a number, not"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = true }\n", 10, "alpha must be a number"),
    (FIRST + AGAIN + "steer = { concept = 'a', alfa = 1 }\n", 10, "did you mean 'alpha'"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = '{b}' }\n", 10, "no parameter"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = 1, layers = [] }\n", 10, "layers must be"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = 1, layers = [1, 1] }\n", 10, "layers"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = 1, layers = 'some' }\n", 10, "layers must"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = 1, at = 'end' }\n", 10, "at must be"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = 1, part = 'half' }\n", 10, "part must be"),
    (FIRST + AGAIN + "steer = { concept = 'a', alpha = 1, part = 'random:-1' }\n", 10, "part must"),
    (FIRST + AGAIN + "from = 'b'\nsteer = { concept = 'a', alpha = 1 }\n", 11, "own model"),
    (FIRST.replace("[[first]]\ne", "steer = { }\n[[first]]\ne") + AGAIN, 4, "no meaning in a step"),
    (FIRST + AGAIN + "rounds = []\n", 10, "at least one round"),
    (FIRST + AGAIN + "rounds = 2\n", 10, "a list of whole numbers"),
    (FIRST + AGAIN + "except_rounds = [0]\n", 10, "whole numbers from 2"),
    (FIRST + AGAIN + "except_rounds = [true]\n", 10, "whole numbers from 2"),
    (FIRST + AGAIN + 'rounds = "{injected}"\n', 10, r"\{injected\}, which is no parameter"),
    (FIRST + AGAIN + 'rounds = "2"\n', 10, "a list of whole numbers"),
    (FIRST + AGAIN.replace("answer", "anything"), 9, "nothing is called 'anything'"),
    ("max_rounds = 3\n" + FIRST + AGAIN + "except_rounds = [5]\n", 11, "round 5 never comes"),
    (FIRST + AGAIN + 'temperature = "hot"\n', 10, "temperature must be a number"),
    (FIRST + AGAIN + "temperature = nan\n", 10, "temperature must be a number"),
    (FIRST + AGAIN + "temperature = -0.5\n", 10, "temperature must be a number from 0"),
    (FIRST + AGAIN + f"temperature = {10**400}\n", 10, "temperature must be a number from 0"),
    (FIRST + AGAIN + "samples = 3\n", 10, "at temperature 0 are all the same"),
    (FIRST + AGAIN + "samples = 0\n", 10, "whole number from 1"),
    (FIRST + AGAIN + "samples = 0x1" + "0" * 5000, 10, "whole number from 1.*a very long number"),
    (FIRST + AGAIN + 'take = "majority"\n', 10, "set `samples`"),
    (FIRST + AGAIN + 'samples = 2\ntemperature = 1\ntake = "best"\n', 12, "first or majority"),
    (FIRST + AGAIN + "max_tokens = 2.5\n", 10, "max_tokens must be a whole number"),
    (FIRST + AGAIN + 'prefill = "Answer: "\n', 10, "doesn't end in a space"),
    (FIRST + AGAIN + 'choices = ["yes"]\n', 10, "at least two different"),
    (FIRST + AGAIN + 'choices = ["yes", "yes"]\n', 10, "at least two different"),
    (FIRST + AGAIN + 'choices = ["yes", 2]\n', 10, "at least two different"),
    (FIRST + AGAIN + 'choices = ["yes", "no"]\nsamples = 2\n', 11, "no meaning beside `choices`"),
    (FIRST + AGAIN + "from = 3\n", 10, "from must be a text"),
    (FIRST + AGAIN + 'when = { critique = "no" }\n', 10, "no step before this one elicits a"),
    (FIRST + AGAIN + 'when = { answer = "no" }\n', 10, "must have `choices`"),
    (FIRST + AGAIN + 'when = { anwser = "no" }\n', 10, "did you mean 'answer'"),
    (FIRST + AGAIN + "when = { critique = true }\n", 10, "a table of texts"),
    (FIRST + AGAIN + "when = {}\n", 10, "a table of texts"),
    (FIRST + AGAIN + "[again.when]\ncritique = 'no'\n", 10, "no step before this one"),
    (FIRST.replace("{question}", "{answer}") + AGAIN, 3, r"\{answer\} is not there yet in round 1"),
    (FIRST + AGAIN.replace("{review}", "{feedback}"), 7, r"\{feedback\} is not there yet"),
    (FIRST + AGAIN + "[stop]\nunchanged = 0\n", 11, "unchanged must be a whole number from 1"),
    (FIRST + AGAIN + "[stop]\n", 10, "needs `unchanged`.*or `when`"),
    (FIRST + AGAIN + "[stop]\nunchanged = 2\nafter = 1\n", 12, "unknown key 'after'"),
    (FIRST + AGAIN + "[parameters]\nk = 2\n", 11, "'k' is used nowhere$"),
    (
        FIRST.replace("{question}", "{question} {wordng}") + AGAIN + "[parameters]\nwording='x'\n",
        11,
        r"'wording' is used nowhere; is it what \{wordng\} in the step of line 2 means\?",
    ),
    (FIRST + AGAIN + "[parameters]\nanswer = 2\n", 11, "can't be called 'answer'"),
    (FIRST + AGAIN + "[parameters]\nk = 1979-05-27\n", 11, "must be a list of rounds"),
    (FIRST + AGAIN + "[parameters]\nk = [1, 2.5]\n", 11, "must be a list of rounds"),
    (FIRST + AGAIN + '"x y" = 3\n', 10, "unknown key 'x y'"),
    (FIRST + AGAIN + 'samples = "{k}"\n[parameters]\nk = 2.5\n', 10, r"2\.5 \(the parameter 'k'\)"),
    (FIRST + AGAIN + 'prefill = "{k}"\n[parameters]\nk = [2]\n', 10, "neither text nor number"),
    (FIRST + AGAIN + 'prefill = "x{k}"\n[parameters]\nk = " "\n', 10, "doesn't end in a space"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "says"), MISTAKES)
def test_a_mistake_is_told_with_file_and_line(text: str, line: int, says: str) -> None:
    with pytest.raises(UserError) as error:
        parse(text, "mine.toml")
    assert str(error.value).startswith(f"mine.toml:{line}: ")
    assert re.search(says, str(error.value))
    assert "\n" not in str(error.value)


def test_first_answer_may_not_be_left_to_some_dialogues() -> None:
    text = """about = "x"
[[first]]
say = "{question}"
[[first]]
elicit = "critique"
choices = ["yes", "no"]
[[first]]
when = { critique = "no" }
elicit = "answer"
"""
    with pytest.raises(UserError, match=r"^x:8: round 1 must end with an answer in every dialogue"):
        parse(text + AGAIN, "x")


def test_what_only_some_dialogues_have_needs_their_when() -> None:
    again = """[[again]]
say = "Is it right?"
[[again]]
elicit = "critique"
choices = ["yes", "no"]
[[again]]
when = { critique = "no" }
elicit = "feedback"
[[again]]
say = "{feedback}"
[[again]]
elicit = "answer"
"""
    with pytest.raises(UserError, match=r"^x:15: \{feedback\} is not there yet in round 2"):
        parse(FIRST + again, "x")
    guarded = again.replace(
        '[[again]]\nsay = "{f', '[[again]]\nwhen = { critique = "no" }\nsay = "{f'
    )
    parse(FIRST + guarded, "x")
    with pytest.raises(UserError, match=r"^x:12: 'maybe' is not among the choices of the critique"):
        parse(FIRST + guarded.replace('= "no" }', '= "maybe" }', 1), "x")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"inject": [2]}, r"no parameter 'inject': did you mean 'injected'"),
        ({"injected": 2}, "must be a list of rounds, not 2"),
        ({"injected": [0]}, "must be a list of rounds"),
        (
            {"injected": [1]},
            r"injection\.toml:16: .* from 2 .*not \[1\] \(the parameter 'injected'\)",
        ),
        ({"injected": "2"}, "must be a list of rounds"),
    ],
)
def test_parameters_are_checked(given: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        load("injection", given)


def test_a_whole_number_serves_where_a_number_is_wanted() -> None:
    text = FIRST + AGAIN + 'temperature = "{t}"\n[parameters]\nt = 0.5\n'
    assert parse(text, "x", {"t": 1}).again[-1].temperature == 1.0
    with pytest.raises(UserError, match="must be a number, not true"):
        parse(text, "x", {"t": True})


def test_names_of_the_task_are_checked_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('# a comment, """\n' + FIRST + AGAIN + 'max_tokens = 3\nprefill = "{prefil}"\n')
    strategy = load(path)
    with pytest.raises(UserError) as error:
        check_names(strategy, OFFERED | {"prefill"})
    assert str(error.value).startswith(f"{path}:12: prefill uses {{prefil}}, ")
    assert "did you mean 'prefill'" in str(error.value)
    path.unlink()  # the step's own line, where the file has gone
    with pytest.raises(UserError, match=":9: "):
        check_names(strategy, OFFERED)


def test_a_parameter_may_not_hide_what_the_task_offers(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FIRST + AGAIN + '[parameters]\nreview = "Look again."\n')
    with pytest.raises(UserError, match=r":11: the parameter 'review' has the name"):
        check_names(load(path), OFFERED)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("intrinsics", "did you mean 'intrinsic'"),
        ("", "unknown strategy ''"),
        ("..", r"unknown strategy '\.\.'"),
        ("nowhere/mine.toml", "no strategy file nowhere/mine.toml"),
        ("./", "cannot read"),
        ("a\0b.toml", "cannot read"),
        ("~nobody-has-this-name/x.toml", "no strategy file"),
    ],
)
def test_where_there_is_no_strategy(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        load(name)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'about = "x"\nsource = "caf\xe9"\n')
    with pytest.raises(UserError, match=r"latin\.toml:2: .*UTF-8"):
        load(path)
