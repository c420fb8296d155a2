"""Readings of recorded dialogues: what is shown, and that encoding changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import read_again as again
from selfcorrect.errors import UserError
from selfcorrect.messages.message import BETWEEN
from selfcorrect.models.base import OutOfMemoryError
from selfcorrect.studies.base import NO_PARTS
from selfcorrect.studies.design import ARMS
from selfcorrect.studies.mechanism.measure import About, Encoder, Opened, read_dialogues
from selfcorrect.studies.mechanism.transcripts import READINGS, readings, without
from selfcorrect.studies.neutral import STOCK, as_long, stock
from tiny import ALTERNATING, CHATML

_FULL = "intrinsic-feedback-cot"


def _neutral(text: str, key: str) -> str:
    return f"[{len(text)} neutral, {key.partition(':')[0]}]"


def _readings(arm: str = _FULL, number: int = 3, which: int = 0) -> dict[str, Any]:
    of = again.talked()[1]
    dialogue = again.dialogues(of, arm)[which]
    return readings(again.worded(dialogue), arm, dialogue, number, _neutral)


def _text(shown: Any) -> str:
    return "\n".join(f"{m.role}: {m.text}" for m in shown.messages)


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_a_dialogue_as_it_was_is_what_was_recorded(system: str | None) -> None:
    of = again.talked()[1] if system is None else again.frames(again.opened(), 1, 2, system)
    for arm in ARMS:
        for dialogue in again.dialogues(of, arm):
            rounds = len(dialogue.rounds)
            shown = again.worded(dialogue, system).shown(dialogue, [arm] * rounds)
            assert shown.messages == dialogue.shown
            assert dialogue.rounds[-1]["answer"].startswith(shown.prefill)


def test_what_is_taken_out_leaves_what_the_arm_without_it_says() -> None:
    found = _readings()
    assert set(found) == set(READINGS) - {"input", "neutral instruction"}
    of = again.talked()[1]
    dialogue = again.dialogues(of, _FULL)[0]
    said = {k: [r.get(k, "") for r in dialogue.rounds] for k in ("rationale", "feedback", "answer")}
    bare = _text(found["neither"])
    assert "Advice" not in bare
    assert "reason" not in bare
    other = again.dialogues(of, "intrinsic")[0]
    questions = [m for m in found["neither"].messages if m.role == "user"]
    assert questions == [m for m in other.shown if m.role == "user"]
    assert [m.text for m in found["neither"].messages if m.role == "assistant"] == said["answer"][
        :2
    ]
    assert "Advice" not in _text(found["without feedback"])
    assert found["without feedback"].messages[-2].text == said["rationale"][2]
    assert f"{said['feedback'][2]}{BETWEEN}" in found["without rationale"].messages[-1].text
    assert [m.text for m in found["feedback"].messages] == [said["feedback"][2]]
    assert [m.text for m in found["rationale"].messages] == [said["rationale"][2]]
    # the rounds before are as they were
    whole = found["whole"].messages
    for link in ("before", "with feedback"):
        assert found[link].messages[:-1] == whole[: len(found[link].messages) - 1]
    assert "Advice" not in found["before"].messages[-1].text
    assert said["feedback"][2] in found["with feedback"].messages[-1].text


def test_neutral_words_stand_where_the_part_stood_in_every_round() -> None:
    found = _readings()
    for kind in ("rationale", "feedback"):
        changed = [
            (ours.text, theirs.text)
            for ours, theirs in zip(found["whole"].messages, found[f"neutral {kind}"].messages,
                                    strict=True)
            if ours != theirs
        ]  # fmt: skip
        assert len(changed) == (3 if kind == "rationale" else 2)
        assert all(f"neutral, {kind}]" in theirs for _, theirs in changed)
    first = _readings(number=1)
    assert set(first) == {"whole", "input", "neutral instruction", "rationale",
                          "without rationale", "neutral rationale"}  # fmt: skip
    goal = again.TASK.ask(again.TASK.examples()[0])["goal"]
    assert goal in _text(first["input"])
    assert goal not in _text(first["neutral instruction"])
    assert f"[{len(goal)} neutral, goal]" in _text(first["neutral instruction"])


def test_arms_without_a_part_have_no_reading_of_it() -> None:
    assert set(_readings("neutral", 2)) == {"whole"}
    assert set(_readings("feedback", 2)) == {"whole", "feedback", "without feedback",
                                             "neutral feedback", "before"}  # fmt: skip
    assert set(_readings("cot", 2)) == {"whole", "rationale", "without rationale",
                                        "neutral rationale"}  # fmt: skip
    assert without(_FULL, "feedback", "cot") == "intrinsic"


def test_a_dialogue_without_rationales_is_refused() -> None:
    dialogue = again.dialogues(again.talked()[1], "intrinsic")[0]
    with pytest.raises(UserError, match="has no rationale in round 1, and the study reads it"):
        readings(again.worded(dialogue), "intrinsic-cot", dialogue, 1, _neutral)


# --- encoding -------------------------------------------------------------------------------------


def _check(which: Any, of: dict[str, Any], arms: Sequence[str] = (_FULL,)) -> tuple[int, int]:
    """Cosines and likelihoods against plain passes; tokens encoded, and distinct beginnings."""
    concepts = again.concepts(which)
    shown = [
        each
        for arm in arms
        for dialogue in again.dialogues(of, arm)
        for number in range(1, again.ROUNDS + 1)
        for each in readings(again.worded(dialogue), arm, dialogue, number, _neutral).values()
    ]
    options = ("a", "b", "c")
    found = Encoder(Opened(which, concepts)).read(shown, [options] * len(shown))
    ids = [which.vocabulary.template.render(list(s.messages), s.prefill).prompt.ids for s in shown]
    for each, told, mine in zip(shown, found, ids, strict=True):
        assert told is not None
        cosines, logp = again.plainly(which, each, concepts)
        np.testing.assert_allclose(told[0], cosines, atol=1e-5)
        assert told[3] == len(mine)
        for label, value in zip(options, told[1], strict=True):
            longer = which.vocabulary.template.render(list(each.messages), each.prefill + label)
            if longer.prompt.ids[:-1] == mine:
                assert value == pytest.approx(float(logp[longer.prompt.ids[-1]]), abs=1e-4)
    beginnings = {tuple(mine[:k]) for mine in ids for k in range(1, len(mine) + 1)}
    return sum(told[2] for told in found if told is not None), len(beginnings)


def test_readings_encoded_together_are_those_of_plain_passes() -> None:
    """And a beginning that several share goes through the model once."""
    encoded, beginnings = _check(*again.talked())
    rows = 6 + 10 + 10
    assert beginnings <= encoded <= beginnings + 8 * rows


@pytest.mark.slow  # models of other kinds, with other templates and none
@pytest.mark.parametrize(
    ("name", "template"),
    [("gemma3", ALTERNATING), ("qwen2", None), ("gpt2", CHATML), ("mistral", CHATML)],
)
def test_readings_of_other_models_are_those_of_plain_passes(
    name: str, template: str | None
) -> None:
    more = {"n_positions": 8192} if name == "gpt2" else {"max_position_embeddings": 8192}
    from tiny import model

    which = model(name, template, **more)
    _check(which, again.frames(which, 1))


def test_where_memory_is_full_dialogues_are_read_one_at_a_time(monkeypatch: Any) -> None:
    which, of = again.talked()
    (dialogue,) = again.dialogues(of, "intrinsic")
    two = [dialogue, replace(dialogue, example="again")]
    opened = Opened(which, again.concepts(which))

    def read(dialogues: Sequence[Any]) -> Any:
        told = About(again.worded(dialogue), ("a", "b", "c"))
        return read_dialogues(opened, "intrinsic", dialogues, lambda _: told, NO_PARTS, list)

    real, most, sizes = Encoder.read, 5, []

    def full(self: Any, shown: Any, options: Any) -> Any:
        sizes.append(len(shown))
        if len(shown) > most:
            raise OutOfMemoryError("the memory is full.")
        return real(self, shown, options)

    plainly = read(two)
    monkeypatch.setattr(Encoder, "read", full)
    found = read(two)
    assert sizes == [10, 5, 5]
    for key, values in plainly.cosines.items():
        np.testing.assert_allclose(found.cosines[key], values, atol=1e-5)
    most = 4
    with pytest.raises(OutOfMemoryError):
        read(two)


# --- neutral words --------------------------------------------------------------------------------


def test_neutral_words_are_as_long_and_hold_no_word_of_the_concept() -> None:
    free = stock("smollm2", ["Rivers", "the", "copper"], "train_clock")
    assert 0 < len(free) < len(STOCK)
    for sentence in free:
        for word in ("rivers", "copper", "train", "clock"):
            assert word not in sentence.lower().split()

    def count(text: str) -> int:
        return len(text.split())

    texts = ["", "one", "two words", "so " * 9, "so " * 150]
    for n, text in enumerate(texts):
        assert count(as_long(text, count, free, str(n))) == count(text)
    assert len({as_long("so " * 12, count, free, str(n)) for n in range(20)}) > 5
    with pytest.raises(UserError, match="neutral sentences are without the words of the concept"):
        stock("smollm2", [w.strip(".,") for s in STOCK for w in s.split()], "x")


def test_the_planted_transformer_gets_neutral_words_of_its_own_language() -> None:
    from selfcorrect.planted_words import MANNERS

    words = {w for s in stock("planted:mixture", [], "plus") for w in s.split()} - {"please", "."}
    assert words == set(MANNERS[2])
