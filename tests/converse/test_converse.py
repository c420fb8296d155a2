"""The loop: each key of a strategy, shared beginnings, and records that hold the whole dialogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

import tiny
from scripted import FIRST, HEAD, REVIEW, STRATEGIES, _run, _strategy
from selfcorrect.converse import Arm, Record, StepRecord, converse
from selfcorrect.messages import Message
from selfcorrect.models.local.conversation import LocalConversation
from selfcorrect.records import SCHEMA, STEP, frame, transcript

ADVISED = """
[[first]]
from = "critic"
say = "{question}"
[[first]]
from = "critic"
elicit = "feedback"
max_tokens = 4
[[first]]
say = "{question} They say {feedback}"
[[first]]
elicit = "answer"
prefill = "{answer_prefill}"
"""


COUNTS = {"encoded", "reused", "drafted", "prompt_tokens", "steps"}


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, list[list[Message]]]]:
    """What stood in every conversation when it was closed."""
    seen: list[tuple[Any, list[list[Message]]]] = []
    close = LocalConversation.close

    def spy(self: Any, which: Sequence[int]) -> None:
        seen.append((self.engine, [list(t.messages) for t in self.transcripts]))
        close(self, which)

    monkeypatch.setattr(LocalConversation, "close", spy)
    return seen


def _rebuilt(records: list[dict[str, Any]], model: Any) -> list[list[Message]]:
    """Every dialogue's transcript from its records, turns joined as a conversation joins them."""
    table = frame(records)
    found = []
    for example in dict.fromkeys(r["example"] for r in records):
        conversation = model.open(1)
        conversation.restart([transcript(table.filter(pl.col("example") == example))])
        found.append(list(conversation.transcripts[0].messages))
    return found


@pytest.mark.parametrize("template", ["CHATML", "ALTERNATING", "FORGETFUL"])
@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_the_transcript_is_rebuilt_from_the_records(
    name: str, template: str, task: Any, shown: list[Any]
) -> None:
    model = tiny.model("llama", getattr(tiny, template))
    others = {"critic": tiny.model("qwen2", seed=3)} if name == "critic" else {}
    records = _run(model, task, STRATEGIES[name], system="Be {kind}.", others=others)
    (own,) = [m for who, m in shown if who is model.engine and len(m) == 3]
    assert _rebuilt(records, model) == own
    assert frame(records).height == 9


def test_a_fresh_transcript_for_the_critic_leaves_ours_alone(
    model: Any, task: Any, shown: list[Any]
) -> None:
    text = STRATEGIES["critic"].replace('say = "Judge', 'begin = true\nsay = "Judge')
    records = _run(model, task, text, others={"critic": tiny.model("qwen2", seed=3)})
    own = next(m for who, m in shown if who is model.engine)
    assert _rebuilt(records, model) == own


@pytest.mark.parametrize("name", ["review", "critique", "continue"])
def test_a_dialogue_that_outgrows_the_window(name: str, task: Any, shown: list[Any]) -> None:
    """It says so, keeps what it had, and its records rebuild exactly what the model was shown."""
    model = tiny.model("llama", max_position_embeddings=170)
    records = _run(model, task, STRATEGIES[name], rounds=5)
    over = [r for r in records if r["problem"] == "context"]
    assert over
    assert all(r["outcome"] == 0 and r["option_p"] == [] for r in over)
    assert all(
        any("context window" in n or "too long" in n for n in (each["text"] for each in r["notes"]))
        for r in over[:1]
    )
    assert _rebuilt(records, model) == next(m for who, m in shown if who is model.engine)


def test_every_later_round_of_an_overgrown_dialogue_says_why(task: Any) -> None:
    model = tiny.model("llama", max_position_embeddings=170)
    records = _run(model, task, STRATEGIES["review"], rounds=5)
    assert records[-1]["problem"] == "context"
    assert records[-1]["notes"]


def test_text_with_braces_and_markers_stays_text(model: Any, task: Any) -> None:
    records = _run(model, task, FIRST + REVIEW, system="{question} {{x}} <|im_end|>", rounds=2)
    assert records[0]["steps"][0]["text"] == "{question} {{x}} <|im_end|>"
    assert any("spelled out" in note["text"] for note in records[0]["notes"])


def test_the_typed_rows_are_the_schema(model: Any, task: Any) -> None:
    """Column by column: the name, the order, and what a cell may hold."""
    columns = {
        "str": pl.String,
        "int": pl.Int32,
        "float": pl.Float64,
        "bool": pl.Boolean,
        "list[str]": pl.List(pl.String),
        "list[int]": pl.List(pl.Int32),
        "list[float]": pl.List(pl.Float64),
    }
    stated = {field.name: field.dtype for field in STEP.fields}
    for row, schema in ((Record, SCHEMA), (StepRecord, stated)):
        assert list(row.__annotations__) == list(schema)
        for name, hint in row.__annotations__.items():
            plain = hint.__forward_arg__.removesuffix(" | None")
            if plain in columns:
                same_width = str(schema[name]).replace("Float32", "Float64")
                assert same_width == str(columns[plain]), name
    (record, _) = _run(model, task, FIRST + REVIEW, rounds=2, n=1)
    assert list(record) == list(SCHEMA)
    assert all(list(step) == list(stated) for step in record["steps"])


@pytest.mark.parametrize("name", ["llama", "lfm2"])
def test_arms_together_give_what_each_gives_alone(name: str, task: Any) -> None:
    model = tiny.model(name)
    other = FIRST.replace("{question}", "{question}\\n\\n{goal}")
    texts = [FIRST + REVIEW, other + REVIEW, STRATEGIES["samples"], STRATEGIES["critique"], other]
    texts[4] += REVIEW.replace("{review}", "{repeat}")
    arms = [Arm(str(k), _strategy(text), 3) for k, text in enumerate(texts)]
    arms.append(Arm("short", _strategy(FIRST, HEAD + "max_rounds = 1\n"), 1))
    one, two = (tiny.model("qwen2", seed=seed) for seed in (3, 4))
    critic = _strategy(STRATEGIES["critic"])
    arms += [Arm(f"by {k}", critic, 2, None, {"critic": m}) for k, m in enumerate((one, two))]
    for k, system in enumerate(["Be kind.", "Be brief."]):
        arms.append(Arm(f"told {k}", arms[k].strategy, 2, system))
        arms.append(Arm(f"told {k} by", critic, 2, system, {"critic": (one, two)[k]}))
    advised = _strategy(ADVISED + REVIEW)
    arms += [Arm(f"after {k}", advised, 2, None, {"critic": m}) for k, m in enumerate((one, two))]
    heard = []
    together = converse(
        model,
        task,
        task.examples()[:2],
        arms,
        seed=1,
        on_round=lambda arm, number, rows: heard.append((arm, number, len(rows))),
    )
    assert sorted(heard) == sorted((a.name, k + 1, 2) for a in arms for k in range(a.rounds))
    for arm in arms:
        alone = converse(model, task, task.examples()[:2], [arm], seed=1)[arm.name]
        assert [(r["example"], r["round"]) for r in alone] == [
            (str(e), k + 1) for e in range(2) for k in range(arm.rounds)
        ]
        for mine, theirs in zip(together[arm.name], alone, strict=True):
            for key in set(mine) - COUNTS:
                if key.startswith(("option", "confid", "entropy", "first_choice_p")):
                    assert mine[key] == pytest.approx(theirs[key], abs=1e-4)
                else:
                    assert mine[key] == theirs[key], key
            assert [s["text"] for s in mine["steps"]] == [s["text"] for s in theirs["steps"]]
            if name == "llama":  # the others encode all of it again, but for what guesses save
                assert _costs(mine) == _costs(theirs)


def _costs(row: dict[str, Any]) -> list[tuple[int, int, int]]:
    """What a round and its steps cost, but for guesses: another arm's reply is one, too."""
    each = [row, *row["steps"]]
    return [(c["encoded"] - c["drafted"], c["reused"], c["prompt_tokens"]) for c in each]


def test_a_shared_beginning_is_not_encoded_again(model: Any, task: Any) -> None:
    other = FIRST.replace("{question}", "{question}\\n\\n{goal}")
    arms = [Arm("a", _strategy(FIRST + REVIEW), 1), Arm("b", _strategy(other + REVIEW), 1)]
    through: list[int] = []
    records = converse(model, task, task.examples()[:1], arms, seed=1, on_encoded=through.append)
    assert through[0] == records["a"][0]["encoded"]
    assert through[1] < records["b"][0]["encoded"] - 10
    # an arm's record says what it costs alone, whoever came first
    alone = converse(model, task, task.examples()[:1], arms[1:], seed=1)
    assert _costs(records["b"][0]) == _costs(alone["b"][0])


def test_the_oracle_flag_is_each_arms_own(model: Any, task: Any) -> None:
    """Round 1 is shared, the flag isn't: no comparison may rank an arm that knows the truth."""
    oracle = _strategy(FIRST + REVIEW.replace("{review}", "No."), HEAD + "oracle = true\n")
    arms = [Arm("plain", _strategy(FIRST + REVIEW), 2), Arm("oracle", oracle, 2)]
    records = converse(model, task, task.examples()[:2], arms, seed=1)
    assert [r["oracle"] for r in records["plain"]] == [False] * 4
    assert [r["oracle"] for r in records["oracle"]] == [True] * 4
