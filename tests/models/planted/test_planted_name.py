"""planted:chain: the law it states is the law it follows, whatever the batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pictures import png
from selfcorrect.errors import UserError
from selfcorrect.messages import held
from selfcorrect.models import names
from selfcorrect.models.kinds import MIXTURE, PLANTED_MODELS
from selfcorrect.models.planted import LAWS, Law, load
from selfcorrect.runs.options import OPTIONS


def test_settings_are_read_from_the_name() -> None:
    model = load("planted:chain?accuracy=0.5, cl=.9,seed=12")
    assert model.law == Law(accuracy=0.5, cl=0.9, seed=12)
    assert model.name == "planted:chain?accuracy=0.5, cl=.9,seed=12"
    assert load("planted:chain?seed=12,cl=0.90,accuracy=5e-1").fingerprint == model.fingerprint
    assert load("planted:chain").fingerprint != model.fingerprint
    assert load("planted:chain").law == load("planted:chain?").law == Law()


def test_every_planted_model_is_listed_where_models_are_named(tmp_path: Path) -> None:
    every = {*LAWS, MIXTURE}
    assert set(PLANTED_MODELS) == every == {n for n in names() if n.startswith("planted:")}
    assert all(each in OPTIONS["model"].help for each in every)
    with pytest.raises(UserError, match="planted:eye"):
        load("planted:chain").check_images([held(png(tmp_path, "a.png"), "a.png")])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("planted:chian", "did you mean 'planted:chain'"),
        ("planted:chain?acuracy=1", "did you mean 'accuracy'"),
        ("planted:chain?accuracy", "name=number, not 'accuracy'"),
        ("planted:chain?accuracy=much", "accuracy must be a number, not 'much'"),
        ("planted:chain?seed=1.5", "seed must be a whole number"),
        ("planted:chain?accuracy=1.5", "from 0 to 1"),
        ("planted:chain?cl=nan", "from 0 to 1"),
        ("planted:chain?sharpness=1", "up to, but not, 1"),
        ("planted:chain?mass=0", "mass is between"),
        ("planted:chain?gap=nan", "gap is between"),
        ("planted:chain?cl=1,cl=1", "set twice"),
        ("planted:chain?cl=1,", "name=number, not ''"),
        ("planted:chain?gap=0.5", r"impossible where a round's accuracy is 0\.6"),
        ("planted:chain?gap=0.2,cl=1,cs=1", "impossible where a round's accuracy is"),
    ],
)
def test_a_wrong_name_is_one_sentence(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        load(name)


def test_torch_is_not_needed() -> None:
    code = "import sys, selfcorrect.models.planted; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
