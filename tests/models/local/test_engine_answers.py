"""Every answer is the one that generate() gives on the whole transcript, one dialogue at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

import tiny
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Request
from selfcorrect.models.local.layers import layers

PREFILL = "The best answer is ("
REVIEWS = (
    "Review your previous answer. If you are confident, keep it; otherwise, update it.",
    "Is that so?\n\nAnswer {again} without thinking of stereotypes.",
)
#: end of prefill, length of the reply: lettered, free and cut short
KINDS = ((PREFILL, 8), ("", 6), ("The answer is", 1))


def transcript_ids(model: Any, turns: Sequence[tuple[str, str]], prefill: str) -> list[int]:
    """Rendered by the tokenizer alone, with nothing of the engine."""
    dicts = [{"role": role, "content": text} for role, text in turns]
    text = model.vocabulary.tokenizer.apply_chat_template(
        dicts, tokenize=False, add_generation_prompt=True
    )
    ids: list[int] = model.vocabulary.tokenizer(text + prefill, add_special_tokens=False)[
        "input_ids"
    ]
    return ids


_GENERATED: dict[tuple[int, ...], tuple[Any, tuple[list[int], list[float]]]] = {}


def generated(model: Any, ids: list[int], length: int) -> tuple[list[int], list[float]]:
    """What generate() says; asked once, as it is the same for every size of a chunk."""
    key = (id(model), length, *ids)
    if key not in _GENERATED:  # the model is kept, so that no other one gets its id
        said = tiny.generate(model.twin, ids, length, model.vocabulary.ends)
        _GENERATED[key] = model, said
    return _GENERATED[key][1]


def disagreements(
    model: Any, questions: Sequence[str], rounds: int, chunk: int, kinds: Sequence[tuple[str, int]]
) -> tuple[list[str], int]:
    """Run dialogues in chunks; what differs from the loop, and how many ties there were."""
    wrong: list[str] = []
    ties = 0
    for start in range(0, len(questions), chunk):
        part = questions[start : start + chunk]
        conversation = model.open(len(part))
        turns: list[list[tuple[str, str]]] = [[] for _ in part]
        for number in range(rounds):
            said = part if number == 0 else [REVIEWS[number % len(REVIEWS)]] * len(part)
            conversation.say([message("user", text) for text in said])
            prefill, length = kinds[number % len(kinds)]
            replies = conversation.elicit([Request(prefill, length)] * len(part))
            for i, reply in enumerate(replies):
                turns[i].append(("user", said[i]))
                ids = transcript_ids(model, turns[i], prefill)
                theirs, gaps = generated(model, ids, length)
                assert reply.prompt_tokens == len(ids)
                if not tiny.agree(reply.token_ids, theirs, gaps):
                    wrong.append(f"dialogue {start + i} round {number}: {reply.token_ids} {theirs}")
                ties += list(reply.token_ids) != theirs
                turns[i].append(("assistant", prefill + reply.text))
    return wrong, ties


@pytest.mark.parametrize(
    ("chunk", "dialogues", "rounds"), [pytest.param(1, 1, 3, marks=pytest.mark.slow), (2, 3, 2)]
)
def test_bundled_model_answers_as_generate(
    smollm2: Any, questions: list[str], chunk: int, dialogues: int, rounds: int
) -> None:
    part = questions[5 : 5 + dialogues]
    wrong, ties = disagreements(smollm2, part, rounds, chunk, KINDS[:1])
    assert not wrong
    assert ties <= 1


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 3, 8, 64])
def test_bundled_model_answers_as_generate_at_length(
    smollm2: Any, questions: list[str], chunk: int
) -> None:
    wrong, ties = disagreements(smollm2, questions, 5, chunk, KINDS)
    assert not wrong
    assert ties <= 3


@pytest.mark.parametrize("name", sorted(set(tiny.CONFIGS) - {"recurrent_gemma"}))
def test_every_kind_of_model_answers_as_generate(name: str) -> None:
    model = tiny.model(name)
    assert model.engine.packed == (name not in ("lfm2", "mamba"))
    questions = [f"What {i} is the capital of France? (a) yes " * (1 + i) for i in (0, 2, 4)]
    wrong, ties = disagreements(model, questions, 4, 2, KINDS)
    assert not wrong
    assert ties <= 1


def test_windows_are_shorter_than_these_dialogues() -> None:
    """Else the sliding-window cases above would show nothing."""
    model = tiny.model("mistral")
    ids = transcript_ids(model, [("user", "What is the capital of France? " * 6)], PREFILL)
    wide = tiny.network("mistral", len(model.vocabulary.tokenizer), sliding_window=None)
    assert (tiny.logps(model.twin, ids)[-1] - tiny.logps(wide, ids)[-1]).abs().max() > 0.1


@pytest.mark.parametrize(
    "template", [tiny.FORGETFUL, tiny.DROPPING, tiny.ALTERNATING], ids=["trims", "drops", "strips"]
)
@pytest.mark.parametrize("name", ["llama", "mistral", "mamba"])
def test_templates_that_rewrite_earlier_turns(name: str, template: str) -> None:
    questions = [f"  What {i} is the capital of France? (a) yes " * (1 + i) for i in (0, 2)]
    wrong, _ = disagreements(tiny.model(name, template), questions, 4, 2, KINDS)
    assert not wrong


def test_reencoding_is_noted_and_counted() -> None:
    conversation = tiny.model("mamba").open(1)
    conversation.say([message("user", "What is it?")])
    (reply,) = conversation.elicit([Request("", 4)])
    assert any("encoded again" in note for note in reply.notes)
    assert reply.reused == 0
    assert reply.encoded >= reply.prompt_tokens + reply.generated - 1


def test_longrope_is_not_kept() -> None:
    """Its keys change once the transcript outgrows the original window."""
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 64}
    rope |= {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4}
    tiny.CONFIGS["phi3"] = {**tiny.CONFIGS["llama"], "model_type": "phi3", "rope_parameters": rope}
    try:
        model = tiny.model("phi3")
    finally:
        del tiny.CONFIGS["phi3"]
    questions = [f"What {i} is the capital of France? (a) yes " * (1 + i) for i in range(3)]
    wrong, _ = disagreements(model, questions, 3, 3, KINDS)
    assert not wrong
    assert not model.engine.packed


@pytest.mark.parametrize("name", ["recurrent_gemma", "bert"])
def test_unknown_output_heads_are_refused_or_right(name: str) -> None:
    """These cap or transform after the last hidden state; answering as if not would be wrong."""
    tiny.CONFIGS["bert"] = {
        **tiny.CONFIGS["gpt_neox"],
        "model_type": "bert",
        "is_decoder": True,
    }
    try:
        model = tiny.model(name)
    except UserError:
        return
    finally:
        del tiny.CONFIGS["bert"]
    ids = transcript_ids(model, [("user", "Who is it?")], PREFILL)
    conversation = model.open(1)
    conversation.say([message("user", "Who is it?")])
    (reply,) = conversation.elicit([Request(PREFILL, 1)])
    expected = tiny.logps(model.twin, ids)[-1]
    assert reply.token_ids[0] == int(expected.argmax())
    assert reply.token_logps[0] == pytest.approx(float(expected.max()), abs=1e-3)


def _native_bfloat16() -> bool:
    capability = torch.cpu.get_capabilities()
    return bool(capability.get("avx512_bf16") or capability.get("amx_bf16"))


def _rows_alone_decide(model: Any) -> bool:
    """Whether a row's product is the same among any number of rows. Some processors' AMX units
    sum in another order where there are more, which numbers depends on the shape."""
    layer = layers(model.engine.decoder)[0]
    shapes = {m.weight.shape for m in layer.modules() if isinstance(m, torch.nn.Linear)}
    assert len(shapes) == 4
    return all(_row_alone_decides(*shape) for shape in sorted(shapes))


def _row_alone_decides(outs: int, ins: int) -> bool:
    weight = torch.randn(outs, ins, generator=torch.Generator().manual_seed(0)).bfloat16()
    prepared = torch.ops.mkldnn._reorder_linear_weight(weight, 512)
    rows = torch.randn(640, ins, generator=torch.Generator().manual_seed(1)).bfloat16()
    whole = torch.ops.mkldnn._linear_pointwise(rows, prepared, None, "none", [], "")
    parts = (
        torch.ops.mkldnn._linear_pointwise(rows[:n], prepared, None, "none", [], "")
        for n in (*range(2, 33), *range(33, len(rows), 19))  # the engine gives a single row another
    )
    return all(torch.equal(part, whole[: len(part)]) for part in parts)


def _in_chunks(model: Any, questions: Sequence[str], chunk: int) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for start in range(0, len(questions), chunk):
        part = questions[start : start + chunk]
        conversation = model.open(len(part))
        rows += [[] for _ in part]
        for number in range(2):
            said = part if number == 0 else [REVIEWS[0]] * len(part)
            conversation.say([message("user", text) for text in said])
            request = Request(PREFILL, 6, options=("a", "b", "c"))
            for i, reply in enumerate(conversation.elicit([request] * len(part))):
                rows[start + i].append(reply)
    return rows


@pytest.fixture(scope="module")
def by_chunk(smollm2_bfloat16: Any, questions: list[str]) -> dict[int, list[list[Any]]]:
    if not _native_bfloat16():
        pytest.skip("the processor has no bfloat16 products")
    if not _rows_alone_decide(smollm2_bfloat16):
        pytest.skip("the processor's bfloat16 products depend on the number of rows")
    return {chunk: _in_chunks(smollm2_bfloat16, questions[:4], chunk) for chunk in (1, 2, 4)}


def test_bfloat16_replies_do_not_depend_on_the_chunk(by_chunk: dict[int, list[list[Any]]]) -> None:
    """Tokens, letters, likelihoods and gaps, bit for bit."""
    seen = {
        chunk: [
            [(r.token_ids, [s.logp for s in r.options], r.token_logps, r.gap) for r in row]
            for row in rows
        ]
        for chunk, rows in by_chunk.items()
    }
    assert seen[1] == seen[2] == seen[4]
