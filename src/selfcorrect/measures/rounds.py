"""What a run measures in each round, each number with its interval, n and clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures import transitions
from selfcorrect.measures.compare import compare, verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.figures import figure_named
from selfcorrect.measures.intervals import Estimate, mean, means, proportion
from selfcorrect.measures.leaks import leak_free
from selfcorrect.measures.looks import level
from selfcorrect.measures.measure import Measure
from selfcorrect.measures.outcomes import paired, paired_test, room_of
from selfcorrect.measures.own import Own
from selfcorrect.measures.paired import holm_by_name, joint_level
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.parity import ALTERNATING, parity, weighed
from selfcorrect.measures.unread import boundless, other_counts
from selfcorrect.measures.unseen import Room
from selfcorrect.outcome import Outcome, bounds_of

#: A round whose median option mass is below this is flagged: the options were hardly considered.
LOW_MASS = 0.5

Tables = dict[str, dict[str, Any]]


def summarize(
    panel: Panel,
    margins: Mapping[str, float],
    own: Own | None = None,
    *,
    looks: Sequence[int] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Every measure in every round, what changed from the first to the last, and convergence.

    All rounds are over the same dialogues: one that stopped early has records in the later rounds
    too, in which its answer stands at no further tokens. ``docs/measures.md`` says what each
    measure is.

    Args:
        panel: the records.
        margins: by measure, up to what size a change counts as none.
        own: what the task states of its own numbers; its outcome is that of the panel.
        looks: how many dialogues there were whenever the run was looked at, the last of them now;
            by default once, now.
        seed: of what is drawn: qualities shuffled, answers of a calibrated model.

    Returns:
        ``{"rounds": [{"round", "n", "clusters", "unparsed", "ungraded" (read, and without an
        outcome), "missing" (no record), "idle" (nothing was asked any more), "low_mass",
        "measures", "reliability", "flow", "changed", "settled", "gain", and where answers are right
        or wrong "cl", "cs", and where there was feedback "leak_free", "leak_free_gain" (see
        :func:`selfcorrect.measures.leaks.leak_free`)}], "alternating", "parity" (see
        :func:`selfcorrect.measures.parity.parity`), "level" (of the intervals that decide),
        "changes", "convergence", "converged_at"}`` with JSON's types only. A measure is ``{"value",
        "low", "high", "n", "clusters"}``, with ``"effective_clusters"`` where clusters are of
        several sizes, ``"why"`` where a number is missing (never NaN), and ``"band"`` where there
        is a simultaneous one. ``converged_at`` is the outcome's.
    """
    own = own or Own(panel.outcome)
    if not panel.rounds:
        nobody = Estimate(None, None, None, 0, 0, "no records").table()
        return {
            "rounds": [],
            "alternating": nobody,
            "parity": None,
            "level": None,
            "changes": {},
            "convergence": {},
            "converged_at": None,
        }
    last, first = panel.rounds[-1], panel.rounds[0]
    looks = tuple(looks) or (len(panel.clusters),)
    converged = convergence(panel, margins, looks=looks)
    changes = (
        compare(panel, panel, (last, first), margins, own, looks=looks) if last > first else {}
    )
    turning, told = alternating(panel), None
    name, turns = panel.outcome.name, turning["alternates"]
    if name in changes:
        if len(panel.rounds) > 2:
            pair = panel.rounds[-2], first
            told = parity((panel, panel), changes[name], pair, margins, looks, alternates=turns)
        changes = {**changes, name: weighed(changes[name], told, alternates=turns)}
    if turns or (told and not told["agree"]):  # more examples don't change where the rounds stop
        converged = {each: {**found, "n_needed": None} for each, found in converged.items()}
    return {
        "rounds": _rounds(panel, own, seed),
        "alternating": turning,
        "parity": told,
        "level": level(looks),
        "changes": changes,
        "convergence": converged,
        "converged_at": converged.get(panel.outcome.name, {}).get("round"),
    }


def alternating(panel: Panel) -> dict[str, Any]:
    """The share of dialogues that go back and forth, and whether that is much."""
    e = proportion(transitions.alternating(panel.columns["answer"]), panel.clusters)
    return {**e.table(), "alternates": e.value is not None and e.value > ALTERNATING}


def _rounds(panel: Panel, own: Own, seed: int) -> list[dict[str, Any]]:
    tables = _of_records(panel, own)
    beside = _of_rounds(panel, tables, seed)
    ways = {m.name: _way(panel, m) for m in panel.measures if m.kind == "way"}
    flows = [None, *_flow(panel)]
    gains, free = _gains(panel), leak_free(panel)
    counts = bool((panel.columns["tokens"] > 0).any())  # else the model counts no tokens
    rounds = []
    for place, number in enumerate(panel.rounds):
        there = panel.there[:, place]
        clusters = panel.clusters[there]
        columns = {name: c[there] for name, c in panel.at(number).items()}
        measured = tables[place]
        mass = columns["option_mass"][np.isfinite(columns["option_mass"])]
        median = float(np.median(mass)) if len(mass) else None
        if "option_mass" in measured:
            measured["option_mass"]["median"] = median
        for name, compute in own.figures.items():
            measured[name] = figure_named(name, compute, own.seen(columns), clusters).table()
        rounds.append(
            {
                "round": number,
                "n": len(clusters),
                "clusters": len(np.unique(clusters)),
                "unparsed": int((columns["parse_rate"] == 0).sum()),
                "ungraded": int(_ungraded(columns, panel.outcome).sum()),
                "missing": int((~there).sum()),
                "idle": int((columns["tokens"] == 0).sum()) if counts else 0,
                "low_mass": median is not None and median < LOW_MASS,
                "measures": measured,
                "reliability": beside[place].get("reliability", []),
                "flow": flows[place],
                **{name: tables_of_way[place] for name, tables_of_way in ways.items()},
                "gain": gains[place],
                **free[place],
            }
        )
    return rounds


def _ungraded(columns: Mapping[str, Any], outcome: Outcome) -> NDArray[np.bool_]:
    """Answers that were read and have no outcome, though there is one to have."""
    read = np.asarray((columns["parse_rate"] == 1) & ~np.isfinite(columns["outcome"]))
    return read & (columns["gradable"] == 1) if outcome.kind == "share" else read


def _of_records(panel: Panel, own: Own) -> list[Tables]:
    """By round, every measure that is a share or a mean of records, and the task's own values."""
    stated = [m for m in panel.measures if m.of_record is not None]
    averaged = {m.name: panel.of(m) for m in stated if m.kind == "mean"}
    averaged |= {name: panel.own[name] for name in own.values}
    rooms = {m.name: room_of(panel.outcome if m.name == panel.outcome.name else m) for m in stated}
    for name, text in own.values.items():
        low, high = bounds_of(text)
        if not ((panel.own[name] < low) | (panel.own[name] > high)).any():  # what the task says
            rooms[name] = Room(low, high)
    columns = {(name, at): x[:, at] for name, x in averaged.items() for at in range(x.shape[1])}
    estimates = means(
        columns,
        panel.clusters,
        rooms={each: rooms[each[0]] for each in columns if each[0] in rooms},
    )
    # a number that is 0 or 1 in every record is a share, though the task says no more of it
    shares = {n for n in own.values if (np.isnan(x := panel.own[n]) | np.isin(x, (0, 1))).all()}
    levels = {m.name: joint_level(panel.of(m), panel.clusters) for m in stated if m.band}
    found: list[Tables] = []
    for at in range(len(panel.rounds)):
        tables: Tables = {}
        for m in stated:
            x, share = panel.of(m)[:, at], m.kind == "share"
            e = proportion(x, panel.clusters) if share else estimates[m.name, at]
            tables[m.name] = e.table()
            if m.band:
                within = levels[m.name]
                band = (
                    proportion(x, panel.clusters, level=within)
                    if share
                    else mean(x, panel.clusters, level=within, room=rooms[m.name])
                )
                tables[m.name]["band"] = _band(band, tables[m.name])
        tables |= {
            name: (
                proportion(panel.own[name][:, at], panel.clusters)
                if name in shares
                else estimates[name, at]
            ).table()
            for name in own.values
        }
        found.append(tables)
    return found


def _of_rounds(panel: Panel, tables: list[Tables], seed: int) -> list[dict[str, Any]]:
    """Add the measures that are computed from a round; returns what else was found in each."""
    stated = [m for m in panel.measures if m.of_rounds is not None]
    columns = [panel.at(number) for number in panel.rounds]
    beside: list[dict[str, Any]] = [{} for _ in panel.rounds]
    for compute in dict.fromkeys(m.of_rounds for m in stated):
        names = {m.name for m in stated if m.of_rounds is compute}
        assert compute is not None
        for at, found in enumerate(compute(columns, panel.clusters, seed)):
            for name, value in found.items():
                (tables[at] if name in names else beside[at])[name] = value
    return beside


def _way(panel: Panel, measure: Measure) -> list[dict[str, Any] | None]:
    """By round, a share of what became of the dialogues; ``None`` where nothing came before."""
    assert measure.of_way is not None
    values = measure.of_way(panel.columns["answer"], panel.columns["quality"])
    return [
        proportion(values[:, at], panel.clusters).table()
        if np.isfinite(values[:, at]).any() or at
        else None
        for at in range(values.shape[1])
    ]


def _flow(panel: Panel) -> list[dict[str, int]]:
    """Where the answers went; of an outcome that isn't right or wrong, which got better."""
    if panel.outcome.kind == "share":
        return transitions.flow(panel.columns["answer"], panel.columns["quality"])
    return transitions.moves(panel.columns["outcome"] * panel.outcome.sign)


def _gains(panel: Panel) -> list[dict[str, Any] | None]:
    """The outcome's difference of each later round from the first, p adjusted for all of them."""
    x, outcome = panel.columns["outcome"], panel.outcome
    later = range(1, len(panel.rounds))
    ps = {t: paired_test(outcome, x[:, t], x[:, 0], panel.clusters) for t in later}
    adjusted = holm_by_name(ps)
    return [
        None,
        *(
            {
                **_difference(panel, panel, (panel.rounds[t], panel.rounds[0])),
                "p": ps[t],
                "p_holm": adjusted.get(t),
            }
            for t in later
        ),
    ]


def _difference(after: Panel, before: Panel, rounds: tuple[int, int]) -> dict[str, Any]:
    """The outcome's difference of two rounds; ``hangs`` where its direction depends on what unread
    answers are counted as."""
    columns = after.at(rounds[0]), before.at(rounds[1])
    ways = [columns, *other_counts(columns, after.outcome)]
    found = [
        paired(after.outcome, late["outcome"], early["outcome"], after.clusters)
        for late, early in ways
    ]
    told = {verdict(e, None, 1) for e in found}
    told |= {"worse" if sign < 0 else "better" for sign in boundless(columns, after.outcome)}
    return found[0].table() | ({"hangs": len(told) > 1} if len(ways) > 1 else {})


def _band(band: Estimate, point: Mapping[str, Any]) -> list[float] | None:
    """The band's ends in a round, which hold those of the round's own interval."""
    if band.low is None or band.high is None or point["low"] is None:
        return None
    return [min(band.low, point["low"]), max(band.high, point["high"])]


def against(
    panel: Panel,
    control: Panel,
    margins: Mapping[str, float],
    own: Own | None = None,
    *,
    looks: Sequence[int] = (),
) -> dict[str, Any] | None:
    """A run minus its control, on the examples that both have; ``None`` if they share none.

    Args:
        panel, control: the records of both.
        margins, own, looks: as in :func:`summarize`.

    Returns:
        ``round`` and ``control_round``: the last that both have, but a control of one round is
        compared with the run's last; ``difference``: every measure's, see
        :func:`selfcorrect.measures.compare.compare`; ``level``: of the intervals that decide;
        ``parity``: see :func:`selfcorrect.measures.parity.parity`; ``by_round``: the outcome's in
        every round, or ``None`` for a round that the control doesn't have, or whose records are the
        same (a first round that both share); ``tokens_ratio``: the tokens encoded by a dialogue of
        the run up to that round, over those of the control's.
    """
    mine, theirs = panel.beside(control)
    if not len(mine.examples):
        return None
    of_control = theirs.rounds[-1] if len(theirs.rounds) == 1 else _last_of(mine, theirs)
    last = mine.rounds[-1] if len(theirs.rounds) == 1 else of_control
    looks = tuple(looks) or (len(mine.clusters),)
    difference = compare(mine, theirs, (last, of_control), margins, own, looks=looks)
    told = None
    if mine.rounds.index(last) > 1:
        before = mine.rounds[mine.rounds.index(last) - 1]
        pair = before, before if before in theirs.rounds else of_control
        change, turns = difference[mine.outcome.name], alternating(mine)["alternates"]
        told = parity((mine, theirs), change, pair, margins, looks, alternates=turns)
        difference[mine.outcome.name] = weighed(change, told, alternates=turns)
    tokens, others = _tokens(mine, last), _tokens(theirs, of_control)
    return {
        "round": last,
        "control_round": of_control,
        "difference": difference,
        "level": level(looks),
        "parity": told,
        "by_round": by_round(mine, theirs),
        "tokens_ratio": tokens / others if others else None,
    }


def by_round(mine: Panel, theirs: Panel) -> list[dict[str, Any] | None]:
    """The outcome's difference in every round of the first of two panels of the same examples;
    ``None`` where the other lacks the round, or has the same records in it."""
    return [
        _difference(mine, theirs, (t, t))
        if t in theirs.rounds and not _same(mine, theirs, t)
        else None
        for t in mine.rounds
    ]


def _same(mine: Panel, theirs: Panel, round: int) -> bool:
    """Whether both have the same records in a round, which then shows no difference by chance."""
    one, other = mine.at(round), theirs.at(round)
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in mine.columns)


def _last_of(mine: Panel, theirs: Panel) -> int:
    return max(set(mine.rounds) & set(theirs.rounds))


def _tokens(panel: Panel, last: int) -> float:
    """All tokens encoded up to a round."""
    return float(np.nansum(panel.columns["encoded"][:, np.array(panel.rounds) <= last]))
