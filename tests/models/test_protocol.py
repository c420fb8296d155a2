"""Every kind of model has all that the protocol states, so nobody has to ask whether it does."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from selfcorrect import models, runs
from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.models import Conversation, InProcess, Model, Request, Site, message
from selfcorrect.models.local.model import LocalModel
from servers.stub import Able, Stub

SOURCE = Path(models.__file__).parents[1]
PICTURE = Image("a.png", "", "data:image/png;base64,AA==")


def _kinds() -> dict[str, Any]:
    from selfcorrect.preview.prompts import Trace
    from selfcorrect.preview.rendering import rendering
    from selfcorrect.preview.stand_in import StandIn

    stub = Stub(Able(images="yes"))
    chain = "planted:chain"
    return {
        "served": models.load("openai:stub", base_url=stub.url),
        "planted": models.load("planted:chain"),
        "stand-in": StandIn(chain, rendering(chain, {}), Trace({})),
    }


@pytest.fixture(scope="module")
def kinds(smollm2: Any) -> Any:
    opened = {**_kinds(), "local": smollm2}
    yield opened
    for model in opened.values():
        model.close()
        model.close()  # twice does no harm


@pytest.mark.parametrize("kind", ["served", "local", "planted", "stand-in"])
def test_every_model_has_what_the_protocol_states(kinds: Any, kind: str) -> None:
    model = kinds[kind]
    models.check_model(model)
    assert isinstance(model, Model)
    assert isinstance(model.open(1), Conversation)
    assert (model.in_flight > 0) == (kind == "served")
    assert bool(model.about) == (kind == "served")
    assert isinstance(model.spent(), str)
    sees, tells = kind == "served", kind == "local"
    for can, check in ((sees, lambda: model.check_images([PICTURE])), (tells, model.check_states)):
        if can:
            check()
        else:
            with pytest.raises(UserError, match=r"image a\.png|hidden states"):
                check()


def test_planted_models_refuse_to_show_states() -> None:
    talk = models.load("planted:chain").open(1)
    talk.say([message("user", "What is 1 + 1?")])
    with pytest.raises(UserError, match="no hidden states can be read from the model 'planted"):
        talk.elicit([Request(states=(Site("residual", (0,)),))])


def test_an_object_that_is_no_model_is_told_what_it_lacks(tmp_path: Path) -> None:
    class Half(InProcess):
        name, fingerprint, dtype, device = "half", "0", "float32", "cpu"

        def count(self, text: str) -> int:
            return len(text)

    spec = runs.read_spec(values={"model": "planted:chain", "task": "planted"})
    with pytest.raises(UserError, match="type Half is no model: it has no context, open;"):
        runs.run(spec, out=tmp_path, model=Half())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_nobody_asks_whether_a_model_can() -> None:
    """hasattr, getattr and ignored types are for what isn't ours: networks, errors, settings."""
    allowed = {"check_model"}
    for file in SOURCE.rglob("*.py"):
        text = file.read_text()
        assert not re.search(r"\b(model|conversation)\..*ignore\[attr-defined\]", text), file
        if "hasattr" not in text and "getattr" not in text:
            continue
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
        for function in functions:
            for call in ast.walk(function):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Name)
                    and call.func.id in ("hasattr", "getattr")
                    and function.name not in allowed
                ):
                    asked = ast.unparse(call.args[0])
                    assert not re.search(r"\bmodel|conversation|talk|speaker", asked), file


def test_a_local_model_is_one() -> None:
    assert issubclass(LocalModel, InProcess)
