"""Likelier sentences: against a plain pass of transformers, and planted preferences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from commands import printed
from selfcorrect.errors import UserError
from selfcorrect.evaluation import preference, stereoset
from selfcorrect.evaluation.bias import bias
from selfcorrect.evaluation.neutral import Surprise, per_token, perplexity, surprise
from selfcorrect.evaluation.own_pairs import own_pairs
from selfcorrect.evaluation.pairs import Pair, Pairs, joined, read_pairs, template
from selfcorrect.evaluation.preference import ScoredPair
from selfcorrect.evaluation.sheet import sheet
from selfcorrect.measures.intervals import FEW
from selfcorrect.models import load
from selfcorrect.models.scored import untold
from servers.stub import CLOUD, TEXT, VLLM, Able, served, text_logp

CROWS = Path(__file__).parents[3] / "shared/data/crows-pairs.csv"
_LINE = ",sent_more,sent_less,stereo_antistereo,bias_type\n"


def _crows() -> Path:
    for file in (CROWS, Path("/work/shared/data/crows-pairs.csv")):
        if file.is_file():
            return file
    pytest.skip("CrowS-Pairs is not here")


def plainly(network: Any, tokenizer: Any, begin: int, text: str) -> tuple[list[int], list[float]]:
    """A text's tokens and their log p, as everyone would write it first."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = network(torch.tensor([[begin, *ids]])).logits[0].double()
    logps = torch.log_softmax(logits, -1)
    return ids, [float(logps[at, token]) for at, token in enumerate(ids)]


@pytest.mark.parametrize("kind", ["llama", "mistral", "gpt2", "mamba"])
def test_texts_are_as_likely_as_in_a_plain_pass(kind: str) -> None:
    model = tiny.model(kind)
    texts = ["What is the capital?", "nobody knows", "a", "", "the grandson " * 20, "<|im_end|>"]
    found = model.scored(texts, 400, untold)
    for text, each in zip(texts[:5], found, strict=False):
        ids, logps = plainly(model.twin, model.vocabulary.tokenizer, 1, text)  # type: ignore[attr-defined]
        assert each is not None
        assert each.keys == tuple(ids)
        assert each.logps == pytest.approx(logps, abs=1e-4)
    assert found[5] is not None
    assert len(found[5].keys) > 1  # a text, not an end
    assert model.scored(texts[4:5], 10, untold) == [None]


def _checked_plainly(model: Any, begin: int, pairs: Sequence[Pair]) -> None:
    """Both versions of each pair, against a plain pass of transformers and difflib."""
    tokenizer, network = model.vocabulary.tokenizer, model.twin
    ours, theirs = [], []
    for each in preference.scored_pairs(model, pairs):
        assert each is not None
        a, b = (plainly(network, tokenizer, begin, t) for t in (each.pair.more, each.pair.less))
        same = SequenceMatcher(None, a[0], b[0], autojunk=False).get_matching_blocks()
        shared = sum(sum(a[1][x.a : x.a + x.size]) - sum(b[1][x.b : x.b + x.size]) for x in same)
        ours.append([each.whole, each.shared])
        theirs.append([sum(a[1]) - sum(b[1]), shared])
    one, other = np.array(ours), np.array(theirs)
    assert np.abs(one - other).max() < 1e-3  # of some 40 tokens in float32
    assert one.mean(0) == pytest.approx(other.mean(0), abs=1e-4)
    assert ((one > 0) == (other > 0)).all()


def test_pairs_are_as_in_a_plain_pass() -> None:
    _checked_plainly(tiny.model("llama"), 1, own_pairs().items[::20])


@pytest.mark.slow
def test_crows_pairs_on_the_bundled_model_are_as_in_a_plain_pass(smollm2: Any) -> None:
    begin = smollm2.vocabulary.tokenizer.bos_token_id
    _checked_plainly(smollm2, begin, read_pairs(_crows()).items[::260])


def test_crows_pairs_are_read_whole() -> None:
    pairs = read_pairs(_crows())
    assert len(pairs.items) + pairs.equal == 1508
    assert len({p.category for p in pairs.items}) == 9
    assert {p.direction for p in pairs.items} == {"stereo", "antistereo"}
    assert 1_300 < len({p.cluster for p in pairs.items}) < 1_508
    assert 100 < sum(not p.minimal for p in pairs.items) < 700


def test_templates_and_clusters() -> None:
    assert template("He said he was late.", "She said he was late.") == ("… said he was late .", 1)
    assert template("John lost his keys.", "Mary lost her keys.")[1] == 2
    one = Pair("1", "He ran.", "She ran.", "gender", "stereo", "… ran .", True)
    two = Pair("2", "she  ran.", "They ran.", "gender", "stereo", "x", True)
    three = Pair("3", "It rains.", "It pours.", "x", "stereo", "y", True)
    assert [p.cluster for p in joined([one, two, three])] == ["… ran .", "… ran .", "y"]
    assert len({p.cluster for p in joined(own_pairs().items)}) == 32


def _planted(share: float, frequency: float, n: int = 400) -> tuple[Pairs, list[Any]]:
    """Pairs whose preference leans to the stereotype in a share, and to one group's words."""
    rng = np.random.default_rng(1)
    items, scored = [], []
    for at in range(n):
        direction = "stereo" if at % 2 else "antistereo"
        pair = Pair(
            str(at), f"a{at}", f"b{at}", "x" if at % 3 else "y", direction, str(at), at % 5 > 0
        )
        gap = (1 if rng.random() < share else -1) + frequency * (1 if at % 2 else -1)
        items.append(pair)
        scored.append(ScoredPair(pair, gap, gap, even=at % 7 > 0))
    return Pairs("made", items), scored


def test_what_is_planted_is_found_and_frequency_alone_is_not_a_leaning() -> None:
    found = preference.measured(*_planted(0.7, 0.0))
    e = found["versions"]["whole"]["share"]
    assert e["low"] < 0.7 < e["high"]
    assert found["faults"] == {"not_minimal": 80, "uneven": 58, "either": 126}
    assert found["versions"]["whole-clean"]["share"]["n"] == 400 - 126
    assert "it leans towards the stereotype." in _said(found)
    lean = preference.measured(*_planted(0.5, 5.0))["versions"]["whole"]
    assert lean["directions"]["stereo"]["value"] == 1
    assert lean["directions"]["antistereo"]["value"] == 0
    assert lean["balanced"]["value"] == pytest.approx(0.5)


def _said(found: dict[str, Any]) -> str:
    about = {"model": "m", "fingerprint": "f", "shown": "text", "data": "d", "digest": "x"}
    return sheet({**about, **found}).findings[0]


def test_one_group_s_likelier_words_are_no_leaning_where_directions_are_unequal() -> None:
    """Rival: no preference, and one group's words likelier everywhere. CrowS-Pairs has six times as
    many pairs of one direction as of the other."""
    made, scored = _planted(0.5, 0.0)
    of = [at for at in range(400) if at % 2 or at % 12 == 0]
    rng = np.random.default_rng(2)
    for at in of:
        gap = 1.0 if rng.random() < (0.7 if at % 2 else 0.3) else -1.0
        scored[at] = replace(scored[at], shared=gap, whole=gap)
    pairs = Pairs("made", [made.items[at] for at in of])
    found = preference.measured(pairs, [scored[at] for at in of])
    assert found["versions"]["whole"]["share"]["low"] > 0.5
    assert "no leaning can be said from that: it is " in _said(found)
    one = Pairs("made", [pair for pair in pairs.items if pair.direction == "stereo"])
    found = preference.measured(one, [scored[int(pair.id)] for pair in one.items])
    assert "all are of one direction" in _said(found)
    four = [replace(pair, cluster=str(int(pair.id) % 4)) for pair in made.items]
    found = preference.measured(Pairs("made", four), _planted(0.95, 0.0)[1])
    assert "nothing can be told from so few" in _said(found)


def test_the_published_score_is_said_beside_and_that_it_says_otherwise() -> None:
    made, scored = _planted(0.9, 0.0)
    other = [replace(each, shared=-each.whole) for each in scored]
    for given, decides in ((scored, False), (other, True)):
        about = {"model": "m", "fingerprint": "f", "shown": "text", "data": "d", "digest": "x"}
        said = sheet({**about, **preference.measured(made, given)}).findings[1]
        assert said.startswith("By the tokens that both sentences have, the published score")
        assert ("the two scores don't say the same" in said) == decides


def test_what_rounding_makes_is_a_tie() -> None:
    made, scored = _planted(0.7, 0.0)
    noisy = [replace(each, whole=(-1) ** at * 3e-6) if at < 40 else each
             for at, each in enumerate(scored)]  # fmt: skip
    exact = [replace(each, whole=0.0) if at < 40 else each for at, each in enumerate(scored)]
    one, other = (preference.measured(made, given)["versions"]["whole"] for given in (noisy, exact))
    assert one["ties"] == other["ties"] == 40
    assert one["share"] == other["share"]


def test_where_every_pair_goes_one_way_equal_weight_has_an_interval() -> None:
    made, scored = _planted(1.0, 0.0, 40)
    e = preference.measured(made, scored)["versions"]["whole"]["balanced"]
    assert e["value"] == e["high"] == 1
    assert 0.8 < e["low"] < 0.95


@pytest.mark.slow
def test_at_equal_weight_the_interval_holds_the_truth_and_no_more() -> None:
    rng, inside, runs = np.random.default_rng(3), 0, 2_000
    directions = np.repeat(["stereo", "antistereo"], [300, 50])
    for _ in range(runs):
        likes = (rng.random(350) < 0.6).astype(float)
        e = preference._balanced(likes, directions, np.arange(350))
        assert e.low is not None
        assert e.high is not None
        inside += e.low < 0.6 < e.high
    assert 0.94 <= inside / runs <= 0.97


def _ends(found: Any) -> list[dict[str, Any]]:
    """Every estimate of a share in a table."""
    if isinstance(found, dict):
        own = [found] if {"value", "low", "high"} <= set(found) else []
        return own + [e for name, each in found.items() if name != "gap" for e in _ends(each)]
    return []


@pytest.mark.parametrize("n", [2, 3, 4, 12])
def test_of_few_pairs_no_interval_is_impossible_or_absurd(n: int) -> None:
    """Shares stay between 0 and 1; a mean in nats has no interval below five clusters."""
    pairs, scored = _planted(0.7, 0.3, n)
    found = preference.measured(pairs, scored)
    json.dumps(found, allow_nan=False)
    shares = _ends(found["versions"])
    for e in shares:
        assert e["low"] is None or 0 <= e["low"] <= e["value"] <= e["high"] <= 1
    for of in found["versions"].values():
        gap, balanced = of["gap"], of["balanced"]
        few = gap["clusters"] < 5
        assert (gap["low"] is None) == few
        if few and gap["n"] > 1:
            assert gap["why"] == FEW
        assert balanced["low"] is None or balanced["clusters"] >= 5
    about = {"data": "these", "model": "m", "fingerprint": "f", "digest": "d", "shown": "text"}
    said = sheet({**found, **about})
    assert ("nothing can be told from so few clusters" in said.findings[0]) == (n < 5)
    notes = [table.note for table in said.sections[0].parts]
    assert ("too few for an interval" in notes[0]) == (n < 5)


def test_equal_weight_of_both_directions_is_the_mean_of_their_shares() -> None:
    pairs, scored = _planted(0.7, 1.0, 90)
    of = preference.measured(pairs, scored)["versions"]["whole"]
    each = [e["value"] for e in of["directions"].values()]
    assert of["balanced"]["value"] == pytest.approx(sum(each) / 2)


def _stereoset(folder: Path, items: int = 12) -> Path:
    made = [
        {
            "id": f"i{n}",
            "target": f"t{n // 2}",
            "bias_type": "gender",
            "context": "Who is it?",
            "sentences": [
                {"sentence": text, "id": f"{n}{label}", "gold_label": label}
                for label, text in (
                    ("stereotype", "the grandfather and the grandson"),
                    ("anti-stereotype", f"x{n} zq vk"),
                    ("unrelated", f"q{n}q jjj zzz xxq"),
                )
            ],
        }
        for n in range(items)
    ]
    file = folder / "stereoset.json"
    file.write_text(
        json.dumps({"version": "1", "data": {"intrasentence": made, "intersentence": made}})
    )
    return file


def test_stereoset_is_scored_per_token_and_after_the_context(tmp_path: Path) -> None:
    model = tiny.model("llama")
    items = stereoset.read_items(_stereoset(tmp_path))
    values = stereoset.scores(model, items)
    tokenizer, twin = model.vocabulary.tokenizer, model.twin  # type: ignore[attr-defined]
    ids, logps = plainly(twin, tokenizer, 1, items[0].texts[0])
    assert values[0, 0] == pytest.approx(sum(logps) / len(ids), abs=1e-4)
    after = len(tokenizer("Who is it?", add_special_tokens=False)["input_ids"])
    ids, logps = plainly(twin, tokenizer, 1, f"Who is it? {items[12].texts[0]}")
    assert values[12, 0] == pytest.approx(sum(logps[after:]) / (len(ids) - after), abs=1e-4)
    made = np.array([[0.0, -1.0, -2.0]] * 12 + [[-1.0, 0.0, -2.0]] * 12)
    found = stereoset.measured(items, made)
    assert (found["ss"]["value"], found["lms"]["value"], found["icat"]["value"]) == (0.5, 1.0, 1.0)
    assert found["groups"]["intersentence"]["ss"]["value"] == 0.0


def test_perplexity_is_that_of_all_tokens_with_an_interval_over_texts() -> None:
    model = tiny.model("llama")
    texts = ["What is the capital?", "nobody knows", "the best answer is (b)"]
    found = surprise(model, texts)
    nll = sum(sum(plainly(model.twin, model.vocabulary.tokenizer, 1, t)[1]) for t in texts)  # type: ignore[attr-defined]
    e = perplexity(found)
    assert e.value == pytest.approx(np.exp(-nll / found.tokens.sum()), rel=1e-4)
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        tokens = rng.integers(5, 40, 60).astype(float)
        e = per_token(0.3 * tokens + rng.normal(0, 2, 60), tokens)
        assert e.low is not None
        assert e.high is not None
        inside += e.low < 0.3 < e.high
    assert 182 <= inside <= 199
    nobody = per_token(np.array([np.nan]), np.array([3.0]))
    assert (nobody.value, nobody.n) == (None, 0)
    assert Surprise(np.zeros(1), np.ones(1)).logps[0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_LINE + "1,He ran.,She ran.,both,gender\n", "must be stereo or antistereo"),
        (_LINE + "1,He ran.,,stereo,gender\n", "'sent_less' is (empty|missing)|missing"),
        (_LINE + "1,He ran.,He ran.,stereo,gender\n", "no pair of two sentences"),
        ("a,b\n1,2\n", "'sent_more' is missing"),
        ('{"data": {"intrasentence": [{"id": 1}]}}', "item 0 of intrasentence is bad"),
        ('{"data": {"intrasentence": []}}', "no items"),
    ],
)
def test_bad_files_are_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / ("pairs.json" if text.startswith("{") else "pairs.csv")
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        bias(tiny.model("llama"), file)


def test_a_model_that_tells_no_likelihoods_and_a_file_that_is_not_there() -> None:
    with pytest.raises(UserError, match="doesn't tell how likely texts are"):
        bias(load("planted:chain"))
    with pytest.raises(UserError, match="there is no file"):
        bias(tiny.model("llama"), "nowhere.csv")


def test_the_command_shows_both_versions(tmp_path: Path) -> None:
    model = tiny.model("llama")
    folder = tmp_path / "model"
    model.engine.network.save_pretrained(folder)
    model.vocabulary.tokenizer.save_pretrained(folder)
    file = tmp_path / "pairs.csv"
    lines = "".join(f"{n},the grandfather {n},the grandson {n},stereo,age\n" for n in range(9))
    file.write_text(_LINE + lines + "9,be kind to the user,nobody is kind,antistereo,gender\n")
    page = tmp_path / "page.html"
    said = " ".join(printed("bias", "--model", folder, "--data", file, "--page", page).split())
    assert "of 10 have a known fault: 1 differ in several places" in said
    assert page.is_file()
    found = json.loads(printed("bias", "--model", folder, "--data", file, "--json"))
    assert set(found["versions"]) == set(preference.VERSIONS)
    assert found["versions"]["whole-clean"]["categories"]["gender"]["share"]["n"] == 0


@pytest.mark.parametrize("able", [VLLM, TEXT], ids=["prompt_logprobs", "echo"])
def test_a_served_model_scores_texts_as_replies(able: Able) -> None:
    with served(able) as (model, _):
        (found,) = model.scored(["He ran off."], 100, untold)
        assert model.scored(["He ran off."], 1, untold) == [None]
        assert model.scored_as == "reply"
    context, text = "<user>Write one sentence.<assistant>", "He ran off."
    if not able.chat:
        context, text = "User: Write one sentence.\n\n", " He ran off."
    assert found is not None
    assert found.total == pytest.approx(text_logp(context, "", text))


def test_a_server_without_prompt_logprobs_is_a_sentence() -> None:
    with served(CLOUD) as (model, _), pytest.raises(UserError, match="reports no prompt logprobs"):
        bias(model)
