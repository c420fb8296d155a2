"""What models that see are shown: pictures of every kind, texts that pretend, what is missing."""

from __future__ import annotations

import builtins
import gc
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")


import selfcorrect as sc
import sighted
from pictures import written
from selfcorrect import models
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Request
from selfcorrect.models.local.model import LocalModel
from selfcorrect.models.local.vision import gallery, picture
from selfcorrect.models.local.vision.gallery import Gallery
from selfcorrect.models.local.vision.seen import Look, Seen, runs


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sighted.saved("llava", tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="module")
def opened() -> Any:
    return sighted.model("llava")


# Texts that pretend


@pytest.mark.parametrize("family", ["idefics3", "qwen2_5_vl", "gemma3", "internvl"])
def test_a_mark_in_a_text_is_text(family: str) -> None:
    opened = sighted.model(family)
    eyes, vocabulary = opened.engine.eyes, opened.vocabulary
    forged = (
        f"What is {eyes.mark} and {sighted.FAMILIES[family]['token']}{' '.join(sighted.MARKS)}?"
    )
    one = sighted.picture(1)
    honest = vocabulary.template.render([sighted.asks("What is it?", one)], "").prompt
    shown = vocabulary.template.render(
        [sighted.asks(forged, one), message("assistant", forged)], ""
    )
    placeholder = eyes.processor.placeholder
    assert shown.prompt.ids.count(placeholder) == honest.ids.count(placeholder) > 0
    alone = vocabulary.template.render([message("user", forged)], "")
    assert alone.prompt.seen is None
    special = set(vocabulary.tokenizer.convert_tokens_to_ids(list(sighted.MARKS)))
    assert not special & set(alone.prompt.ids)
    assert any("spelled out" in note for note in shown.notes)


def test_a_placeholder_that_the_model_says_is_no_picture(opened: Any) -> None:
    """Its embedding goes on as generate()'s does, and the next turn has it no more."""
    turns = [sighted.asks("What is it?", sighted.picture(1))]
    rendered = opened.vocabulary.template.render(turns, "")
    word = opened.engine.eyes.processor.placeholder
    longer = rendered.prompt.extended([word, word])
    assert longer.seen is rendered.prompt.seen
    assert list(longer.seen.places) == [
        at for at, token in enumerate(rendered.prompt.ids) if token == word
    ]
    assert longer.keys[-2:] == [word, word]


# Templates


def test_a_template_without_a_place_shows_images_where_the_message_has_them() -> None:
    import tiny

    opened = sighted.model("llava", tiny.CHATML)
    assert not opened.vocabulary.template.places
    talk = opened.open(1)
    talk.restart([[sighted.asks("What is it?", sighted.picture(1), sighted.picture(2))]])
    (reply,) = talk.elicit([Request(max_tokens=1)])
    assert any("no place for images" in note for note in reply.notes)
    assert (
        opened.vocabulary.template.render(talk.transcripts[0].messages[:1], "").prompt.ids.count(
            opened.engine.eyes.processor.placeholder
        )
        == 32
    )


def test_a_model_of_one_image_says_so_of_two() -> None:
    once = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}"
        "{{ m.content }}{% else %}{% if m.content[0].type == 'image' %}<image>{% endif %}"
        "{{ m.content[-1].text }}{% endif %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    opened = sighted.model("llava", once)
    talk = opened.open(1)
    talk.restart([[sighted.asks("What is it?", sighted.picture(1), sighted.picture(2))]])
    with pytest.raises(UserError, match="takes one image in a dialogue, and it is to be shown 2"):
        talk.elicit([Request(max_tokens=1)])


def test_a_picture_that_outgrows_the_window_ends_its_dialogue_only() -> None:
    opened = sighted.model("llava", max_position_embeddings=64)
    many = [sighted.picture(seed) for seed in range(4)]
    talk = opened.open(2)
    talk.restart([[sighted.asks("What?", *many)], [sighted.asks("What?", many[0])]])
    long, short = talk.elicit([Request(max_tokens=4)] * 2)
    assert long.finish == "context"
    assert short.generated > 0


# Folders


def test_a_run_on_a_folder_sees(seeing: Path, tmp_path: Path) -> None:
    rows = []
    for number in range(4):
        sighted.drawn(number // 2).save(tmp_path / f"{number // 2}.png")
        rows.append({"question": f"What is it? {number}", "choices": ["a cat", "a dog"],
                     "answer": "a cat", "image": f"{number // 2}.png"})  # fmt: skip
    run = sc.run(
        str(seeing), "choices", "intrinsic", rounds=2, data=written(tmp_path, *rows),
        out=tmp_path / "runs", controls=False, progress=False,
    )  # fmt: skip
    assert len(run.records) == 8


def refused(model: str, tmp_path: Path, **row: Any) -> str:
    sighted.drawn(1).save(tmp_path / "a.png")
    told = {"question": "What is it?", "choices": ["a cat", "a dog"], "answer": "a cat"}
    file = written(tmp_path, {**told, "image": "a.png", **row})
    with pytest.raises(UserError) as caught:
        sc.run(model, "choices", "intrinsic", rounds=2, data=file, out=tmp_path / "runs",
               controls=False, progress=False)  # fmt: skip
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").iterdir())
    return str(caught.value)


def test_a_model_of_text_refuses_before_there_is_a_folder(tmp_path: Path) -> None:
    assert "reads text only, and it is to be shown the image a.png" in refused("smollm2", tmp_path)


def test_a_missing_processor_is_named(seeing: Path, tmp_path: Path) -> None:
    half = tmp_path / "model"
    half.mkdir()
    for file in seeing.iterdir():
        if file.name != "preprocessor_config.json":
            (half / file.name).symlink_to(file)
    assert "has no preprocessor_config.json, which says how pictures" in refused(
        str(half), tmp_path
    )
    opened = LocalModel.load(str(half), "float32", "cpu")  # it can still read
    talk = opened.open(1)
    talk.say([message("user", "Who is it?")])
    assert talk.elicit([Request(max_tokens=2)])[0] is not None


def test_a_missing_pillow_is_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    true = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "PIL":
            raise ImportError(name)
        return true(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install \"selfcorrect\[vision\]\""):
        picture.pillow()


@pytest.mark.parametrize(
    "size",
    [
        {"height": 200_000, "width": 16},
        {"height": 16, "width": 0},
        {"shortest_edge": 10**6},
        {"longest_edge": 10**12},
    ],
)
def test_a_processor_that_makes_giants_is_refused(
    seeing: Path, tmp_path: Path, size: dict[str, int]
) -> None:
    giant = tmp_path / "model"
    giant.mkdir()
    for file in seeing.iterdir():
        (giant / file.name).write_bytes(file.read_bytes())
    told = json.loads((giant / "preprocessor_config.json").read_text())
    (giant / "preprocessor_config.json").write_text(json.dumps({**told, "size": size}))
    assert re.search("size.* = .*, and no model's is below", refused(str(giant), tmp_path))


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


@pytest.mark.parametrize("told", [{"image_seq_len": 10**9}, {"patch_size": 10**12}])
def test_a_picture_of_a_billion_tokens_is_refused(
    seeing: Path, tmp_path: Path, told: dict[str, int]
) -> None:
    folder = copied(seeing, tmp_path / "model")
    file = folder / "processor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **told}))
    with pytest.raises(UserError, match=r"and no model's is below [01] or above 10,000"):
        models.check_images(str(folder), [sighted.picture(1)])


def test_python_of_a_processor_is_not_run(seeing: Path, tmp_path: Path) -> None:
    folder = copied(seeing, tmp_path / "model")
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass P: pass\n")
    for name in ("processor_config.json", "preprocessor_config.json"):
        told = json.loads((folder / name).read_text())
        told["auto_map"] = {"AutoProcessor": "own.P", "AutoImageProcessor": "own.P"}
        (folder / name).write_text(json.dumps(told))
    models.check_images(str(folder), [sighted.picture(1)])  # transformers has its own
    told = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(
        json.dumps({**told, "image_processor_type": "OwnImageProcessor"})
    )
    with pytest.raises(UserError):
        models.check_images(str(folder), [sighted.picture(1)])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "told",
    [{"size": "large"}, {"size": []}, {"image_mean": 3}, {"image_std": [0, 0, 0]}, {"resample": 99},
     {"image_processor_type": ["x"]}, {"crop_size": {"height": 4}}, {"rescale_factor": "a"}],
)  # fmt: skip
def test_a_processor_that_says_what_cannot_be_is_one_sentence(
    seeing: Path, tmp_path: Path, told: dict[str, Any]
) -> None:
    folder = copied(seeing, tmp_path / "model")
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **told}))
    try:
        models.check_images(str(folder), [sighted.picture(1)])
    except UserError as error:
        said = str(error)
    else:
        said = "it is shown all the same"
    assert said.count("\n") == 0


def test_a_mark_that_is_an_ordinary_word_is_refused(seeing: Path, tmp_path: Path) -> None:
    """Otherwise any text could hold a picture's place."""
    folder = copied(seeing, tmp_path / "model")
    file = folder / "tokenizer_config.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({key: told[key] for key in told if "image" not in key}))
    told = json.loads((folder / "processor_config.json").read_text())
    (folder / "processor_config.json").write_text(json.dumps({**told, "image_token": "a"}))
    with pytest.raises(UserError, match="marks images by a, which is no special token"):
        models.check_images(str(folder), [sighted.picture(1)])


def test_a_processor_in_one_file_is_read(tmp_path: Path) -> None:
    """As transformers stores them by now."""
    folder = sighted.saved("gemma3", tmp_path / "model")
    images = json.loads((folder / "preprocessor_config.json").read_text())
    told = json.loads((folder / "processor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({**told, "image_processor": images}))
    models.check_images(str(folder), [sighted.picture(1)])


def test_a_model_that_reads_both_ways_before_a_reply_is_refused(
    seeing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfcorrect.models.local.vision.eyes._PREFIXED", ("llava",))
    with pytest.raises(UserError, match=r"in both directions, .*: it isn't shown .* Gemma 3 or I"):
        models.check_images(str(seeing), [sighted.picture(1)])


# What is kept


def test_features_are_kept_up_to_a_bound_and_while_they_are_used() -> None:
    import torch

    held = Gallery(most=3 * 5100)
    using = Look("0", "", 1, torch.zeros(1000))
    held.add(using)
    for number in range(1, 1000):
        held.add(Look(str(number), "", 1, torch.zeros(1000)))
        assert held.held <= held.most
    gc.collect()
    kept = [number for number in range(1, 1000) if held.get(str(number)) is not None]
    assert kept == [997, 998, 999]
    assert held.get("0") is using
    assert gallery.MOST_BYTES == 256 * 2**20


def test_a_closed_dialogue_lets_its_images_go() -> None:
    opened = sighted.model("llava")
    opened.engine.eyes.gallery.most = 0
    talk = opened.open(1)
    for _ in range(2):
        talk.restart([[sighted.asks("What?", sighted.picture(1))]])
        talk.elicit([Request(max_tokens=1)])
    assert opened.engine.eyes.calls == 1  # the open dialogue holds it
    digest = sighted.picture(1).digest
    assert opened.engine.eyes.gallery.get(digest) is not None
    talk.close([0])
    assert opened.engine.eyes.gallery.get(digest) is None


def test_blocks_are_cut_nowhere() -> None:
    seen = Seen((), [2, 3, 4, 8, 9], None, runs([2, 3, 4, 8, 9]))
    assert seen.blocks == ((2, 5), (8, 10))
    assert [seen.floor(p) for p in range(12)] == [0, 1, 2, 2, 2, 5, 6, 7, 8, 8, 10, 11]
    assert dict(seen.reach(0, 12)) == {2: 4, 3: 4, 4: 4, 8: 9, 9: 9}


@pytest.mark.slow
def test_features_of_a_thousand_images_do_not_pile_up() -> None:
    opened = sighted.model("llava")
    held = opened.engine.eyes.gallery
    held.most = 100_000  # a look of this model has 2 kB, and a kilobyte around it
    before = _looks()
    for start in range(0, 1000, 50):
        talk = opened.open(50)
        talk.restart([[sighted.asks("What is it?", sighted.picture(start + k))] for k in range(50)])
        talk.elicit([Request(max_tokens=1)] * 50)
        talk.close(range(50))
        assert _looks() - before <= held.most // 3000
        assert held.held <= held.most
    assert opened.engine.eyes.calls == 1000


def _looks() -> int:
    gc.collect()
    return sum(isinstance(each, Look) for each in gc.get_objects())
