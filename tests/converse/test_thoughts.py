"""Thoughts before replies: steps of their own, in no answer, no advice and no transcript."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import thinkers
import tiny
from scripted import CRITIQUE, FIRST, HEAD, REVIEW, _run, _strategy
from selfcorrect.converse import Arm, converse
from selfcorrect.converse.withheld import withheld
from selfcorrect.models.local.model import LocalModel
from selfcorrect.records import frame, transcript

_MOST = 12
_FEEDBACK = (
    '[[again]]\nfrom = "critic"\nbegin = true\nsay = "{question} One said: {answer}. Advise."\n'
    '[[again]]\nfrom = "critic"\nelicit = "feedback"\nmax_tokens = 6\n'
    '[[again]]\nsay = "Advice: {feedback}"\n[[again]]\nelicit = "answer"\n'
    'prefill = "{answer_prefill}"\n'
)


def _model(name: str, thinking: Any = "on", most: int = _MOST) -> LocalModel:
    tokens = tiny.tokenizer(thinkers.TEMPLATES[name])
    network = tiny.network("llama", len(tokens), 0)
    return LocalModel("tiny", "0" * 16, network, tokens, "float32", "cpu", thinking, most)


@pytest.fixture(scope="module", params=["switched", "keeping", "channels"])
def thinker(request: pytest.FixtureRequest) -> LocalModel:
    return _model(request.param)


def _thoughts(records: Any) -> list[Any]:
    return [step for row in records for step in row["steps"] if step["kind"] == "thinking"]


def test_every_reply_has_a_thought_before_it(thinker: LocalModel, task: Any) -> None:
    records = _run(thinker, task, FIRST + REVIEW, rounds=2, n=2)
    for row in records:
        said, thought, answer = row["steps"]
        assert [said["kind"], thought["kind"], answer["kind"]] == ["say", "thinking", "answer"]
        assert thought["generated"] == len(thought["token_ids"]) > 0
        assert thought["finish"] in ("stop", "length")
        assert not thought["shown"]
        assert answer["text"].startswith("The best answer is (")
        assert row["text"] == answer["text"]
        assert row["generated"] == thought["generated"] + answer["generated"]
        assert row["encoded"] == thought["encoded"] + answer["encoded"]
        assert len(row["option_p"]) == 3
        codes = {note["code"] for note in row["notes"]}
        style = thinker.vocabulary.template.style
        assert style is not None
        assert ("thought kept" if style.keeps else "thought dropped") in codes
        assert ("thought cut" in codes) == (thought["finish"] == "length")
    assert len(frame(records)) == 4
    roles = [m.role for m in transcript(frame(records[:2]))]
    assert roles == ["user", "assistant", "user", "assistant"]


def test_a_dialogue_alone_thinks_the_same(thinker: LocalModel, task: Any) -> None:
    """Neither neighbours nor what is cached change a thought, a reply or a likelihood."""
    together = _run(thinker, task, FIRST + REVIEW, rounds=2, n=3)
    for k, example in enumerate(task.examples()[:3]):
        arm = Arm("arm", _strategy(FIRST + REVIEW), 2)
        alone = converse(thinker, task, [example], [arm], seed=1)["arm"]
        for one, other in zip(alone, together[2 * k : 2 * k + 2], strict=True):
            assert [s["text"] for s in one["steps"]] == [s["text"] for s in other["steps"]]
            assert one["option_logp"] == pytest.approx(other["option_logp"], abs=1e-4)


def test_a_thought_is_what_the_network_says(thinker: LocalModel, task: Any) -> None:
    """Token by token, by transformers' own loop, from the prompt that ends where a block begins."""
    (row, *_) = _run(thinker, task, FIRST + REVIEW, rounds=1, n=1)
    said, thought, _ = row["steps"]
    talk = thinker.open(1)
    talk.restart([transcript(frame([{**row, "steps": [said]}]))])
    prompt = thinker.vocabulary.template.render(talk.transcripts[0].messages, "", None)
    ends = set(thinker.vocabulary.ends) | {thinker.vocabulary.mark} - {None}
    twin = tiny.network("llama", len(thinker.vocabulary.tokenizer), 0)
    ids, gaps = tiny.generate(twin, prompt.prompt.ids, _MOST, sorted(ends))
    assert tiny.agree(thought["token_ids"], ids, gaps)


def test_letters_are_scored_after_the_block(thinker: LocalModel, task: Any) -> None:
    """As by a plain pass over the transcript with the thought and the closed block in it."""
    (row, *_) = _run(thinker, task, FIRST + REVIEW, rounds=1, n=1)
    said, thought, _ = row["steps"]
    messages = transcript(frame([{**row, "steps": [said]}]))
    shown = thinker.vocabulary.template.render(messages, "The best answer is (", thought["text"])
    twin = tiny.network("llama", len(thinker.vocabulary.tokenizer), 0)
    last = tiny.logps(twin, shown.prompt.ids)[-1]
    letters = [thinker.vocabulary.tokenizer.convert_tokens_to_ids(each) for each in "abc"]
    assert row["option_logp"] == pytest.approx([float(last[i]) for i in letters], abs=1e-3)


def test_a_choice_is_made_after_a_thought(thinker: LocalModel, task: Any) -> None:
    ending = '[[again]]\nsay = "So?"\n[[again]]\nelicit = "answer"\n'
    records = _run(thinker, task, FIRST + CRITIQUE + ending, rounds=2, n=2)
    for row in records[1::2]:
        _, thought, critique, *_ = row["steps"]
        assert (thought["kind"], critique["kind"]) == ("thinking", "critique")
        assert critique["text"] in ("yes", "no")
        assert len(critique["choice_logp"]) == 2


def test_samples_think_for_themselves(task: Any) -> None:
    from selfcorrect.converse import Samples

    model = _model("switched")
    arm = Arm("arm", _strategy(FIRST + REVIEW), 1)
    examples = task.examples()[:2]
    samples = Samples(3)
    (one, *_) = converse(model, task, examples, [arm], seed=1, samples=samples)["arm"]
    (other, *_) = converse(model, task, examples, [arm], seed=1, samples=samples)["arm"]
    assert one == other
    assert len(one["samples"]) == 3
    assert one["sampled"] > 3 * min(each["generated"] for each in _thoughts([one]))


def test_several_replies_count_all_their_thoughts(task: Any) -> None:
    model = _model("switched")
    several = FIRST.replace(
        'elicit = "answer"', 'elicit = "answer"\nsamples = 3\ntemperature = 1.0'
    )
    (row, *_) = _run(model, task, several + REVIEW, rounds=1, n=1)
    (thought,) = _thoughts([row])
    assert thought["generated"] > len(thought["token_ids"])


def test_advice_is_without_the_thought(task: Any) -> None:
    """Of a critic that was told to think; and of one that thinks unasked, of its own accord."""
    model = _model("switched", "off")
    critic = _model("switched")
    records = _run(model, task, FIRST + _FEEDBACK, rounds=2, n=2, others={"critic": critic})
    for row in records[1::2]:
        (thought,) = _thoughts([row])
        advice = next(step for step in row["steps"] if step["kind"] == "feedback")
        passed = next(s["text"] for s in row["steps"] if s["text"].startswith("Advice: "))
        assert passed == f"Advice: {(advice['text'].strip() and advice['text']) or '(none)'}"
        assert thought["text"] not in passed


def test_a_thought_that_nobody_asked_for_is_parted(task: Any, monkeypatch: Any) -> None:
    model = _model("switched", "off")
    critic = tiny.model("llama")
    elicit = type(critic.open(1)).elicit

    def thinks(talk: Any, requests: Any) -> Any:
        from selfcorrect.models.local.thoughts import without_thought

        if talk.vocabulary is not critic.vocabulary:
            return elicit(talk, requests)
        made = elicit(talk, requests)
        begun = [
            r and replace(r, text="<think>It is b, surely.</think>\nLook again.") for r in made
        ]
        return [r and without_thought(r, "", None, talk.vocabulary) for r in begun]

    monkeypatch.setattr(type(critic.open(1)), "elicit", thinks)
    records = _run(model, task, FIRST + _FEEDBACK, rounds=2, n=1, others={"critic": critic})
    assert any(step["text"] == "Advice: Look again." for step in records[1]["steps"])
    (thought,) = _thoughts(records)
    assert thought["text"] == "It is b, surely."


def test_an_arm_that_comes_second_is_charged_for_its_thoughts(task: Any) -> None:
    """What it finds encoded in round 1 is what an arm alone would find."""
    model = _model("switched")
    goal = FIRST.replace("{question}", "{question} {goal}")
    arms = [Arm("a", _strategy(FIRST + REVIEW), 1), Arm("b", _strategy(goal + REVIEW), 1)]
    examples = task.examples()[:1]
    both = converse(model, task, examples, arms, seed=1)
    for arm in arms:
        (alone,) = converse(_model("switched"), task, examples, [arm], seed=1)[arm.name]
        found = [step["reused"] for step in both[arm.name][0]["steps"]]
        assert found == [step["reused"] for step in alone["steps"]]


def test_a_withheld_record_keeps_no_thought(task: Any) -> None:
    records = _run(_model("switched"), task, FIRST + REVIEW, rounds=1, n=1)
    examples = task.examples()[:1]
    (kept,) = withheld(records, task, examples, _strategy(FIRST + REVIEW, HEAD))
    (thought,) = _thoughts([kept])
    assert thought["text"] in ("[not kept]", "")
    assert thought["token_ids"] == []


def test_a_function_that_asks_a_model_passes_no_thought_on(task: Any) -> None:
    from selfcorrect.models import function

    def advise(question: str, response: str) -> str:
        return f"<think>{question} {response}? No.</think>Look at the units."

    critic = function.load(function.register(advise))
    records = _run(
        _model("switched", "off"), task, FIRST + _FEEDBACK, 2, 1, others={"critic": critic}
    )
    (passed,) = (s["text"] for s in records[1]["steps"] if s["text"].startswith("Advice: "))
    assert "Advice: Look at the units.".startswith(passed)  # as many words as it may have
    assert passed != "Advice: "
    (thought,) = _thoughts(records)
    assert thought["text"].endswith("? No.")
