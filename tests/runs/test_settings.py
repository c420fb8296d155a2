"""Settings over each other: none is dropped without a word, in whichever order they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from commands import refused
from selfcorrect.cli.spec import spec_from
from selfcorrect.errors import UserError
from selfcorrect.runs import make_spec, read_spec

PARTS = ["steer.part=orthogonal:tone", "steer.layers=[1, 2]"]
WHOLE = {"concept": "kind", "alpha": 4.0, "part": "orthogonal:tone", "layers": [1, 2]}


def test_an_option_sets_what_it_says_and_leaves_the_rest() -> None:
    assert spec_from(PARTS, {"steer": "kind:4"}).steer == WHOLE
    assert spec_from([*PARTS, "steer.at=reply"], {"steer": "kind:4"}).steer == {
        **WHOLE, "at": "reply"
    }  # fmt: skip
    # what both say is as the option says
    assert spec_from(["steer.alpha=9", "steer.at=reply"], {"steer": "kind:4:transcript"}).steer == {
        "concept": "kind", "alpha": 4.0, "at": "transcript"
    }  # fmt: skip
    found = spec_from(["concepts.tone=b.safetensors", "concepts.kind=a"], {"concepts": ["kind=c"]})
    assert found.concepts == {"kind": "c", "tone": "b.safetensors"}


@pytest.mark.parametrize("text", ["part=zzz", "at=later", "layers=[-1]", "lairs=1"])
def test_a_wrong_setting_beside_the_option_is_told(text: str, tmp_path: Path) -> None:
    assert "steer." in refused("run", "--steer", "kind:4", f"steer.{text}", "--out", tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("short", "further", "key", "expected"),
    [
        ("steer=kind:4", "steer.part=random:1", "steer",
         {"concept": "kind", "alpha": 4.0, "part": "random:1"}),
        ("samples=5", "samples.temperature=0.5", "samples", (5, 0.5, False)),
        ("model=planted:chain", "model.device=cpu", "model", ("planted:chain", "cpu")),
        ("concepts=[\"a\"]", "concepts.b=B", "concepts", {"a": "", "b": "B"}),
        ("models.critic=smollm2", "models.critic.dtype=float32", "models", ("smollm2", "float32")),
    ],
)  # fmt: skip
def test_the_order_makes_no_difference(short: str, further: str, key: str, expected: Any) -> None:
    for overrides in ([short, further], [further, short]):
        found: Any = getattr(read_spec(None, overrides), key)
        match key:
            case "samples":
                found = (found.k, found.temperature, found.p_true)
            case "model":
                found = (found.name, found.device)
            case "models":
                found = (found["critic"].name, found["critic"].dtype)
        assert found == expected


def test_settings_over_a_file_s(tmp_path: Path) -> None:
    file = tmp_path / "spec.toml"
    file.write_text('samples = 5\nsteer = "kind:4"\nconcepts = ["kind"]\n')
    found = read_spec(file, ["samples.p_true=true", "steer.at=reply", "concepts.tone=b"])
    assert (found.samples.k, found.samples.p_true) == (5, True)
    assert found.steer == {"concept": "kind", "alpha": 4.0, "at": "reply"}
    assert found.concepts == {"kind": "", "tone": "b"}
    # a whole table replaces what is there
    again = read_spec(file, ['steer={concept = "tone", alpha = 1}'])
    assert again.steer == {"concept": "tone", "alpha": 1}


def test_what_is_no_table_is_told() -> None:
    with pytest.raises(UserError, match=r"steer is not a table in the override"):
        read_spec(None, ["steer=kind", "steer.part=random:1"])
    with pytest.raises(UserError, match="a steer is NAME:ALPHA"):
        read_spec(None, ["steer.part=random:1", "steer=kind"])


def test_a_critic_behind_a_server_is_asked_where_the_model_is() -> None:
    """Else it would be asked where the environment says, with what the run's model wrote."""
    at = "http://127.0.0.1:1/v1"
    for own, others, expected in (
        ("openai:a", "openai:b", (at, at)),
        ("smollm2", "openai:b", (None, at)),
        ("openai:a", {"name": "openai:b", "base_url": "http://other/v1"}, (at, "http://other/v1")),
        ("openai:a", "smollm2", (at, None)),
    ):
        model = {"name": own, "base_url": at}
        spec = make_spec({"model": model, "models": {"feedback": others}})
        assert (spec.model.base_url, spec.models["feedback"].base_url) == expected
    with pytest.raises(UserError, match="for a model behind a server"):
        make_spec({"model": {"name": "smollm2", "base_url": at}, "models": {"feedback": "smollm2"}})
