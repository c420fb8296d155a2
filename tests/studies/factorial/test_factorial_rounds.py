"""Effects that the round before contradicts aren't shown."""

from __future__ import annotations

from factorials import shares, told
from selfcorrect.studies.factorial.analysis import _stopped


def test_an_effect_that_turns_with_the_round_is_not_shown() -> None:
    up, down = (told(shares(p, {"I": part}, odds=False)) for p, part in ((0.3, 0.3), (0.7, -0.3)))
    assert {up["I"]["state"], down["I"]["state"]} == {"shown"}
    same = {name: dict(each) for name, each in up.items()}
    _stopped(same, up, 0.03, alternates=True)
    assert same["I"]["state"] == "shown"  # the round before shows it, too
    turned = {name: dict(each) for name, each in up.items()}
    _stopped(turned, down, 0.03, alternates=False)
    assert turned["I"]["state"] == "turns"
    # not shown one round earlier: nothing by itself, much where answers go back and forth
    none = told(shares(0.5, {"I": 0.01}, odds=False))
    assert none["I"]["state"] == "open"
    for alternates, state in ((False, "shown"), (True, "turns")):
        later = {name: dict(each) for name, each in up.items()}
        _stopped(later, none, 0.03, alternates=alternates)
        assert later["I"]["state"] == state
