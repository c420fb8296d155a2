"""The loop: each key of a strategy, shared beginnings, and records that hold the whole dialogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripted import CRITIQUE, FIRST, HEAD, REVIEW, STRATEGIES, _run, _strategy
from selfcorrect import strategies, tasks
from selfcorrect.converse import Arm, converse
from selfcorrect.errors import UserError
from selfcorrect.messages import Message, message
from selfcorrect.models import load
from selfcorrect.models.base import Likelihood, Reply, Request
from selfcorrect.records import frame, transcript


class _Scripted:
    """Replies come from a function of (example's number, messages); scores prefer one text."""

    name, fingerprint, dtype, device, thinking = "scripted", "0", "f32", "cpu", ""
    context, trusted = 1 << 20, False

    def __init__(
        self,
        say: Callable[[list[Message], int], str],
        prefer: Callable[..., str],
        longest: int = 1 << 20,
    ) -> None:
        self.say, self.prefer, self.longest = say, prefer, longest

    def count(self, text: str) -> int:
        return len(text)

    def open(self, dialogues: int) -> Any:
        return _ScriptedConversation(self, [[] for _ in range(dialogues)])


class _ScriptedConversation:
    def __init__(self, model: _Scripted, messages: list[list[Message]]) -> None:
        self.model, self.messages = model, messages

    def say(self, messages: Sequence[Message | None]) -> None:
        for mine, new in zip(self.messages, messages, strict=True):
            mine += [new] if new is not None else []

    def elicit(self, requests: Sequence[Request | None]) -> list[Reply | None]:
        replies: list[Reply | None] = []
        for mine, request in zip(self.messages, requests, strict=True):
            if request is None:
                replies.append(None)
                continue
            text = self.model.say(mine, request.seed)
            mine.append(message("assistant", request.prefill + text))
            options = tuple(Likelihood(-1.0 - k, 1) for k, _ in enumerate(request.options))
            finish = "length" if len(text) > self.model.longest else "stop"
            text = text[: self.model.longest]
            replies.append(Reply(text, finish, generated=1, encoded=2, options=options))
        return replies

    def likelihoods(self, texts: Sequence[Sequence[str] | None]) -> list[list[Likelihood] | None]:
        return [
            None
            if each is None
            else [Likelihood(0.0 if t.endswith(self.model.prefer(mine)) else -9.0, 1) for t in each]
            for mine, each in zip(self.messages, texts, strict=True)
        ]

    def branch(self, copies: int = 1) -> Any:
        rows = [[*m] for m in self.messages for _ in range(copies)]
        return _ScriptedConversation(self.model, rows)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        old = self.messages
        self.messages = [o if n is None else [*n] for o, n in zip(old, messages, strict=True)]

    def render(self, index: int) -> str:
        return "\n".join(m.text for m in self.messages[index])

    def close(self, which: Sequence[int]) -> None:
        pass


def _letter(messages: list[Message], seed: int) -> str:  # noqa: ARG001
    return "b) so"


def _odd(messages: list[Message]) -> str:
    """Says no to examples 1 and 3 (their sums begin with 101 and 103)."""
    return "no" if any("101" in m.text or "103" in m.text for m in messages) else "yes"


def test_when_takes_only_the_dialogues_it_names(task: Any) -> None:
    guarded = (
        '[[again]]\nwhen = { critique = "no" }\nsay = "Then update it."\n'
        '[[again]]\nwhen = { critique = "no" }\nelicit = "answer"\nprefill = "{answer_prefill}"\n'
    )
    records = _run(_Scripted(_letter, _odd), task, FIRST + CRITIQUE + guarded, rounds=2, n=4)
    second = [r for r in records if r["round"] == 2]
    assert [len(r["steps"]) for r in second] == [2, 4, 2, 4]
    assert [r["steps"][1]["text"] for r in second] == ["yes", "no", "yes", "no"]
    for step in (r["steps"][1] for r in second):
        assert step["choices"] == ["yes", "no"]
        best = max(range(2), key=step["choice_logp"].__getitem__)
        assert step["choices"][best] == step["text"]
    for record in (second[0], second[2]):
        assert any("earlier one stands" in note["text"] for note in record["notes"])
        assert record["text"] == "The best answer is (b) so"
    assert second[0]["steps"][0]["text"] == "Is it right? 2"


def test_a_prefill_that_only_some_dialogues_can_fill(task: Any) -> None:
    guarded = (
        '[[again]]\nwhen = { critique = "no" }\nelicit = "rationale"\n'
        '[[again]]\nwhen = { critique = "no" }\nelicit = "answer"\nprefill = "{rationale}: ("\n'
    )
    records = _run(_Scripted(_letter, _odd), task, FIRST + CRITIQUE + guarded, rounds=2, n=2)
    assert records[3]["text"] == "b) so: (b) so"


def test_a_dialogue_answers_once_in_a_round(task: Any) -> None:
    """Steps after its answer are for others, even where the answer itself meets their `when`."""
    again = '[[again]]\nsay = "{review}"\n[[again]]\nelicit = "answer"\nchoices = ["a)", "c)"]\n'
    twice = '[[again]]\nwhen = { answer = "c)" }\nelicit = "answer"\n'
    with pytest.raises(UserError, match="follows an answer"):
        _strategy(FIRST + again + twice)
    guarded = (
        '[[again]]\nwhen = { critique = "yes" }\nelicit = "answer"\n'
        '[[again]]\nwhen = { critique = "no" }\nelicit = "critique"\nchoices = ["yes", "no"]\n'
        '[[again]]\nwhen = { critique = "no" }\nelicit = "answer"\n'
    )
    text = FIRST + CRITIQUE + guarded
    for record in _run(_Scripted(_letter, _odd), task, text, rounds=3, n=4):
        assert sum(step["kind"] == "answer" for step in record["steps"]) <= 1


def test_graders_get_the_options_probabilities(task: Any, model: Any, monkeypatch: Any) -> None:
    """Winogender's P(she), say, is not whether the answer was she."""
    seen: list[Any] = []
    grade = task.grade
    monkeypatch.setattr(task, "grade", lambda pairs: seen.extend(pairs) or grade(pairs))
    rows = _run(model, task, FIRST + REVIEW, rounds=2, n=3)
    told = {(e.id, a.text): a.probabilities for e, a in seen}
    for row in rows:
        assert list(told[row["example"], row["text"]]) == row["option_p"]
        assert sum(row["option_p"]) == pytest.approx(1)


def test_an_answer_from_choices_keeps_the_options_apart(task: Any) -> None:
    """Choices of a step aren't the example's options: no probability may be read off them."""
    text = FIRST + '[[again]]\nsay = "{review}"\n[[again]]\nelicit = "answer"\n'
    text += 'prefill = "{answer_prefill}"\nchoices = ["a)", "c)"]\n'
    records = _run(_Scripted(_letter, lambda _: "c)"), task, text, rounds=2, n=1)
    assert records[1]["choice"] == 2
    p = records[1]["option_p"]
    assert len(p) in (0, 3)


def test_the_majority_of_samples_is_taken(task: Any) -> None:
    def vote(messages: list[Message], seed: int) -> str:
        drawn.setdefault(messages[0].text, []).append(seed)
        return ["a) x", "c) y", "c) z"][len(drawn[messages[0].text]) % 3]

    drawn: dict[str, list[int]] = {}
    text = '[[first]]\nsay = "{question}"\n[[first]]\nelicit = "answer"\nsamples = 5\n'
    text += 'temperature = 1.0\ntake = "TAKE"\nprefill = "("\n'
    head = HEAD + "max_rounds = 1\n"
    taken = {}
    for take in ("majority", "first"):
        drawn.clear()
        records = _run(_Scripted(vote, _odd), task, text.replace("TAKE", take), 1, 2, head)
        taken[take] = [r["text"] for r in records]
        seeds = [seed for each in drawn.values() for seed in each]
        assert len(seeds) == len(set(seeds)) == 10
        assert [r["generated"] for r in records] == [5, 5]
        assert [r["encoded"] for r in records] == [10, 10]
    assert taken["majority"] == ["(c) y"] * 2
    assert taken["first"] == ["(c) y"] * 2 or taken["first"] == ["(a) x"] * 2


def test_samples_are_drawn_for_the_dialogues_that_take_the_step(task: Any) -> None:
    guarded = (
        '[[again]]\nwhen = { critique = "no" }\nelicit = "answer"\nsamples = 3\n'
        'temperature = 1.0\ntake = "majority"\nprefill = "("\n'
    )
    text = FIRST + CRITIQUE + guarded
    records = _run(_Scripted(_letter, _odd), task, text, rounds=2, n=4)
    second = [record for record in records if record["round"] == 2]
    assert [record["generated"] for record in second] == [0, 3, 0, 3]
    assert [record["text"] for record in second] == ["The best answer is (b) so", "(b) so"] * 2


def test_the_likeliest_choice_costs_what_all_of_them_did(task: Any) -> None:
    """Costs stand on the first score of a call alone."""

    class Counting(_ScriptedConversation):
        def likelihoods(self, texts: Any) -> Any:
            found = super().likelihoods(texts)
            return [
                each and [replace(each[0], encoded=7, reused=5, prompt_tokens=9), *each[1:]]
                for each in found
            ]

    model = _Scripted(_letter, _odd)
    model.open = lambda n: Counting(model, [[] for _ in range(n)])  # type: ignore[method-assign]
    records = _run(model, task, FIRST + CRITIQUE + '[[again]]\nelicit = "answer"\n', 2, 1)
    step = records[1]["steps"][1]
    assert (step["kind"], step["encoded"], step["reused"], step["prompt_tokens"]) == (
        "critique", 7, 5, 9,
    )  # fmt: skip


SAMPLED = """
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
samples = 7
temperature = 1.0
take = "majority"
"""


READ = {"(a) x": 0, "a": 0, "(b) y": 1, "b.": 1, "(c)": 2, "no": None, "": None, "a or b": None}


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(sorted(READ)), min_size=2, max_size=7))
def test_answers_that_cannot_be_read_have_no_vote(drawn: list[str]) -> None:
    """Against a count by hand: most votes win, then the earliest, and the first of its kind."""
    task = tasks.make("planted", options={"n": 1})
    replies = iter(drawn)
    text = SAMPLED.replace("samples = 7", f"samples = {len(drawn)}")
    model = _Scripted(lambda _messages, _seed: next(replies), _odd)
    (record,) = _run(model, task, text, 1, 1, HEAD + "max_rounds = 1\n")
    best, wins = 0, 0
    for at, reply in enumerate(drawn):
        votes = 0
        for other in drawn:
            votes += READ[reply] is not None and READ[other] == READ[reply]
        if votes > wins:
            best, wins = at, votes
    assert record["text"] == drawn[best]
    assert record["choice"] == READ[drawn[best]]


def test_three_unreadable_samples_do_not_outvote_two_that_agree(task: Any) -> None:
    for drawn, taken in (
        (["no", "(b) y", "no", "b.", "no"], "(b) y"),
        (["no", "(c)", "(b) y", "b.", "(c)"], "(c)"),
        (["no", "", "no", "", "well"], "no"),
    ):
        replies = iter(drawn)
        model = _Scripted(lambda _messages, _seed, replies=replies: next(replies), _odd)
        text = SAMPLED.replace("samples = 7", "samples = 5")
        (record,) = _run(model, task, text, 1, 1, HEAD + "max_rounds = 1\n")
        assert record["text"] == taken


def test_stop_ends_a_dialogue_whose_answer_settled(task: Any) -> None:
    def wavering(messages: list[Message], seed: int) -> str:  # noqa: ARG001
        own = sum(m.role == "assistant" for m in messages)
        return "ab"[own % 2] + ")" if "100" in messages[0].text else "c)"

    text = FIRST + REVIEW + "[stop]\nunchanged = 2\n"
    records = _run(_Scripted(wavering, _odd), task, text, rounds=6, n=2)
    first, second = records[:6], records[6:]
    assert all(len(r["steps"]) == 2 for r in first)
    assert [len(r["steps"]) for r in second] == [2, 2, 2, 0, 0, 0]
    assert all(r["choice"] == 2 for r in second)
    assert all(any("stopped early" in n["text"] for n in r["notes"]) for r in second[3:])
    assert all(r["encoded"] == 0 for r in second[3:])


def test_an_answer_that_was_kept_has_not_changed(task: Any) -> None:
    guarded = (
        '[[again]]\nwhen = { critique = "no" }\nelicit = "answer"\nprefill = "{answer_prefill}"\n'
    )
    text = FIRST + CRITIQUE + guarded + "[stop]\nunchanged = 2\n"
    records = _run(_Scripted(_letter, _odd), task, text, rounds=5, n=1)
    assert [r["steps"][1]["text"] for r in records[1:3]] == ["yes", "yes"]  # nothing to update
    assert [len(r["steps"]) for r in records] == [2, 2, 2, 0, 0]


def test_the_same_letter_in_other_words_is_the_same_answer(task: Any) -> None:
    def wordy(messages: list[Message], seed: int) -> str:  # noqa: ARG001
        return f"b) for reason {sum(m.role == 'assistant' for m in messages)}"

    text = FIRST + REVIEW + "[stop]\nunchanged = 1\n"
    records = _run(_Scripted(wordy, _odd), task, text, rounds=4, n=1)
    assert len({r["text"] for r in records}) == 2
    assert [len(r["steps"]) for r in records] == [2, 2, 0, 0]


def test_the_first_choice_is_followed_through_the_rounds(task: Any) -> None:
    def wavering(messages: list[Message], seed: int) -> str:  # noqa: ARG001
        return "bac"[sum(m.role == "assistant" for m in messages)] + ")"

    records = _run(_Scripted(wavering, _odd), task, FIRST + REVIEW, rounds=3, n=1)
    assert [r["choice"] for r in records] == [1, 0, 2]
    assert [r["first_choice_p"] for r in records] == [r["option_p"][1] for r in records]


def test_an_arm_stops_by_its_own_rule(task: Any) -> None:
    """Whichever comes first of those that share a round 1."""
    stops = Arm("stops", _strategy(FIRST + REVIEW + "[stop]\nunchanged = 1\n"), 4)
    arms = [stops, Arm("goes on", _strategy(FIRST + REVIEW), 4)]
    for order in (arms, arms[::-1]):
        model = _Scripted(_letter, _odd)
        records = converse(model, task, task.examples()[:2], order, seed=1)  # type: ignore[arg-type]
        assert [len(r["steps"]) for r in records["stops"]] == [2, 2, 0, 0] * 2
        assert [len(r["steps"]) for r in records["goes on"]] == [2, 2, 2, 2] * 2


def test_rounds_and_except_rounds(task: Any) -> None:
    text = FIRST + REVIEW.replace('say = "{review}"', 'say = "{review}"\nexcept_rounds = [3]')
    text = text.replace(
        "[[again]]\nelicit", '[[again]]\nsay = "Other."\nrounds = [3]\n[[again]]\nelicit'
    )
    records = _run(_Scripted(_letter, _odd), task, text, rounds=4, n=1)
    said = [r["steps"][0]["text"] for r in records[1:]]
    assert said[1] == "Other."
    assert said[0] == said[2] != "Other."


def test_the_critic_speaks_in_a_conversation_of_its_own(task: Any) -> None:
    heard: list[list[Message]] = []

    def judge(messages: list[Message], seed: int) -> str:  # noqa: ARG001
        heard.append(list(messages))
        return "wrong {answer}"

    critic = _Scripted(judge, _odd)
    critic.name = "judge"
    records = _run(
        _Scripted(_letter, _odd), task, STRATEGIES["critic"], 2, 2, others={"critic": critic}
    )
    assert heard[0] == [message("user", "Judge: The best answer is (b) so")]
    steps = records[1]["steps"]
    assert [(s["speaker"], s["shown"]) for s in steps] == [
        ("strategy", False),
        ("judge", False),
        ("strategy", True),
        ("scripted", True),
    ]
    assert steps[2]["text"] == "They say wrong {answer}"


def test_seeds_follow_from_run_example_and_round(model: Any, task: Any) -> None:
    """Whatever else is in the chunk; and another run's seed gives other samples."""
    text = (FIRST + REVIEW).replace("\nprefill", "\ntemperature = 1.5\nprefill")
    arm = Arm("arm", _strategy(text), 2)

    def texts(which: list[int], seed: int) -> dict[tuple[str, int], str]:
        chosen = [task.examples()[k] for k in which]
        rows = converse(model, task, chosen, [arm], seed=seed)["arm"]
        return {(r["example"], r["round"]): r["text"] for r in rows}

    whole = texts([0, 1, 2, 3], 1)
    part = texts([3, 1], 1)
    assert part == {key: whole[key] for key in part}
    assert texts([3, 1], 2) != part


def test_planted_chain_through_the_loop(task: Any) -> None:
    planted = load("planted:chain")
    arms = [Arm(n, strategies.load(n), 3) for n in ("intrinsic", "repeat")]
    arms.append(Arm("baseline", strategies.load("baseline"), 1))
    records = converse(planted, task, task.examples()[:6], arms, seed=0)
    for arm in arms:
        table = frame(records[arm.name])
        assert table.height == 6 * arm.rounds
        assert table["problem"].null_count() == table.height
        assert table["choice"].null_count() == 0
        assert (table["option_p"].list.len() == 3).all()
    messages = transcript(frame(records["intrinsic"]).filter(pl.col("example") == "2"))
    assert [m.role for m in messages] == ["user", "assistant"] * 3


def test_a_number_that_a_cut_reply_ends_with_is_not_its_answer_and_has_no_vote() -> None:
    task = tasks.make("reasoning")
    texts = ["So far 3 + 4 = 7, and 7 * 20 = 140", "So far 3 + 4 = 7, and 7 * 20 = 140", "It is 7."]
    voted = FIRST + 'samples = 3\ntake = "majority"\ntemperature = 1.0\n' + REVIEW
    following = cycle(texts)

    once = _run(
        _Scripted(lambda *_: texts[0], lambda _: "", 20), task, FIRST + REVIEW, rounds=1, n=1
    )[0]
    assert (once["key"], once["problem"], once["cut"]) == (None, "cut off", True)
    majority = _run(
        _Scripted(lambda *_: next(following), lambda _: "", 20), task, voted, rounds=1, n=1
    )[0]
    assert (majority["key"], majority["problem"], majority["cut"]) == ("7", None, False)
