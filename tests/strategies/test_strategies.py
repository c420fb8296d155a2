"""Strategies: templates, the built-ins, and every mistake in a file told with its line."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect import strategies
from selfcorrect.errors import UserError
from selfcorrect.strategies import MAX_TOKENS, Step, check_names, load, names, parse, render
from selfcorrect.strategies.reading import FOLDER
from selfcorrect.strategies.schema import ELICIT, SAY, STOP, TOP
from selfcorrect.strategies.templates import escape, fill, placeholders

OFFERED = {
    "question",
    "goal",
    "reversed_goal",
    "review",
    "reversed_review",
    "repeat",
    "answer_prefill",
    "specific_goal",
}

FIRST = """about = "a strategy of one's own"
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
"""
AGAIN = """[[again]]
say = "{review}"
[[again]]
elicit = "answer"
"""


# --- templates ---------------------------------------------------------------------------------

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


def test_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"\{questoin\}.*did you mean 'question'"):
        render("{questoin}", {"question": "?", "goal": "!"})


def test_numbers_can_be_inserted() -> None:
    assert render("round {round}", {"round": 3}) == "round 3"


# --- the built-ins -----------------------------------------------------------------------------


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


# --- a user's file -----------------------------------------------------------------------------

CRITIC = '''
about = "Only the dialogues whose critique finds a mistake answer again."

[parameters]
wording = "Is {it} right?"   # braces in a parameter are text
budget = 32

[[first]]
say = """
{question}

{goal}"""
[[first]]
elicit = "rationale"
max_tokens = "{budget}"
[[first]]
elicit  = "answer"
prefill = "{answer_prefill}"

[[again]]
say = "{wording} You said: {answer}"
[[again]]
elicit = "critique"
choices = ["yes", "no"]
[[again]]
when = { critique = "no" }
say = "What is wrong with it?"
from = "critic"
[[again]]
when = { critique = "no" }
elicit = "feedback"
from = "critic"
[[again]]
when = { critique = "no" }
say = "Somebody said: {feedback} (round {round})"
begin = true
[[again]]
when = { critique = "no" }
elicit = "answer"
temperature = 0.7
samples = 5
take = "majority"

[stop]
unchanged = 2
'''


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


# --- mistakes ----------------------------------------------------------------------------------

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
    ("parameters = 3\n" + FIRST + AGAIN, 1, "parameters must be a table"),
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
    (FIRST + AGAIN + "[stop]\n", 10, "needs `unchanged`"),
    (FIRST + AGAIN + "[stop]\nunchanged = 2\nafter = 1\n", 12, "unknown key 'after'"),
    (FIRST + AGAIN + "[parameters]\nk = 2\n", 11, "'k' is used nowhere"),
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
            r"injection\.toml:15: .* from 2 .*not \[1\] \(the parameter 'injected'\)",
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


# --- properties of reading ---------------------------------------------------------------------

VALID = [p.read_text(encoding="utf-8") for p in sorted(FOLDER.glob("*.toml"))] + [CRITIC]
SNIPPETS = [
    *('"', "'", '"""', "'''", "[", "]", "[[", "{", "}", "=", "#", "\n", ",", ".", "\\", "\0", "é"),
    *("[[again]]\n", "[[first]]\n", "[again.when]\n", "[stop]\n", 'elicit = "answer"\n'),
    *("rounds = [2]\n", "true", "-1", "1e999", "nan", "1979-05-27", "0x" + "f" * 5000),
    *('"{injected}"', "when = {}"),
]  # fmt: skip


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(VALID), st.integers(1, 6))
def test_reading_a_damaged_file_gives_a_strategy_or_one_sentence(
    rng: random.Random, text: str, changes: int
) -> None:
    for _ in range(changes):
        a = rng.randrange(len(text) + 1)
        b = min(len(text), a + rng.choice([0, 0, 1, 5, 20]))
        lines = text.split("\n")
        if rng.random() < 0.3:
            rng.shuffle(lines)
            text = "\n".join(lines[: rng.randrange(len(lines)) + 1])
        else:
            text = text[:a] + rng.choice(SNIPPETS) + text[b:]
    try:
        strategy = parse(text, "mine.toml")
    except UserError as error:
        found = re.match(r"mine\.toml:(\d+): ", str(error))
        assert found
        assert 1 <= int(found[1]) <= text.count("\n") + 1
    else:
        for round in range(1, (strategy.max_rounds or 12) + 1):
            last = strategy.steps(round)[-1]
            assert last.given or last.elicit == "answer"


# --- the documentation -------------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs" / "strategies.md"


def test_examples_in_the_docs_are_strategies() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    whole = [block for block in blocks if block.startswith("about")]
    assert len(whole) == 2
    assert whole[0] == (FOLDER / "intrinsic.toml").read_text("utf-8")
    for block in whole:
        check_names(parse(block, "docs.toml"), OFFERED)
    parse(
        'about = "the part"\n[[first]]\nsay = "x"\n[[first]]\nelicit = "answer"\n' + blocks[1], "x"
    )


def test_the_docs_name_every_key_and_every_strategy() -> None:
    text = DOCS.read_text("utf-8")
    for key in {*TOP, *SAY, *ELICIT, *STOP} - {"parameters", "first", "again", "stop"}:
        assert f"`{key}`" in text
    for name in names():
        assert f"| `{name}` |" in text
    for kind, tokens in MAX_TOKENS.items():
        assert re.search(rf"{kind} {tokens}\b", text)
