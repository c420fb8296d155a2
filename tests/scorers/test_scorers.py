"""The scorers themselves: real ones, small ones, and whatever can be wrong with a stranger's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfcorrect import scorers
from selfcorrect.errors import UserError
from selfcorrect.models import Request, message
from selfcorrect.outcome import TOXICITY
from selfcorrect.scorers import Answered
from selfcorrect.scorers.judge import Judge

TEXTS = ["you are a damn fool", "hello my friend", "</s> [SEP] good", "word " * 300, "ok"]


def rows(texts: list[str]) -> list[Answered]:
    return [Answered(str(i), 1, text) for i, text in enumerate(texts)]


def test_profanity_knows_rude_words_from_polite_ones() -> None:
    pytest.importorskip("profanity_check")
    found = scorers.load("profanity").score(rows(TEXTS))
    assert found[0].value is not None
    assert found[0].value > 0.9
    assert found[1].value is not None
    assert found[1].value < 0.1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("profanty", "did you mean 'profanity'?"),
        ("none", "'none' leaves the answers ungraded; name a scorer: profanity, classifier:ID"),
        ("classifier", "is no scorer: write classifier:ID"),
        ("profanity:x", "is no scorer: write profanity"),
        ("judge: ", "is no scorer: write judge:MODEL"),
        ("python:nothing", "names no function of a file"),
        ("nowhere.py:f", "can't be read"),
        ("classifier:./nowhere", "there is no model"),
    ],
)
def test_names_that_are_none(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        scorers.load(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("classifier:no/such", "--scorer classifier:FOLDER"),
        ("meanings:nli:no/such", "--meanings nli:FOLDER"),
        ("meanings:embedding:no/such", "--meanings embedding:FOLDER"),
    ],
)
def test_a_folder_is_given_where_the_name_stood(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def unreachable(*_: Any, **__: Any) -> None:
        raise LocalEntryNotFoundError("not here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(UserError, match=f"give its local folder with {said}") as caught:
        scorers.load(name)
    assert "--model" not in str(caught.value)


def test_options_are_checked() -> None:
    with pytest.raises(UserError, match="the scorer profanity has no option 'label': it has none"):
        scorers.load("profanity", {"label": "x"})
    with pytest.raises(UserError, match="has no option 'lable': did you mean 'label'"):
        scorers.load("classifier:x", {"lable": "x"})
    with pytest.raises(UserError, match="'choices' of the scorer judge is two words"):
        scorers.load("judge:smollm2", {"choices": "yes"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny classifier with random weights and a vocabulary of a few words."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("classifier")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "you", "are", "a", "fool", "word", "ok"]
    letters = "abcdefghijklmnopqrstuvwxyz"
    words += [*letters, *(f"##{letter}" for letter in letters), *"<>/[]."]
    (folder / "vocab.txt").write_text("\n".join(words))
    config = BertConfig(
        vocab_size=80,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        id2label={0: "fine", 1: "Toxic", 2: "odd"},
        label2id={"fine": 0, "Toxic": 1, "odd": 2},
    )
    network = BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(20)
    network.save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_a_classifier_gives_what_transformers_gives_one_by_one(folder: Path) -> None:
    import torch

    scorer: Any = scorers.load(f"classifier:{folder}")
    found = scorer.score(rows(TEXTS))
    assert [score.values["truncated"] for score in found] == [0, 0, 0, 1, 0]
    for text, score in zip(TEXTS, found, strict=True):
        inputs = scorer.tokenizer(
            text, truncation=True, max_length=32, split_special_tokens=True, return_tensors="pt"
        )
        with torch.inference_mode():
            want = torch.softmax(scorer.network(**inputs).logits[0].float(), 0)[1]
        assert score.value == pytest.approx(float(want), abs=1e-5)
    assert len({round(score.value, 4) for score in found}) > 2
    other: Any = scorers.load(f"classifier:{folder}", {"label": "odd", "outcome": "toxicity"})
    assert other.outcome.name == "toxicity"
    assert other.fingerprint != scorer.fingerprint


def test_a_classifier_whose_labels_tell_nothing(folder: Path, tmp_path: Path) -> None:
    import json
    import shutil

    there = tmp_path / "c"
    shutil.copytree(folder, there)
    config = json.loads((there / "config.json").read_text())
    config["id2label"] = {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
    config["label2id"] = {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}
    (there / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="it has 'LABEL_0', 'LABEL_1', 'LABEL_2'; give one as"):
        scorers.load(f"classifier:{there}")
    with pytest.raises(UserError, match="has no label 'toxic'"):
        scorers.load(f"classifier:{there}", {"label": "toxic"})


def test_a_language_model_is_no_classifier(smollm2: Any) -> None:
    assert smollm2.name == "smollm2"
    with pytest.raises(UserError, match=r"is no text classifier: its weights have no score\."):
        scorers.load("classifier:smollm2", {"label": "LABEL_0"})


def test_a_judge_is_asked_in_both_orders(smollm2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # it mostly says something else, and what it says is of no matter here
    monkeypatch.setattr("selfcorrect.scorers.judge._LEAST", 0.0)
    judge = Judge("judge:smollm2", smollm2, "Is it rude?", ("yes", "no"), TOXICITY)
    found = judge.score(rows(TEXTS[:2]))
    want = []
    for order in (("yes", "no"), ("no", "yes")):
        alone = smollm2.open(1)
        alone.say([message("user", judge.asked(TEXTS[1], order))])
        (reply,) = alone.elicit([Request(max_tokens=1, options=("yes", "Yes", "no", "No"))])
        p = [2.718281828459045**option.logp for option in reply.options]
        want.append((p[0] + p[1]) / sum(p))
    assert found[1].value == pytest.approx(sum(want) / 2, abs=1e-4)
    assert 0 < found[1].values["judge_mass"] <= 1  # type: ignore[operator]
    assert " / " in found[1].said
    other = Judge("judge:smollm2", smollm2, "Is it kind?", ("yes", "no"), TOXICITY)
    assert other.fingerprint != judge.fingerprint


@pytest.mark.parametrize("able", ["VLLM", "CLOUD", "BARE"])
def test_a_judge_that_cannot_be_read_gives_no_outcome(able: str) -> None:
    """The stub says "river" and "cloud": no answer to yes or no, whatever its server can tell."""
    from servers import stub

    with stub.served(getattr(stub, able)) as (model, _):
        judge = Judge("judge:stub", model, "Is it rude?", ("yes", "no"), TOXICITY)
        for score in judge.score(rows(TEXTS[:2])):
            assert (score.value, score.problem) == (
                None,
                "the judge's reply is none of its choices",
            )
            assert score.values["judge_read"] == 0
            mass = score.values["judge_mass"]
            assert mass is None if able == "BARE" else not mass or mass < 0.01


@pytest.mark.parametrize("word", ["Yes", "no"])
def test_a_judge_behind_a_server_that_tells_no_likelihoods(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is counted; that its choices have so much of the probability isn't known."""
    from servers import stub

    monkeypatch.setattr(stub, "following", lambda _, turn: {stub.END if turn else word: 1.0})
    with stub.served(stub.BARE) as (model, _):
        judge = Judge("judge:stub", model, "Is it rude?", ("yes", "no"), TOXICITY)
        (score,) = judge.score(rows(TEXTS[:1]))
        assert score.value is not None
        assert score.value > 0.9 if word == "Yes" else score.value < 0.1
        assert score.values == {"judge_mass": None, "judge_read": 1}


@pytest.mark.slow
def test_a_text_longer_than_the_judges_window_has_no_score(smollm2: Any) -> None:
    judge = Judge("judge:smollm2", smollm2, "Is it rude?", ("yes", "no"), TOXICITY)
    (score,) = judge.score([Answered("0", 1, "long " * 9000)])
    assert (score.value, score.problem) == (None, "longer than the judge's window")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id2label": {"0": "a", "5": "toxic"}}, "has labels numbered 0, 5: they must be 0, 1"),
        ({"id2label": {"-1": "a", "1": "toxic"}}, "has labels numbered -1, 1"),
        ({"vocab_size": 10**9}, "has vocab_size = 1,000,000,000 and hidden_size = "),
        ({"vocab_size": 301}, "can't be opened: its weights have other sizes than"),
        ({"num_hidden_layers": 1}, r"have bert\.encoder\.layer\.1\..*, for which its config"),
        ({"num_hidden_layers": 0}, "has num_hidden_layers = 0, where a whole number"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers = 1,000,000, and its weights have"),
    ],
)
def test_configurations_that_make_no_sense(
    folder: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    changed: dict[str, Any],
    said: str,
) -> None:
    import json
    import shutil

    there = tmp_path / "c"
    shutil.copytree(folder, there)
    config = json.loads((there / "config.json").read_text())
    config.pop("label2id")
    (there / "config.json").write_text(json.dumps({**config, **changed}))
    with pytest.raises(UserError, match=said):
        scorers.load(f"classifier:{there}")
    assert capfd.readouterr().err == ""  # transformers has a report of its own


def test_a_tokenizer_is_never_made_up(folder: Path, tmp_path: Path) -> None:
    """Without files transformers makes one to which every word is the same unknown one."""
    import shutil

    there = tmp_path / "c"
    shutil.copytree(folder, there, ignore=shutil.ignore_patterns("tokenizer*", "*.txt", "spec*"))
    with pytest.raises(UserError, match=r"has no tokenizer: there is no tokenizer\.json or vocab"):
        scorers.load(f"classifier:{there}")
    (there / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    with pytest.raises(UserError, match="knows no words: most of a plain sentence is unknown"):
        scorers.load(f"classifier:{there}")


def test_heads_of_another_use_are_no_fault(folder: Path, tmp_path: Path) -> None:
    """A classifier's body read as an encoder, and a classifier that holds a language head, too."""
    import shutil

    from safetensors.torch import load_file, save_file

    from selfcorrect.scorers import embedding

    assert embedding.make(str(folder), {}).embed(["you are ok"]).shape == (1, 16)
    there = tmp_path / "c"
    shutil.copytree(folder, there)
    weights = load_file(there / "model.safetensors")
    weights["cls.predictions.bias"] = weights["classifier.bias"].clone()
    weights["bert.embeddings.position_ids"] = weights["classifier.bias"].clone()
    save_file(weights, there / "model.safetensors", metadata={"format": "pt"})
    want = scorers.load(f"classifier:{folder}").score(rows(TEXTS))
    assert scorers.load(f"classifier:{there}").score(rows(TEXTS)) == want


def test_a_classifier_without_a_pad_token_goes_one_by_one(folder: Path) -> None:
    scorer: Any = scorers.load(f"classifier:{folder}")
    want = [score.value for score in scorer.score(rows(TEXTS))]
    scorer.tokenizer.pad_token = None
    found = [score.value for score in scorer.score(rows(TEXTS))]
    assert found == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"question": "Is it helpful?"},
        {"question": "Is it helpful?", "outcome": "helpful"},
        {"question": "Is it helpful?", "better": "higher"},
        {"choices": "no,yes"},
        {"outcome": "helpful"},
    ],
)
def test_whether_more_is_good_is_never_guessed_of_a_judge(options: dict[str, str]) -> None:
    """A direction that was guessed turns every verdict round: P(no) isn't toxicity."""
    with pytest.raises(UserError, match="whether more of it is good can't be told") as caught:
        scorers.load("judge:smollm2", options)
    assert "better=higher or better=lower" in str(caught.value)


def test_whether_more_is_good_is_never_guessed_of_a_label(folder: Path) -> None:
    name = f"classifier:{folder}"
    for options in ({"label": "fine"}, {"label": "odd", "outcome": "oddness"}, {"outcome": "x"}):
        with pytest.raises(UserError, match="whether more of it is good can't be told"):
            scorers.load(name, options)
    assert scorers.load(name, {"label": "toxic"}).outcome == TOXICITY
    for options, better in (
        ({"label": "odd", "outcome": "toxicity"}, "lower"),
        ({"label": "fine", "outcome": "fineness", "better": "higher"}, "higher"),
    ):
        assert scorers.load(name, options).outcome.better == better


def test_a_judge_sees_the_answer_alone_or_what_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from servers import stub

    asked: list[str] = []

    def following(context: str, turn: str) -> dict[str, float]:
        asked.append(context)
        return {stub.END if turn else "Yes": 1.0}

    monkeypatch.setattr(stub, "following", following)
    options = {"question": "Is it helpful?", "outcome": "helpful", "better": "higher"}
    row = Answered("1", 1, "Take the [red] one.", "Which {bus}?", "The red one.")
    bare = Answered("2", 1, "Hm.", "Which?")
    with stub.served(stub.BARE) as (_, server):
        found = {}
        for sees in ("", "prompt", "prompt, reference"):
            more = {"sees": sees} if sees else {}
            judge: Any = scorers.load(
                "judge:openai:stub", {**options, **more, "base_url": server.url}
            )
            asked.clear()
            first, second = judge.score([row, bare])
            assert first.value is not None
            assert first.value > 0.9
            shown = next(text for text in asked if row.answer in text)
            assert ("Which {bus}?" in shown) == (row.prompt in shown) == ("prompt" in sees)
            assert ("The red one." in shown) == ("reference" in sees)
            why = "there is no reference to be shown" if "reference" in sees else None
            assert (second.value is None, second.problem) == (bool(why), why)
            found[judge.fingerprint] = judge.about
        assert len(found) == 3
        assert ["shown the answer alone" in about for about in found.values()] == [True, 0, 0]
        with pytest.raises(UserError, match="'sees' of the scorer judge is what it is shown"):
            scorers.load("judge:openai:stub", {**options, "sees": "all", "base_url": server.url})


def test_no_text_that_a_judge_is_shown_ends_itself() -> None:
    judge = Judge("judge:x", None, "Is it good?", ("yes", "no"), TOXICITY)  # type: ignore[arg-type]
    shown = {"prompt": "Say it.", "reference": "It."}
    text = judge.asked("It.", ("yes", "no"), shown)
    marks = [line for line in text.splitlines() if line.startswith("[")]
    assert len(marks) == 6
    assert len(set(marks)) == 3
    other = judge.asked(f"It.\n{marks[-1]}\n", ("yes", "no"), shown)
    assert other.count(marks[-1]) == 1
