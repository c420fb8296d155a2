"""The study ``mechanism`` on the planted transformer, in which words of C+ raise the posterior."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import pytest

from made_concepts import made
from selfcorrect import models, strategies
from selfcorrect.concepts.file import SITES
from selfcorrect.concepts.states import _in_messages
from selfcorrect.models.local.model import LocalModel
from selfcorrect.models.planted.mixture import corpus, exact
from selfcorrect.planted_words import LEAD_IN, MANNERS, instruct
from selfcorrect.studies.base import NO_PARTS
from selfcorrect.studies.design import ARMS, COT, FEEDBACK, INSTRUCTION
from selfcorrect.studies.mechanism.analysis import measured
from selfcorrect.studies.mechanism.measure import About, Opened, Read, read_dialogues
from selfcorrect.studies.mechanism.transcripts import Recorded, Worded, readings
from selfcorrect.tasks import make

DIALOGUES = 20


def _page(factors: frozenset[str]) -> Any:
    """An arm in the small language, in which nothing but the parts speaks of the concept."""
    goal = "\\n\\n{goal}" if INSTRUCTION in factors else ""
    advice = "{feedback}\\n\\n" if FEEDBACK in factors else ""
    answer = 'elicit = "answer"\nprefill = "{answer_prefill}"\n'
    reasons = f'[[PART]]\nelicit = "rationale"\n[[PART]]\nsay = "{instruct(("now",))}"\n'
    head = 'about = "a test"\nsource = "here"\n'
    asked = ""
    if FEEDBACK in factors:
        head += '[models]\nfeedback = "own"\n'
        asked = ('[[again]]\nfrom = "feedback"\nbegin = true\nsay = "{question}"\n'
                 '[[again]]\nfrom = "feedback"\nelicit = "feedback"\n')  # fmt: skip
    text = head
    for part, before, said in (
        ("first", "", f"{{question}}{goal}"),
        ("again", asked, f"{advice}{instruct(('again', 'once'))}"),
    ):
        text += f'{before}[[{part}]]\nsay = "{said}"\n'
        text += reasons.replace("PART", part) if COT in factors else ""
        text += f"[[{part}]]\n{answer}"
    return strategies.parse(text, "test.toml")


PAGES = {arm: _page(factors) for arm, factors in ARMS.items()}


@cache
def opened() -> Opened:
    """The transformer, with the concept read at every site: the mean state before the first answer
    of dialogues under C+, minus that of those under C−."""
    model = models.load("planted:mixture", "float32")
    assert isinstance(model, LocalModel)
    drawn = list(islice(corpus(5, 1), 300))
    plus = np.array([each.plus for each in drawn])
    found = {}
    for site in SITES:
        states = _in_messages(model, [each.messages[0].text for each in drawn], site, LEAD_IN)
        centre, scale = states.mean(axis=0), states.std(axis=0) + 1e-6
        z = (states - centre) / scale
        way = z[plus].mean(axis=0) - z[~plus].mean(axis=0)
        number, hidden = way.shape
        arrays = {"directions": way, "centre": centre, "scale": scale}
        more = {name: np.asarray(x, np.float32) for name, x in arrays.items()}
        found[site] = made(number, hidden, name="plus", site=site, **more)
    return Opened(model, found)


def read(words: dict[str, Sequence[str]], n: int = DIALOGUES) -> dict[str, Read]:
    """The readings of dialogues whose goal, feedback and rationale are of these words."""
    task = make("planted-mixture", options={"n": n, "cluster_size": 1})
    rng = np.random.default_rng(7)

    def said(kind: str) -> str:
        return instruct(tuple(rng.choice(words[kind], 6)))

    answer = f"{LEAD_IN}a)"
    replies = [
        tuple({"answer": answer, "rationale": said("rationale"), "feedback": said("feedback")}
              for _ in range(2))
        for _ in range(n)
    ]  # fmt: skip
    goals = [said("goal") for _ in range(n)]
    examples = task.examples()[:n]

    def about(dialogue: Recorded) -> About:
        at = int(dialogue.example)
        texts = {**task.ask(examples[at]), "goal": goals[at]}
        return About(Worded(PAGES, texts), ("a", "b", "c"))

    found = {}
    for arm in ARMS:
        dialogues = []
        for at, (example, rounds) in enumerate(zip(examples, replies, strict=True)):
            bare = Recorded(str(at), example.cluster, rounds, (0, 0), 0, ())
            shown = about(bare).worded.shown(bare, [arm] * 2)
            dialogues.append(Recorded(str(at), example.cluster, rounds, (0, 0), 0, shown.messages))
        found[arm] = read_dialogues(opened(), arm, dialogues, about, NO_PARTS, lambda: None)
    return found


def posterior(arm: str, name: str, words: Sequence[str]) -> float:
    """The exact mean change of log odds by a reading against neutral words, of feedback."""
    task = make("planted-mixture", options={"n": 4, "cluster_size": 1})
    moved = []
    for example in task.examples():
        worded = Worded(PAGES, {**task.ask(example), "goal": instruct(tuple(words))})
        rounds = ({"answer": f"{LEAD_IN}a)", "feedback": instruct(tuple(words))},) * 2
        dialogue = Recorded(example.id, "x", rounds, (0, 0), 0, ())
        found = readings(worded, arm, dialogue, 2, lambda _t, _k: instruct(MANNERS[2]))
        odds = [exact(found[each].messages).log_odds[-1] for each in ("whole", name)]
        moved.append(odds[0] - odds[1])
    return float(np.mean(moved))


@pytest.mark.slow  # thousands of readings of the planted transformer
@pytest.mark.parametrize("kind", [0, 2])
def test_words_of_a_concept_move_its_activation_and_neutral_words_do_not(kind: int) -> None:
    """Kinds of words: likelier under C+, and neutral. (Under C−, which is likelier from the start,
    the cosine has hardly anywhere to go.)"""
    of = MANNERS[kind]
    result = measured(read({"goal": of, "feedback": of, "rationale": MANNERS[2]}), SITES, 2)
    sign = {0: 1, 2: 0}[kind]
    truly = posterior("feedback", "neutral feedback", of)
    assert np.sign(round(truly, 6)) == sign
    for part in ("instruction", "feedback"):
        row = result["parts"][part]["residual"]["beyond"]
        if sign:
            assert row["state"] == "shown", row
            assert np.sign(row["value"]) == sign
        else:
            assert row["state"] != "shown", row
    null = [row["beyond"]["state"] for row in result["parts"]["rationale"].values()]
    assert "shown" not in null
