"""The verdict's sentence on answers that go back and forth: what depends on where one stops."""

from __future__ import annotations

from selfcorrect.report.numbers import change, decides, percent, within
from selfcorrect.report.phrases import Table, is_share, outcome_of, places_told, said_of


def stops(summary: Table) -> str:
    """Where the answer depends on the round at which one stops, that is what is to be known."""
    name, told = outcome_of(summary), summary["parity"]
    changed, turning = summary["changes"].get(name, {}), summary["alternating"]
    alternates = bool(turning.get("alternates"))
    back = (
        f"{percent(turning['value'], 0)} % of the dialogues go back and forth between two answers"
        if alternates
        else ""
    )
    # where the change hangs on unread answers, that was said before
    if not told or changed.get("hangs") or told["previous"]["value"] is None:
        return f"{back}." if back else ""
    if told["agree"] and not back:
        return ""
    last, share = summary["rounds"][-1]["round"], is_share(summary)
    numbers = (
        f"{change(decides(changed), share)} if one stops after round {last}, "
        f"{change(decides(told['previous']), share)} after round {told['round']} "
        f"({places_told(changed)})"
    )
    if told["agree"]:
        return f"{back}{_alike(summary, changed)}: {numbers}."
    depends = f"hether {said_of(summary)} changed depends on where one stops: {numbers}"
    return f"{back}, and w{depends}." if back else f"W{depends}."


def _alike(summary: Table, changed: Table) -> str:
    """What the last two rounds say alike, and no more than that."""
    name = said_of(summary)
    match changed["verdict"]:
        case "same":
            near = within(changed["margin"], is_share(summary))
            return f", though {name} stays the same within {near} after either of the last rounds"
        case "better" | "worse":
            return f", though {name} is {changed['verdict']} after either of the last rounds"
    return "; where one stops isn't shown to matter"
