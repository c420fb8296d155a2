"""Transcripts against plain lists of texts: said, joined, folded, branched and started again."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import selfcorrect.messages
from selfcorrect.messages import (
    TOOL_RESULT,
    Image,
    Message,
    Transcript,
    fold,
    message,
    restart_all,
    say_all,
)

ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
SAID = st.lists(st.tuples(ROLES, st.sampled_from(["", "a", "b\n", "\n\n", " c "])), max_size=8)
CAT = Image("cat", "1", "http://c")


def _runs(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Neighbours of one role as one, slowly."""
    found: list[tuple[str, list[str]]] = []
    for role, text in said:
        if not found or found[-1][0] != role:
            found.append((role, []))
        found[-1][1].append(text)
    return [(role, "\n\n".join(texts)) for role, texts in found]


def _plain(messages: Any) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in messages]


@given(SAID, SAID)
def test_neighbours_of_one_role_are_one_message(said: list[Any], again: list[Any]) -> None:
    mine = Transcript()
    for role, text in said:
        mine.say(message(role, text))
    assert _plain(mine.messages) == _runs(said)
    other = mine.branch()
    other.say(message("user", "only here"))
    assert _plain(mine.messages) == _runs(said)
    assert _plain(other.messages) == _runs([*said, ("user", "only here")])
    other.restart(message(*each) for each in again)
    assert _plain(other.messages) == _runs(again)
    assert _plain(mine.messages) == _runs(said)


@given(SAID, st.sampled_from(["", "(a", "so\n\n"]))
def test_a_reply_goes_on_with_the_open_turn(said: list[Any], reply: str) -> None:
    mine = Transcript()
    mine.restart(message(*each) for each in said)
    earlier, begun = mine.open_turn()
    mine.close_turn(begun + reply)
    assert _plain(earlier) == _runs(said)[: len(earlier)]
    assert _plain(mine.messages) == _runs([*said, ("assistant", reply)])


def test_a_batch_leaves_out_who_says_nothing() -> None:
    batch = [Transcript(), Transcript()]
    say_all(batch, [message("user", "a"), None])
    assert [len(t.messages) for t in batch] == [1, 0]
    restart_all(batch, [None, [message("user", "b"), message("user", "c")]])
    assert [_plain(t.messages) for t in batch] == [[("user", "a")], [("user", "b\n\nc")]]
    for wrong in (say_all, restart_all):
        with pytest.raises(ValueError):
            wrong(batch, [None])


def test_an_image_stays_where_it_was_said() -> None:
    mine = Transcript()
    mine.say(Message("user", (CAT, "what?")))
    mine.say(message("user", "and why?"))
    (only,) = mine.messages
    assert only.parts == (CAT, "what?\n\nand why?")


def _folded(said: list[tuple[str, str]], refused: set[str]) -> list[tuple[str, str]]:
    """As the docstring of ``fold`` says, slowly: each refused system text is moved first."""
    kept = [(k, role, text) for k, (role, text) in enumerate(said)]
    given_to: dict[int, list[str]] = {}
    users = {"user"} | (refused & {"tool"})
    rest = []
    for k, role, text in kept:
        if role == "system" and role in refused:
            later = [j for j, r, _ in kept if j > k and r in users]
            if text:
                given_to.setdefault(later[0] if later else len(kept), []).append(text)
        else:
            rest.append((k, "user" if role in users else role, text))
    told = {k for k, role, _ in kept if role == "tool" and role in refused}
    out = [
        (role, "\n\n".join([*given_to.get(k, []), TOOL_RESULT + text if k in told else text]))
        for k, role, text in rest
    ]
    if len(kept) in given_to:
        out.append(("user", "\n\n".join(given_to[len(kept)])))
    return _runs(out)


@given(SAID, st.sets(st.sampled_from(["system", "tool"])))
def test_folding(said: list[Any], refused: set[str]) -> None:
    folded, roles = fold([message(*each) for each in said], lambda _, m: m.role in refused)
    assert _plain(folded) == _folded(said, refused)
    assert set(roles) == refused & {role for role, _ in said}
    assert len(roles) == len(set(roles))


def test_folding_by_place() -> None:
    """A system message may be taken at the beginning and refused later."""
    said = [message("system", "S"), message("user", "U"), message("system", "T")]
    folded, roles = fold(said, lambda at, m: m.role == "system" and at > 0)
    assert _plain(folded) == [("system", "S"), ("user", "U\n\nT")]
    assert roles == ["system"]


def test_the_ground_floor_stands_on_nothing_else() -> None:
    room = Path(selfcorrect.messages.__file__).parent
    for file in room.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("selfcorrect"):
                assert str(node.module).split(".")[1] in ("messages", "errors", "text")
