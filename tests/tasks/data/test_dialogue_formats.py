"""Dialogues as other programs write them, read by the task ``dialogues``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfcorrect.errors import UserError
from selfcorrect.tasks import Task, make
from selfcorrect.tasks.data.dialogue_rows import options_in
from written import jsonl, parquet, targets

ASK = "Which colour is grass?\n(a) red\n(b) green"
PROMPT = "Question: Which colour is grass?\nA. red\nB. green\nC. blue\nAnswer:"
CHOICES = ["red", "green"]


def read(tmp_path: Path, *rows: Any, name: str = "d.jsonl", **more: Any) -> Task:
    return make("dialogues", data=jsonl(tmp_path / name, rows), **more)


def spoken(task: Task, at: int = 0) -> list[tuple[str, str]]:
    """All that is said in a dialogue."""
    found = []
    for turn in task.examples()[at].turns:
        found += [(message.role, message.text) for message in turn.messages]
        found.append(("assistant", turn.text))
    return found


SAID = [("user", ASK), ("assistant", "It is (a)."), ("user", "Sure?"), ("assistant", "(b) then.")]
MESSAGES = {"messages": [{"role": role, "content": text} for role, text in SAID]}
SHARED = {
    "conversations": [
        {"from": {"user": "human", "assistant": "gpt"}[role], "value": text} for role, text in SAID
    ]
}


@pytest.mark.parametrize(
    ("row", "form"),
    [
        (MESSAGES, "messages"),
        (SHARED, "ShareGPT"),
        ({"conversation": SHARED["conversations"]}, "ShareGPT"),
        ({"conversations": MESSAGES["messages"]}, "messages"),
        ({"messages": json.dumps(MESSAGES["messages"])}, "messages"),
    ],
)
@pytest.mark.parametrize("key", ["answer", "target", "label", "gold"])
def test_messages_and_sharegpt(tmp_path: Path, row: dict[str, Any], form: str, key: str) -> None:
    for right in ("green", "B", "(b)", 1):
        other = {**row, "choices": CHOICES, key: 0 if right == 1 else "red"}
        task = read(tmp_path, {**row, "choices": CHOICES, key: right}, other)
        assert spoken(task) == SAID
        assert targets(task) == [1, 0]
        assert task.read_as[0].startswith(f"The dialogues are read as {form}, JSON lines; right ")


def test_a_json_list_and_parquet(tmp_path: Path) -> None:
    rows = [{**SHARED, "choices": CHOICES, "gold": "B"}] * 2
    (tmp_path / "d.json").write_text(json.dumps(rows, indent=1))
    assert len(make("dialogues", data=str(tmp_path / "d.json")).examples()) == 2
    assert targets(make("dialogues", data=parquet(tmp_path / "d.parquet", rows))) == [1, 1]


def test_names_of_roles_and_the_system(tmp_path: Path) -> None:
    turns = [("system", "Be brief."), ("human", ASK), ("observation", "42"), ("model", "(b)")]
    row = {"conversations": [{"from": role, "value": text} for role, text in turns]}
    task = read(tmp_path, {**row, "choices": CHOICES})
    assert [role for role, _ in spoken(task)] == ["system", "user", "tool", "assistant"]
    task = read(tmp_path, {**SHARED, "system": "Be brief.", "choices": CHOICES})
    assert spoken(task) == [("system", "Be brief."), *SAID]


def test_options_come_from_the_question_where_there_are_none(tmp_path: Path) -> None:
    task = read(tmp_path, {**MESSAGES, "answer": "B"})
    assert task.examples()[0].choices == ("red", "green")
    assert "options from the question" in task.read_as[0]
    bare = {"messages": [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "b"}]}
    with pytest.raises(
        UserError, match=r"d\.jsonl:1: the field 'choices' is missing, and .* give .*; this is mes"
    ):
        read(tmp_path, bare)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Which?\nA) x y\nB) z", ["x y", "z"]),
        ("Which?\n\nA. x\n\nB. z\n\nC. w\n\nAnswer:", ["x", "z", "w"]),
        ("Example:\nA. p\nB. q\nAnswer: A\n\nWhich?\nA. x\nB. z\nAnswer:", ["x", "z"]),
        ("Which?\n(a) x\n(c) z", []),
        ("A. Smith wrote it.", []),
        ("I saw it\nA dog\nB cat", []),
    ],
)
def test_which_options_a_question_lists(text: str, options: list[str]) -> None:
    assert options_in(text) == options


def test_thoughts_and_tools(tmp_path: Path) -> None:
    def said(**message: Any) -> dict[str, Any]:
        first = {"role": "user", "content": ASK}
        return {"messages": [first, {"role": "assistant", **message}], "choices": CHOICES}

    thought = [{"type": "thinking", "thinking": "(a)?"}, {"type": "text", "text": "(b)"}]
    assert spoken(read(tmp_path, said(content=thought)))[1] == ("assistant", "(b)")
    call = {"tool_calls": [{"id": "1"}]}
    with pytest.raises(UserError, match="message 2 calls a tool and has no text: it is no answer"):
        read(tmp_path, said(content=None, **call))
    assert spoken(read(tmp_path, said(content="(b)", **call)))[1] == ("assistant", "(b)")
    no = said(content=None, refusal="I won't choose.")
    assert spoken(read(tmp_path, no))[1] == ("assistant", "I won't choose.")


def test_fields_and_answers_are_mapped(tmp_path: Path) -> None:
    row = {"chat": MESSAGES["messages"], "opts": ["1", "2"], "key": 1}
    field = {"messages": "chat", "choices": "opts", "answer": "key"}
    with pytest.raises(UserError, match=r"the text of .* --answers index or text"):
        read(tmp_path, row, options={"field": field})
    for asked, target in (("text", 0), ("index-from-0", 1), ("index-from-1", 0)):
        task = read(tmp_path, row, options={"field": field, "answers": asked})
        assert targets(task) == [target]
    with pytest.raises(UserError, match="no field 'question' of a dialogue"):
        read(tmp_path, row, options={"field": {"question": "x"}})
    with pytest.raises(UserError, match=r"the field 'chats' is missing.*did you mean 'chat'"):
        read(tmp_path, row, options={"field": {"messages": "chats"}})


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"mesages": []}, r"'messages' is missing; .*did you mean 'mesages'\?"),
        ({"role": "user", "content": "x"}, "it is one message: put all messages of a dialogue"),
        ({"example": "x", "round": 1, "steps": [], "choices": []}, "export whole dialogues with"),
        ({**MESSAGES, "choices": CHOICES, "answer": 7}, "is none of the 2 choices"),
        ({"conversations": [{"from": "alien", "value": "x"}], "choices": CHOICES}, "role 'alien'"),
        ({"conversations": [{"from": ["gpt"], "value": "x"}], "choices": CHOICES}, "the role "),
        ({"messages": [{"role": {}, "content": "x"}], "choices": CHOICES}, "the role {}"),
    ],
)
def test_what_is_no_dialogue(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=rf"d\.jsonl:1: .*{says}"):
        read(tmp_path, row)


# --- samples that lm-eval logs -----------------------------------------------------------------


def sample(number: int = 0, **changes: Any) -> dict[str, Any]:
    """As ``lm_eval --log_samples`` writes one of a task that generates."""
    made = {
        "doc_id": number,
        "doc": {"question": "Which colour is grass?", "subject": "botany",
                "choices": ["red", "green", "blue"], "answer": 1},
        "target": "B",
        "arguments": {"gen_args_0": {"arg_0": PROMPT, "arg_1": {"until": ["\n\n"]}}},
        "resps": [["It grows, so the answer is B."]],
        "filtered_resps": ["B"],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        "exact_match": 1.0,
        "doc_hash": "0a", "prompt_hash": "0b", "target_hash": "0c",
    }  # fmt: skip
    return {**made, **changes}


def test_samples_that_were_generated(tmp_path: Path) -> None:
    again = sample(filter="flexible-extract")  # the same reply, by another filter
    older = sample(1, arguments=[[PROMPT, {"until": []}]], target="A")
    task = read(tmp_path, sample(), again, older)
    assert [e.id for e in task.examples()] == ["d/0", "d/1"]
    assert task.examples()[0].choices == ("red", "green", "blue")
    assert spoken(task) == [("user", PROMPT), ("assistant", "It grows, so the answer is B.")]
    assert targets(task) == [1, 0]
    assert task.read_as[0].startswith("The dialogues are read as samples of lm-eval; ")


def test_samples_of_several_tasks(tmp_path: Path) -> None:
    """Every file numbers its samples from 0; the date in its name is no part of them."""
    for name in ("mmlu_anatomy", "mmlu_virology"):
        jsonl(tmp_path / f"samples_{name}_2026-01-02T03-04-05.678901.jsonl", [sample(), sample(1)])
    task = make("dialogues", data=str(tmp_path))
    assert [e.id for e in task.examples()][1:3] == ["mmlu_anatomy/1", "mmlu_virology/0"]
    several = sample(2, resps=[["So it is B.", "So it is A."]])
    task = read(tmp_path, several, name="e.jsonl")
    assert spoken(task)[-1] == ("assistant", "So it is B.")
    assert "the first of several replies" in task.read_as[0]


def test_samples_of_a_chat(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": ASK}]
    logged = {"gen_args_0": {"arg_0": [json.dumps(chat)], "arg_1": {}}}
    task = read(tmp_path, sample(arguments=logged, doc={"q": "x"}))
    assert spoken(task)[:2] == [("system", "Be brief."), ("user", ASK)]
    assert task.examples()[0].choices == ("red", "green")


@pytest.mark.parametrize("letters", [True, False])
def test_samples_of_likelihoods(tmp_path: Path, letters: bool) -> None:
    """The likeliest option is the reply."""
    offered = ["A", "B", "C"] if letters else ["red", "green", "blue"]
    asked = {
        f"gen_args_{n}": {"arg_0": PROMPT, "arg_1": f" {each}"} for n, each in enumerate(offered)
    }
    resps = [[["-3.5", "False"]], [["-0.25", "True"]], [["-9.0", "False"]]]
    rows = [sample(n, arguments=asked, resps=resps, target=t) for n, t in enumerate((1, 0, 2))]
    task = read(tmp_path, *rows)
    assert spoken(task) == [("user", PROMPT), ("assistant", offered[1])]
    assert task.examples()[0].choices == ("red", "green", "blue")
    assert targets(task) == [1, 0, 2]
    example = task.examples()[0]
    assert task.read(example, example.turns[0].text).choice == 1


def test_samples_of_likelihoods_that_show_no_options(tmp_path: Path) -> None:
    """Letters mean nothing where the prompt lists no options."""
    asked = {f"gen_args_{n}": {"arg_0": "Which colour is grass?", "arg_1": f" {each}"}
             for n, each in enumerate(("red", "green", "blue"))}  # fmt: skip
    resps = [[["-3.5", "False"]], [["-0.25", "True"]], [["-9.0", "False"]]]
    with pytest.raises(UserError, match="doesn't show the options, so that no letter means one"):
        read(tmp_path, sample(arguments=asked, resps=resps, target=1))


def test_lm_eval_counts_from_0_even_if_options_are_numbers(tmp_path: Path) -> None:
    prompt = "What is 1 + 1?\nA. 2\nB. 1\nC. 0\nAnswer:"
    asked = {
        f"gen_args_{n}": {"arg_0": prompt, "arg_1": f" {each}"} for n, each in enumerate("ABC")
    }
    resps = [[["-0.1", "True"]], [["-3", "False"]], [["-9.0", "False"]]]
    doc = {"question": "What is 1 + 1?", "choices": ["2", "1", "0"], "answer": 0, "subject": "x"}
    more = {"doc": doc, "arguments": asked, "resps": resps}
    assert targets(read(tmp_path, sample(0, **more, target=0), sample(1, **more, target="2"))) == [
        0,
        2,
    ]


def test_samples_that_are_no_lettered_questions(tmp_path: Path) -> None:
    free = sample(doc={"question": "2 + 2?", "answer": "4"}, target="4",
                  arguments={"gen_args_0": {"arg_0": "2 + 2?", "arg_1": {}}})  # fmt: skip
    with pytest.raises(UserError, match=r"'choices' is missing, .*; this is samples of lm-"):
        read(tmp_path, free)
    with pytest.raises(UserError, match="has no 'arguments', or no 'resps'"):
        read(tmp_path, sample(resps=[]))
    rolling = sample(resps=[[-12.5]], arguments={"gen_args_0": {"arg_0": "x"}})
    with pytest.raises(UserError, match="neither a text that was generated nor log-likelihoods"):
        read(tmp_path, rolling)


# --- logs of inspect ---------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["eval", "json"])
def test_logs_of_inspect(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("inspect_ai")
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageUser,
        ContentReasoning,
        ContentText,
    )

    thoughts = [ContentReasoning(reasoning="(a)?"), ContentText(text="ANSWER: B")]
    samples = [
        EvalSample(
            id="grass",
            epoch=epoch,
            input=ASK,
            choices=CHOICES,
            target="B",
            messages=[ChatMessageUser(content=ASK), ChatMessageAssistant(content=content)],
        )
        for epoch, content in ((1, "ANSWER: B"), (2, thoughts))
    ]
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00",
        task="colours",
        dataset=EvalDataset(name="colours", samples=1),
        model="mockllm/model",
        config=EvalConfig(epochs=2),
    )
    path = tmp_path / f"log.{ending}"
    write_eval_log(EvalLog(eval=spec, status="success", samples=samples), str(path))
    for data in (path, tmp_path):
        task = make("dialogues", data=str(data))
        assert spoken(task) == spoken(task, 1) == [("user", ASK), ("assistant", "ANSWER: B")]
        assert targets(task) == [1, 1]
        assert [(e.id, e.cluster) for e in task.examples()] == [
            ("colours/grass/1", "colours/grass"),
            ("colours/grass/2", "colours/grass"),
        ]
        assert "a log of inspect" in task.read_as[0]
    if ending == "eval":
        with pytest.raises(UserError, match="an eval log of inspect; give it to selfcorrect meas"):
            make("choices", data=str(path))
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(UserError, match=r"log\.eval: it is a zip archive that is damaged"):
            make("dialogues", data=str(path))


def test_without_inspect_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"version": 2, "status": "success", "eval": {}, "samples": []}))
    with pytest.raises(UserError, match="pip install inspect_ai"):
        make("dialogues", data=str(path))
