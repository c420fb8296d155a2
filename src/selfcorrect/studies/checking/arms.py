"""The arms: a critic of each form, false checks, true ones, and the question merely repeated."""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.runs import StrategySpec

#: What a check may be: see the strategy ``checking``.
FORMS = ("reasoning", "short", "verdict", "number")
#: How often a check is replaced by a wrong verdict; never is the arm ``checking``.
FALSE = (0.25, 0.5, 0.75, 1.0)
CHECKING, REPEAT, TRUE = "checking", "repeat", "true checks"


def arms(form: str) -> Mapping[str, StrategySpec]:
    """By name, the one that the study is about first."""

    def replaced(truth: float, falsehood: float) -> StrategySpec:
        parameters = {"form": form, "truth": truth, "falsehood": falsehood}
        return StrategySpec(name="checking-oracle", parameters=parameters)

    return {
        CHECKING: StrategySpec(name="checking", parameters={"form": form}),
        REPEAT: StrategySpec(name="repeat"),
        **{
            form_arm(each): StrategySpec(name="checking", parameters={"form": each})
            for each in FORMS
            if each != form
        },
        **{false_arm(q): replaced(0.0, q) for q in FALSE},
        TRUE: replaced(1.0, 0.0),
    }


def form_arm(form: str) -> str:
    """The arm of another form than the study's own."""
    return f"form {form}"


def false_arm(q: float) -> str:
    """The arm in which so many checks are false."""
    return f"false checks {q:g}"
