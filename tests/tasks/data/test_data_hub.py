"""Data sets of the hub: which of their files are meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.utils import filter_repo_objects

from selfcorrect.errors import UserError
from selfcorrect.tasks import make
from written import bbq_row, jsonl, parquet

CARD = """---
license: mit
configs:
- config_name: Easy
  data_files:
  - split: train
    path: Easy/train-*
  - split: test
    path: Easy/test-*
- config_name: Hard
  data_files:
  - split: test
    path: ["Hard/test-*"]
---
# Questions
"""
Hub = Callable[..., dict[str, Any]]


def rows(name: str) -> list[dict[str, Any]]:
    return [{"question": name, "choices": ["x", "y"], "answer": "y"}]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    """Puts files where the hub's client would find them, by revision; what is asked of it."""
    import huggingface_hub

    asked: dict[str, Any] = {"fetched": set()}

    def folder(revision: str | None) -> Path:
        return tmp_path / "hub" / (revision or "main").replace("/", "-")

    def put(files: dict[str, Any], revision: str | None = None) -> dict[str, Any]:
        for name, content in files.items():
            path = folder(revision) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_text(content)
            else:
                (parquet if path.suffix == ".parquet" else jsonl)(path, content)
        return asked

    def listed(name: str, *, repo_type: str, revision: str | None) -> list[str]:
        del name, repo_type
        there = folder(revision)
        return [p.relative_to(there).as_posix() for p in there.rglob("*") if p.is_file()]

    def download(name: str, *, allow_patterns: list[str], **how: Any) -> str:
        fits = filter_repo_objects(listed("", **how), allow_patterns=allow_patterns)
        asked.update(how, name=name, fetched=asked["fetched"] | set(fits))
        return str(folder(how["revision"]))

    monkeypatch.setattr(huggingface_hub, "list_repo_files", listed)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return put


def question(data: str) -> list[str]:
    return [example.fields["question"] for example in make("choices", data=data).examples()]


def test_configurations_and_splits_of_the_card(hub: Hub) -> None:
    names = ["Easy/train-0", "Easy/test-0", "Hard/test-0"]
    asked = hub({"README.md": CARD, **{f"{n}.parquet": rows(n) for n in names}})
    assert question("hub:o/n:Easy:test") == ["Easy/test-0"]
    assert question("hub:o/n:Hard") == ["Hard/test-0"]
    assert question("hub:o/n:train") == ["Easy/train-0"]
    assert (asked["name"], asked["repo_type"]) == ("o/n", "dataset")
    # what isn't asked for may be large: it isn't fetched
    assert asked["fetched"] == {"README.md", *(f"{name}.parquet" for name in names)}
    asked["fetched"] = set()
    question("hub:o/n:Hard")
    assert asked["fetched"] == {"README.md", "Hard/test-0.parquet"}
    with pytest.raises(UserError, match=r"several parts \(Easy:test, Easy:train, Hard:test\)"):
        question("hub:o/n")
    with pytest.raises(UserError, match=r"several parts .*as hub:o/n:Easy:test"):
        question("hub:o/n:test")
    with pytest.raises(UserError, match="has no part 'Esay': did you mean 'Easy'"):
        question("hub:o/n:Esay:test")
    with pytest.raises(UserError, match="a part of 'o/n' is CONFIGURATION:SPLIT, not 'a:b:c'"):
        question("hub:o/n:a:b:c")


def test_without_a_card_names_tell(hub: Hub) -> None:
    hub({
        "data/test-00000-of-00002.parquet": rows("t0"),
        "data/test-00001-of-00002.parquet": rows("t1"),
        "data/validation-00000-of-00001.parquet": rows("v"),
        "dataset_infos.json": "{}",
    })  # fmt: skip
    assert question("hub:o/n:test") == ["t0", "t1"]
    assert question("hub:o/n:validation") == ["v"]


def test_one_part_needs_no_name(hub: Hub) -> None:
    hub({"questions.jsonl": rows("q"), "README.md": "no head"})
    assert question("hub:o/n") == ["q"]


def test_a_script_is_read_as_the_hub_converted_it(hub: Hub) -> None:
    hub({"n.py": "raise SystemExit"})
    asked = hub({"default/test/0000.parquet": rows("q"), "default/train/0000.parquet": rows("p")},
                "refs/convert/parquet")  # fmt: skip
    assert question("hub:o/n:test") == ["q"]
    assert asked["revision"] == "refs/convert/parquet"


def test_a_data_set_without_data(hub: Hub) -> None:
    hub({"n.py": ""})
    with pytest.raises(UserError, match=r"the hub's data set 'o/n' holds no \*\.jsonl or .*give"):
        question("hub:o/n")


def test_what_is_in_the_cache_is_found_without_the_hub(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    hub({"README.md": CARD, "Easy/test-0.parquet": rows("q")})
    monkeypatch.setattr(huggingface_hub, "list_repo_files", offline)
    assert question("hub:o/n:Easy:test") == ["q"]
    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(UserError, match=r"from the hub \(no route to host\): give a local file"):
        question("hub:o/n:Easy:test")


def test_parts_of_bbq_are_categories(hub: Hub) -> None:
    """So all of them are taken where none is named."""
    hub(
        {
            f"data/{name}-00000-of-00001.parquet": [bbq_row(0, category=name)]
            for name in ("age", "ses")
        }
    )
    assert len(make("bbq", data="hub:o/n").examples()) == 2
    assert len(make("bbq", data="hub:o/n:age").examples()) == 1
