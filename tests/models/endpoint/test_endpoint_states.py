"""Hidden states from a server, as vLLM's plugin sends them; the real one: test_served_states."""

from __future__ import annotations

import base64
import builtins
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect import models
from selfcorrect.errors import UserError
from selfcorrect.models import Request, Site, message
from selfcorrect.models.endpoint.checked import BrokenError
from selfcorrect.models.endpoint.states import stream
from servers.loopback import answer
from servers.stub import LAYERS, TEXT, VLLM, Able, Stub, split, state

LAYER = (0, 3, 1)
BEFORE, FIRST = Site("residual", LAYER), Site("residual", (2,), "first_answer")
SAID = [message("system", "Be brief."), message("user", "One stone?")]


@contextmanager
def _served(able: Able) -> Iterator[tuple[Any, Stub]]:
    stub = Stub(able)
    model = models.load("openai:stub", base_url=stub.url)
    try:
        yield model, stub
    finally:
        model.close()
        stub.stop()


def _expected(tokens: list[str], site: Site, place: int) -> torch.Tensor:
    return torch.tensor([state(n, place, tokens[place]) for n in site.layers], dtype=torch.float32)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("able", [VLLM, TEXT], ids=["chat", "text"])
def test_states_are_those_of_the_tokens_that_are_named(able: Able, dtype: str) -> None:
    ends = [Site("residual", (1, 2), f"end_of_message:{k}") for k in (0, 1, -1)]
    with _served(replace(able, states=dtype)) as (model, stub):
        talk = model.open(1)
        for each in SAID:
            talk.say([each])
        sites = (BEFORE, FIRST, *ends)
        request = Request("Well (", 6, options=("a", "b"), states=sites)
        reply = talk.elicit([request])[0]
        sent = next(each for each in stub.requests if "vllm_xargs" in each and "Well" in str(each))
        # every other request, those for the options' likelihoods among them, asks for none
        assert sum("Well" in str(e) and "vllm_xargs" in e for e in stub.requests) == 1
    prompt = _prompt(sent)
    tokens = [*prompt, *split(reply.text)]
    assert reply.prompt_tokens == len(prompt)
    assert len(reply.options) == 2
    for site, place in [(BEFORE, len(prompt) - 1), (FIRST, len(prompt))]:
        assert torch.equal(reply.states[site], _expected(tokens, site, place))
    first, second, last = (int(reply.states[site][0, 1]) for site in ends)
    assert second == last
    assert "".join(prompt[: first + 1]).rstrip().endswith("Be brief.")
    assert "".join(prompt[: second + 1]).rstrip().endswith("stone?")


def _prompt(sent: dict[str, Any]) -> list[str]:
    if "prompt" in sent:
        context, _, begun = sent["prompt"].rpartition("Assistant:")
        return split(context + begun)
    *earlier, last = sent["messages"]
    context = "".join(f"<{m['role']}>{m['content']}" for m in earlier)
    return split(f"{context}<assistant>{last['content']}")


def test_a_later_round_and_a_reply_of_one_token() -> None:
    with _served(Able(states="float32")) as (model, _):
        talk = model.open(2)
        talk.say([SAID[1]] * 2)
        for _ in range(2):
            both = talk.elicit([Request("(", 1, states=(BEFORE, FIRST)), None])
            assert both[1] is None
            assert both[0].states[BEFORE].shape == (len(LAYER), 3)
            assert int(both[0].states[BEFORE][0, 1]) == both[0].prompt_tokens - 1
            assert FIRST not in both[0].states  # the token was never read
            talk.say([SAID[1], None])


@pytest.mark.parametrize(
    ("able", "sites", "told"),
    [
        (VLLM, (BEFORE,), "serve it by vLLM with the plugin vllm-lens"),
        (Able(strict=True), (BEFORE,), "serve it by vLLM with the plugin vllm-lens"),
        (Able(states="float32"), (Site("mlp", (0,)),), "the residual stream alone"),
        (Able(states="float32"), (Site("residual", (1, LAYERS)),), "of 1 of the layers 1, 4"),
        (Able(states="float32"), (Site("residual", (LAYERS,)),), "of 0 of the layers 4"),
        (Able(states="float32"), (Site("residual", (-1,)),), "no layer -1"),
        (Able(states="float32"), (Site("residual", (0,), "somewhere"),), "at 'somewhere'"),
        (
            Able(states="float32"),
            (Site("residual", (0,), "end_of_message:7"),),
            "the transcript has 1 messages",
        ),
        (
            Able(states="float32", tokenize=False),
            (Site("residual", (0,), "end_of_message:0"),),
            "doesn't tell the tokens",
        ),
        (
            Able(states="float32", usage=False),
            (BEFORE,),
            "reports no usage",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(able: Able, sites: tuple[Site, ...], told: str) -> None:
    with _served(able) as (model, _):
        talk = model.open(1)
        talk.say([SAID[1]])
        with pytest.raises(UserError, match=told):
            talk.elicit([Request("(", 2, states=sites)])


def test_states_of_another_width_are_a_broken_answer() -> None:
    with _served(Able(states="float32")) as (model, stub):
        stub.loopback.respond = lambda request: _wider(stub, request)
        talk = model.open(1)
        talk.say([SAID[1]])
        [reply] = talk.elicit([Request("(", 2, states=(BEFORE,))])
    assert reply.states[BEFORE].shape == (len(LAYER), 3)


def _wider(stub: Stub, request: Any) -> Any:
    """The stub's answer, hidden states doubled in width in every second one with three layers."""
    response = stub._respond(request)
    data = json.loads(response.raw)
    told = data.get("activations", {}).get("residual_stream")
    if told is None or told["shape"][0] < 3 or getattr(stub, "wider", False):
        return response
    stub.wider = True  # type: ignore[attr-defined]
    raw = zstandard.decompress(base64.b64decode(told["data"]))
    told["shape"][2] *= 2
    told["data"] = base64.b64encode(zstandard.compress(raw * 2)).decode()
    return answer(data)


def test_without_its_package_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "zstandard":
            raise ImportError(name)
        return real(name, *rest)

    with _served(Able(states="float32")) as (model, _):
        talk = model.open(1)
        talk.say([SAID[1]])
        monkeypatch.setattr(builtins, "__import__", missing)
        with pytest.raises(UserError, match=r"selfcorrect\[states\]"):
            talk.elicit([Request("(", 2, states=(BEFORE,))])


WORDS = st.integers(-(2**15), 2**15 - 1)


@settings(deadline=None, max_examples=40)
@given(st.lists(WORDS, min_size=1, max_size=12))
def test_bfloat16_comes_back_bit_for_bit(halves: list[int]) -> None:
    packed = np.array(halves, np.int16)
    told = {"dtype": "int16", "shape": [1, len(halves), 1], "compression": "zstd"}
    told["data"] = base64.b64encode(zstandard.compress(packed.tobytes())).decode()
    expected = torch.from_numpy(packed).view(torch.bfloat16).float().numpy()
    if not np.isfinite(expected).all():
        with pytest.raises(BrokenError, match="finite"):
            stream({"residual_stream": told}, 1, 12)
        return
    read = stream({"residual_stream": told}, 1, 12)
    np.testing.assert_array_equal(read[0, :, 0], expected)  # type: ignore[index]


@pytest.mark.parametrize(
    "change",
    [
        {"data": "!"},
        {"data": base64.b64encode(b"no zstd").decode()},
        {"data": None},
        {"shape": [1, 3, 1]},
        {"shape": [2]},
        {"shape": None},
        {"dtype": "object"},
        {"dtype": ["float32"]},
        {"shape": [1, -2, -1]},
        {"shape": [True, 2, 1]},
        {"shape": [1, 2.0, 1]},
        {"shape": [1, 2, 2**62]},
        {"shape": [2, 1, 1]},  # more layers than were asked for
        {"shape": [1, 1, 2], "dtype": "float16"},
        {"data": base64.b64encode(zstandard.compress(bytes(12))).decode()},
        {"data": base64.b64encode(zstandard.compress(b"\x00\x00\xc0\x7f" * 2)).decode()},  # NaN
        {"data": base64.b64encode(zstandard.compress(b"\x00\x00\x80\xff" * 2)).decode()},  # -inf
        {
            "dtype": "float64",
            "shape": [1, 1, 1],
            "data": base64.b64encode(zstandard.compress(np.array([1e300]).tobytes())).decode(),
        },
        {"compression": None},
    ],
)
def test_broken_states_are_broken_answers(change: dict[str, Any]) -> None:
    told: dict[str, Any] = {"dtype": "float32", "shape": [1, 2, 1], "compression": "zstd"}
    told["data"] = base64.b64encode(zstandard.compress(bytes(8))).decode()
    assert stream({"residual_stream": told}, 1, 2) is not None
    for broken in ({"residual_stream": told | change}, {"other": 1}, [1]):
        with pytest.raises(BrokenError):
            stream(broken, 1, 2)


def test_states_of_more_tokens_than_there_are_and_bombs_are_broken() -> None:
    def told(shape: list[int], raw: bytes) -> dict[str, Any]:
        data = base64.b64encode(zstandard.compress(raw)).decode()
        about = {"dtype": "float32", "shape": shape, "compression": "zstd", "data": data}
        return {"residual_stream": about}

    with pytest.raises(BrokenError, match="a size of the hidden states is 3"):
        stream(told([1, 3, 1], bytes(12)), 1, 2)
    with pytest.raises(BrokenError, match="bytes that would be"):
        stream(told([1, 2000, 2**15], bytes(8)), 1, 2000)
