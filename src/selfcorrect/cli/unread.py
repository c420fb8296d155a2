"""The answers of a run that couldn't be read, in the terminal."""

from __future__ import annotations

import json
from string import ascii_lowercase as LETTERS

import typer
from rich.console import Console
from rich.text import Text

from selfcorrect.report.numbers import count
from selfcorrect.runs import Run
from selfcorrect.runs.unread import unread_of
from selfcorrect.text import clipped, visible

#: What is wrong with a reply, where its name doesn't say it.
_MEANS = {
    "several options": "one option's letter stands with another one's text, or several options are "
    "given as the answer, so that nobody can say which is meant",
    "no option": "no letter and no text of an option is given as the answer",
}
#: Texts that are printed, and characters of each; --json has all of them.
_MOST, _LONGEST = 40, 1_000


def show(run: Run, console: Console, *, as_json: bool) -> None:
    """Print a run's unread answers, each different text once, the most frequent first."""
    found = unread_of(run)
    if as_json:
        typer.echo(json.dumps(found, indent=2, allow_nan=False))
        return
    told = [
        f"{row['unread']:,} of {row['n']:,} in round {row['round']}"
        for row in found["rounds"]
        if row["unread"]
    ]
    if not told:
        _print(console, "Every answer was read.")
        return
    _print(console, f"Answers that couldn't be read: {', '.join(told)}.", "bold")
    if not run.keeps_texts:
        _print(console, "This run keeps no answers, so that only their number is known.")
        return
    for each in found["texts"][:_MOST]:
        rounds = ", ".join(map(str, each["rounds"]))
        where = f"round{'s' * (len(each['rounds']) > 1)} {rounds}, such as {each['example']}"
        console.print()
        _print(console, f"{count(each['count'], 'time')}, {each['problem']} ({where})", "dim")
        text = each["text"] or "(nothing)"
        _print(console, text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …")
        if each["choices"]:
            options = (
                f"({letter}) {text}" for letter, text in zip(LETTERS, each["choices"], strict=False)
            )
            _print(console, clipped(f"options: {'  '.join(options)}", _LONGEST), "dim")
    if len(found["texts"]) > _MOST:
        console.print()
        _print(console, f"And {len(found['texts']) - _MOST:,} more texts: --json has them.")
    console.print()
    for problem in dict.fromkeys(each["problem"] for each in found["texts"][:_MOST]):
        if problem in _MEANS:
            _print(console, f"{problem}: {_MEANS[problem]}.", "dim")
    _print(
        console,
        "If they give an answer after all, say how to read it: --lead-in TEXT, or --read REGEX.",
        "dim",
    )


def _print(console: Console, text: str, style: str = "") -> None:
    console.print(Text(visible(text, lines=True), style=style), soft_wrap=True)
