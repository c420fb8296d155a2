"""Concepts of labelled dialogues: read before the reply that is due, in every round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import mixture_dialogues
from scipy.special import expit

import mixture_states
import tiny
from selfcorrect.concepts import activation, train
from selfcorrect.concepts.data import from_file
from selfcorrect.concepts.states import states_of
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Request, Site
from selfcorrect.models.sites import BEFORE_ANSWER


def _line(*said: tuple[str, str], label: Any = True, **more: Any) -> str:
    told = [{"role": role, "content": text} for role, text in said]
    return json.dumps({"messages": told, "label": label, **more})


def _file(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "dialogues.jsonl"
    file.write_text("\n".join(lines))
    return file


TWO = (("user", "Be kind."), ("assistant", "I am."), ("user", "Who is it?"))
OPEN = (("user", "Who is it?"), ("assistant", "The best answer is ("))


def test_dialogues_are_read_before_the_reply(tmp_path: Path) -> None:
    texts = from_file(_file(tmp_path, _line(*TWO), _line(*OPEN, label=0, cluster="b")), "x")
    first, second = texts.items
    assert (texts.shown, first.text) == ("message", "Be kind.\n\nI am.\n\nWho is it?")
    assert (second.label, second.cluster, second.shown) == (0, "b", OPEN)
    model = tiny.model()
    found = states_of(model, [TWO, OPEN, TWO], "residual", "message")
    site = Site("residual", tuple(range(found.shape[1])), BEFORE_ANSWER)
    talk = model.open(2)
    talk.restart([[message(*each) for each in TWO], [message(*OPEN[0])]])
    asked = [Request(begun, 1, states=(site,)) for begun in ("", OPEN[1][1])]
    for mine, reply in zip(found, talk.elicit(asked), strict=False):
        assert reply is not None
        np.testing.assert_allclose(mine, reply.states[site].numpy(), atol=1e-5)
    np.testing.assert_array_equal(found[0], found[2])


def test_a_dialogue_and_a_text_of_the_same_words_are_two_things(tmp_path: Path) -> None:
    prints = []
    for line in (
        _line(("user", "a"), ("assistant", "b")),
        _line(("user", "a"), ("user", "b")),
        json.dumps({"text": "a\n\nb", "label": True}),
    ):
        other = json.loads(line) | {"label": False}
        key = "text" if "text" in other else "messages"
        other[key] = "c" if key == "text" else [{"role": "user", "content": "c"}]
        prints.append(from_file(_file(tmp_path, line, json.dumps(other)), "x").fingerprint)
    assert len(set(prints)) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (_line(("system", "a")), "none of the messages is the user's"),
        (_line(("user", "a"), ("system", "b")), "the last message is the system's"),
        (_line(("usr", "a")), "message 1 has the role 'usr': did you mean 'user'"),
        ('{"messages": ["a"], "label": 1}', "message 1 must be an object"),
        ('{"messages": [{"role": "user", "content": 1}], "label": 1}', "of message 1 must be text"),
        ('{"messages": [], "label": 1}', "none of the messages is the user's"),
        ('{"text": "a", "label": 1}', "it has a text, and those before it messages"),
    ],
)
def test_bad_dialogues_are_one_sentence(tmp_path: Path, line: str, said: str) -> None:
    file = _file(tmp_path, _line(*TWO, label=0), line)
    with pytest.raises(UserError, match=rf"dialogues.jsonl:2: .*{said}"):
        from_file(file, "x")


def test_what_dialogues_can_t_be_is_one_sentence(tmp_path: Path) -> None:
    lines = [
        _line(("user", f"text {n}"), ("assistant", "so"), ("user", "and?"), label=n % 2)
        for n in range(40)
    ]
    file = _file(tmp_path, *lines)
    model = tiny.model()
    with pytest.raises(UserError, match="can't be said of dialogues; choose another kind"):
        train("x", model, data=file, kind="ccs", out=tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="can't be shown as texts by themselves"):
        train("x", model, data=file, shown="text", out=tmp_path / "x.safetensors")


@pytest.mark.slow  # 1,600 dialogues
def test_later_rounds_of_the_planted_mixture_are_read(tmp_path: Path) -> None:
    data = mixture_dialogues.write(tmp_path / "dialogues.jsonl", 1600, 7)
    concept = train("planted", "planted:mixture", data=data, out=tmp_path / "planted.safetensors")
    fresh = mixture_states.prefixes(300, seed=102)
    p = activation(np.moveaxis(fresh.states, 0, 1), concept).probability[:, concept.layer]
    exactly, later = expit(fresh.odds), fresh.number > 1
    assert np.corrcoef(p[~later], exactly[~later])[0, 1] > 0.94
    assert np.corrcoef(p[later], exactly[later])[0, 1] > 0.89
