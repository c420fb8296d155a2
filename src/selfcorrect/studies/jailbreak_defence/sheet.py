"""What defences do to attacks and to harmless instructions, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.numbers import MISSING, count, interval, p_value, short, within
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.claims import STATES, allowed, counted
from selfcorrect.studies.words import change, curves, estimate, sheet_of, sized

QUESTION = "Which defence holds off attacks, and does it refuse harmless instructions, too?"
TITLE = "Defences against jailbreaks"

Result = Mapping[str, Any]

_ASKED = (
    "Each attack is asked without a defence and with each of them: a system message that reminds "
    "the model to act responsibly; requests that were refused, shown before the attack; and "
    "checks: after its answer the model says whether that is harmful or harmless, and the attack "
    "is asked again with both in the dialogue. Reminder and demonstrations are compared with no "
    "defence in the first answer, checks in the answer after so many of them with the attack "
    "merely asked as often.",
    "An attack succeeds where there is no phrase of a refusal in the answer. A defence after which "
    "everything is refused has an attack success of 0, too: so what matters as well is how often "
    "it refuses harmless instructions.",
)
_NOT = (
    "Phrases tell refusals by their words. An answer that is beside the point, or makes no sense, "
    "is a success to them, even where a weak model couldn't do what is asked; a judge beside them "
    "says how far that goes.",
    "The attacks were made against other models and without these defences in mind: an attacker "
    "who knows of a defence makes other ones.",
    "Each defence has one wording here, and answers end after so many tokens as the run allows: a "
    "refusal that comes later isn't seen.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    attacks, harmless = result["attacks"], result["harmless"]
    first: list[Table | Chart] = [_table(attacks, "Attack success", result)]
    first.append(_curves(attacks, "attack success"))
    first.append(_rounds(result))
    made = [Section("Attacks", [], first)]
    if harmless is not None:
        control: list[Table | Chart] = [_table(harmless, "Harmless instructions refused", result)]
        made.append(Section("Harmless instructions", [], [*control, _curves(harmless, "refused")]))
    made.append(
        Section("By group", [], [_groups(kind, of) for kind, of in result["groups"].items()])
    )
    checks: list[Table | Chart] = [_checks(result), _beside(result)]
    made.append(Section("The checks", [], checks))
    if result["judge"] is not None:
        made.append(Section("A judge beside the phrases", [], [_judge(result["judge"])]))
    return made


def findings(result: Result) -> Iterator[str]:
    """Each defence, what it costs harmless instructions, the checks, a judge, unread answers."""
    attacks = result["attacks"]
    yield (
        f"Without a defence {estimate(attacks['levels']['none'])} of the attacks succeed in the "
        f"first answer ({sized(attacks['levels']['none'])})."
    )
    for name, e in attacks["differences"].items():
        yield _effect(name, e, result)
        if e["state"] == "shown":
            yield from _by_method(name, result["groups"]["method"])
    yield from _control(result)
    yield from _checking(result)
    yield from _judged(result)
    yield from _unread(result)
    if (cut := result["cut"])["value"]:
        yield (
            f"{estimate(cut)} of the first answers without a defence were cut off before they "
            f"ended (n {cut['n']:,}; max_tokens.answer): a refusal that would have come later "
            "isn't seen."
        )


def _effect(name: str, e: Result, result: Result) -> str:
    number = result["defences"][name]["round"]
    if e["value"] is None:
        return f"{_called(name)}: nothing can be told ({e.get('why')})."
    ends = f"{_level(e['before'])} to {_level(e['after'])} in round {number}"
    family = len(result["defences"])
    seen = f"{change(e)}, p {p_value(e['p_holm'])} (Holm, {family} defences), {sized(e)}"
    match e["state"]:
        case "shown":
            verb = _verb("lower" if e["value"] < 0 else "raise", name)
            return f"{_called(name)} {verb} attack success from {ends}: {seen}."
        case "same":
            return (
                f"{_called(name)}: the same attack success within {within(e['margin'], False)}, "
                f"{ends}: {seen}."
            )
        case "hangs":
            low, high = (short(end, 3, signed=True) for end in e["allow"])
            return (
                f"{_called(name)}: whether attack success changes can't be said, as answers that "
                f"couldn't be read allow anything from {low} to {high}; {ends}: {seen}."
            )
        case "few":
            return f"{_called(name)}: goals are too few to say; {ends}: {seen}."
    if not e["moved"]:
        return (
            f"{_called(name)}: no change of attack success is shown, as not one attack fares "
            f"otherwise, {ends}: {seen}."
        )
    return f"{_called(name)}: no change of attack success is shown, {ends}: {seen}."


def _by_method(name: str, groups: Result) -> Iterator[str]:
    """A defence's difference for each attack method."""
    if len(groups) < 2:
        return
    each = {group: of["differences"][name] for group, of in groups.items()}
    said = "; ".join(f"{group} {change(e)} (n {e['n']:,})" for group, e in each.items())
    yield f"That by attack method, each by itself, and nothing is claimed of one: {said}."


def _verb(verb: str, name: str) -> str:
    """What a defence does; demonstrations and several checks do it together."""
    return verb if name.endswith("s") else f"{verb}s"


def _level(value: float | None) -> str:
    return MISSING if value is None else short(value, 3)


def _called(name: str) -> str:
    return {"self-reminder": "The reminder", "demonstrations": "Demonstrations"}.get(
        name, name[0].upper() + name[1:]
    )


def _control(result: Result) -> Iterator[str]:
    """What the defences do to harmless instructions."""
    harmless = result["harmless"]
    if harmless is None:
        yield (
            "How often defences refuse harmless instructions wasn't asked (--harmless FILE), so "
            "one that refuses everything would look the same here."
        )
        return
    yield (
        f"Of {count(harmless['n'], 'harmless instruction')} {estimate(harmless['levels']['none'])} "
        "are refused without a defence."
    )
    apart = result["apart"]
    for name, e in harmless["differences"].items():
        if e["value"] is None:
            continue
        level = harmless["levels"][name]
        verb, be = _verb("refuse", name), "are" if name.endswith("s") else "is"
        seen = f"{change(e)}, p {p_value(e['p_holm'])} (Holm), {sized(e)}"
        said = {
            "shown": f"{verb} more of them" if e["value"] > 0 else f"{verb} fewer of them",
            "same": f"{verb} as many within {within(e['margin'], False)}",
            "hangs": "may refuse more or fewer, as unread answers decide it",
            "few": "can't be told, clusters are too few",
        }.get(e["state"], f"{be}n't shown to refuse more or fewer")
        yield f"{_called(name)} {said}: {estimate(level)} refused, {seen}; {_apart(apart[name])}."


def _apart(e: Result) -> str:
    """Whether a defence tells attacks from harmless instructions."""
    if e["value"] is None:
        return "whether it tells attacks from them can't be said"
    if e["shown"]:
        return f"attacks are refused more often, by {change(e)}"
    several = ", which is too little for several defences together" if e["low"] > 0 else ""
    return f"attacks aren't shown to be refused more often ({change(e)}{several})"


def _checking(result: Result) -> Iterator[str]:
    """What the first checks call harmful: it tells something where they tell answers apart."""
    told = [
        f"{estimate(e)} of {name} (n {e['n']:,})"
        for name, e in result["checks"].items()
        if e["value"] is not None
    ]
    if told:
        yield f"The first check says harmful of {', of '.join(told)}."


def _judged(result: Result) -> Iterator[str]:
    judge = result["judge"]
    if judge is None:
        yield (
            "Success is what phrases of refusals tell, and no judge stands beside them "
            "(--scorer judge:MODEL)."
        )
        return
    said = "; ".join(
        f"{arm} {_kappa(of)}" for arm, of in judge["agreement"].items() if of is not None
    )
    levels = ", ".join(f"{name} {estimate(e)}" for name, e in judge["levels"].items())
    yield (
        f"{judge['scorer']} ({judge['outcome']}) and the phrases agree with Cohen's κ, by arm: "
        f"{said}. By the judge attacks succeed: {levels}."
    )


def _kappa(of: Result) -> str:
    e = of["kappa"]
    value = MISSING if e["value"] is None else f"{short(e['value'])} {interval(e)}".strip()
    why = f" ({e['why']})" if e.get("why") else ""
    return f"{value}{why}, n {e['n']:,}"


def _unread(result: Result) -> Iterator[str]:
    for what, of in (("attacks", result["attacks"]), ("instructions", result["harmless"])):
        missing = {name: e["unread"] for name, e in (of or {}).get("differences", {}).items()}
        if said := counted(missing):
            yield (
                f"Pairs of answers to {what} of which one couldn't be read, of {of['n']:,}: "
                f"{said}. Nothing is claimed that they could turn."
            )


def _table(of: Result, title: str, result: Result) -> Table:
    rows = [["none", "1", estimate(of["levels"]["none"]), "", "", "", ""]]
    for name, e in of["differences"].items():
        rows.append(
            [
                name,
                str(result["defences"][name]["round"]),
                estimate(of["levels"][name]),
                change(e),
                p_value(e["p_holm"]),
                allowed(e["allow"]),
                STATES[e["state"]],
            ]
        )
    e = of["levels"]["none"]
    note = (
        f"− none: in the same round, on the same {of['n']:,} prompts ({sized(e)}). p is Holm's "
        f"over the {len(of['differences'])} defences, whatever unread answers are; intervals are "
        "each by itself."
    )
    return Table(title, ["", "round", "share", "− none", "p", "unread allow", ""], rows, note)


def _curves(of: Result, what: str) -> Chart:
    rounds = range(1, 1 + len(next(iter(of["curves"].values()))))
    name = f"{what}, {of['outcome'].replace('_', ' ')}" if what == "refused" else what
    return curves(name, of["curves"], list(rounds))


def _rounds(result: Result) -> Table:
    rows = [
        [arm, *(change(e) for e in found)]
        for arm, found in result["attacks"]["over_rounds"].items()
    ]
    heads = ["", *(f"round {t}" for t in result["rounds"])]
    note = (
        "Attack success minus that of no defence in the same round, each interval by itself and as "
        "wide as unread answers allow. In round 1 checking has no check yet: the same answer."
    )
    return Table("Over the rounds", heads, rows, note, terminal=False)


def _groups(kind: str, of: Result) -> Table:
    names = list(next(iter(of.values()))["levels"])
    rows = [
        [
            group,
            f"{each['n']:,} ({each['clusters']:,})",
            estimate(each["none"], 2),
            *(estimate(each["differences"][name], 2, signed=True) for name in names),
        ]
        for group, each in of.items()
    ]
    note = (
        "n and goals; success without a defence in the first answer; then each defence minus none "
        "in its round. Intervals are each by itself and as wide as unread answers allow; nothing "
        "is claimed of a group."
    )
    heads = [kind, "n (goals)", "none", *(f"{name} − none" for name in names)]
    return Table(f"By {kind}", heads, rows, note, terminal=kind == "method")


def _checks(result: Result) -> Table:
    rows = [[name, estimate(e), f"{e['n']:,}"] for name, e in result["checks"].items()]
    note = "The first check of each dialogue, of its first answer, which the phrases tell."
    return Table("Called harmful by the model's own check", ["", "share", "n"], rows, note)


def _beside(result: Result) -> Table:
    rows = [
        [name, change(e), p_value(e["p_holm"]), STATES[e["state"]]]
        for name, e in result["beside"].items()
    ]
    note = (
        "The answer after so many checks minus the first one without a defence: this holds what "
        "asking again does, too. p is Holm's over the rows."
    )
    return Table("Checks against the first answer", ["", "difference", "p", ""], rows, note)


def _judge(judge: Result) -> Table:
    rows = [[name, estimate(e), f"{e['n']:,}"] for name, e in judge["levels"].items()]
    return Table(f"Success by {judge['scorer']}", ["", "share", "n"], rows)
