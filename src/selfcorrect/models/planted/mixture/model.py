"""``planted:mixture`` as a local model that refuses what its language doesn't hold."""

from __future__ import annotations

import json
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.models.kinds import MIXTURE
from selfcorrect.models.local.files import locate
from selfcorrect.models.local.model import LocalModel
from selfcorrect.models.local.template import Template
from selfcorrect.models.planted.mixture.language import SPECIAL, UNKNOWN, VOCABULARY, words_of
from selfcorrect.models.planted.mixture.recipe import Recipe
from selfcorrect.models.thought import MOST, Thinking

_KNOWN = frozenset(VOCABULARY)


class Closed(Template):
    """A chat template of a closed vocabulary."""

    def encode(self, text: str, *, template: bool = False, begins: bool = True) -> list[int]:
        """See :class:`Template`.

        Raises:
            UserError: a word is not one of the language.
        """
        ids = super().encode(text, template=template, begins=begins)
        if self.tokenizer.unk_token_id in ids:
            bare = text
            for token in SPECIAL:
                bare = bare.replace(token, " ")
            word = next((each for each in words_of(bare) if each not in _KNOWN), UNKNOWN)
            raise UserError(
                f"{MIXTURE} answers the task 'planted-mixture' only, in that task's own words: it "
                f"doesn't know {word!r:.40}"
            )
        return ids


class Mixture(LocalModel):
    """The transformer of :mod:`selfcorrect.models.planted.mixture`."""

    @classmethod
    def load(
        cls,
        name: str = MIXTURE,
        dtype: str = "auto",
        device: str = "auto",
        thinking: Thinking = "auto",
        max_thinking: int = MOST,
        *,
        trust: bool = False,  # noqa: ARG003 - its folder is ours and holds no Python
    ) -> LocalModel:
        """Open it.

        Raises:
            UserError: its weights are missing, or of another recipe than the code's; or it is asked
                to think.
        """
        check_recipe(locate(name).folder)
        model = super().load(name, dtype, device, thinking, max_thinking)
        model.vocabulary.template = Closed(model.vocabulary.tokenizer)
        return model


def check_recipe(folder: Path) -> None:
    """Raises UserError where the weights in a folder were trained by another recipe."""
    file = folder / "recipe.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["hash"]
    except (OSError, ValueError, LookupError, TypeError):
        found = None
    if found != Recipe().hash:
        raise UserError(
            f"the weights in {folder} are of another recipe than this version's of {MIXTURE}: "
            "install selfcorrect again, or train them by python -m "
            f"selfcorrect.models.planted.mixture {folder}"
        )
