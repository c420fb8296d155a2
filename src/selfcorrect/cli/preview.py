"""A preview in the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from selfcorrect.cli.pulse import duration
from selfcorrect.models.used import Used
from selfcorrect.preview import Estimate, Preview, Prompt
from selfcorrect.report.numbers import count
from selfcorrect.text import visible


def show(previews: Sequence[Preview], console: Console) -> None:
    """Print every round's prompts of every run, then what all of it would take."""
    for place, preview in enumerate(previews):
        if place:
            console.print()
        _show_prompts(preview, console)
        console.print()
        for line in _assumed(preview):
            _print(console, Text(visible(line)))
    for line in (*previews[0].served, *_told(previews[0].asked), *_estimate(previews[0])):
        _print(console, Text(visible(line)))


def table_of(previews: Sequence[Preview]) -> dict[str, Any]:
    """The same as JSON: ``runs``, one for each strategy, and ``estimate`` of all of them."""
    runs = [
        {
            "strategy": each.spec.strategy.name,
            "example": each.example,
            "prompts": [asdict(prompt) for prompt in each.prompts],
            "assumed": list(each.assumed),
        }
        for each in previews
    ]
    estimate = asdict(previews[0].estimate)
    first = previews[0]
    asked = {"requests": first.asked.requests, "tokens": first.asked.tokens}
    return {"runs": runs, "served": list(first.served), "asked": asked, "estimate": estimate}


def _show_prompts(preview: Preview, console: Console) -> None:
    spec = preview.spec
    head = (
        f"{spec.task.name} · {spec.strategy.name} · {spec.model.name} · example {preview.example}"
    )
    _print(console, Text(visible(head), style="bold"))
    for number, prompts in groupby(preview.prompts, key=lambda prompt: prompt.round):
        of_round = list(prompts)
        for place, prompt in enumerate(of_round, start=1):
            step = f", step {place} of {len(of_round)}" if len(of_round) > 1 else ""
            asked = "" if prompt.speaker == spec.model.name else f" of {prompt.speaker}"
            title = f"── round {number}{step}{asked}: {_counts(prompt)} "
            console.print()
            _print(console, Text(visible(title), style="cyan"))
            _print(console, _prompt(prompt, preview.specials))
            for note in prompt.notes:
                _print(console, Text(f"({visible(note)})", style="yellow"))


def _counts(prompt: Prompt) -> str:
    most = "" if prompt.exact else "at most "
    drawn = f" in each of {prompt.samples} samples" if prompt.samples > 1 else ""
    reply = (
        f"the likeliest of {len(prompt.choices)} texts"
        if prompt.choices
        else f"up to {count(prompt.max_tokens, 'token')} of reply{drawn}"
    )
    shown = count(prompt.tokens, "token")
    if prompt.whole:
        least = "up to " if most else ""
        return f"prompt of {least}about {shown}, sent whole, {reply}"
    return f"prompt of {most}{shown}, {reply}, at most {prompt.encoded:,} to encode"


def _prompt(prompt: Prompt, specials: Sequence[str]) -> Text:
    """The prompt and its reply; dim is what the cache holds already, special tokens stand out."""
    known = Text(visible(prompt.text[: prompt.known], lines=True), style="dim")
    text = known + Text(visible(prompt.text[prompt.known :], lines=True))
    if prompt.choices:
        text.append(" | ".join(visible(choice) for choice in prompt.choices), style="reverse")
    elif prompt.fits:
        text.append(prompt.reply, style="reverse")
    if specials:
        marks = re.compile("|".join(map(re.escape, sorted(specials, key=len, reverse=True))))
        text.highlight_regex(marks, style="magenta")
    return text


def _assumed(preview: Preview) -> list[str]:
    lines = ["No dialogue was begun: ‹reply n› stands where the model's n-th reply will."]
    if preview.assumed:
        lines.append(f"Assumed: {'; '.join(preview.assumed)}.")
    return lines


def _told(asked: Used) -> list[str]:
    """What the preview itself has taken of servers."""
    if not asked.requests:
        return []
    paid = "" if asked.money is None else f" ({asked.money:.3g} at the stated price)"
    return [
        f"To find that out it was asked, now: {count(asked.requests, 'request')}, "
        f"{count(asked.tokens, 'token')}{paid}."
    ]


def _served(of: Estimate) -> str:
    """What servers are sent, as far as it can be told."""
    about = (
        f"about {of.about:,} tokens, at four letters each, if all replies are as long as they may "
        "be; every prompt is sent whole"
    )
    counted = (
        "each byte of a prompt counted as a token, with what the server was seen to add to it and "
        f"{of.finding_out:,} for finding out again what it can do"
    )
    if of.bounded:
        return f"{about}. At most {of.tokens:,}: {counted}; a budget of so many is enough"
    return (
        f"{about}. It reports no tokens, so what its template adds isn't known, nor how many it "
        f"takes at most. --budget-tokens, which then counts bytes, needs up to {of.tokens:,}"
    )


def _estimate(preview: Preview) -> list[str]:
    of = preview.estimate
    arms = ", ".join(f"{name} ({rounds} rounds)" for name, rounds in of.arms.items())
    arms = arms.replace("(1 rounds)", "(1 round)")
    lines = [
        f"The whole run: {of.dialogues:,} dialogues of each of {arms}; "
        + (_served(of) if of.whole else f"at most {of.tokens:,} tokens through the model")
        + "."
    ]
    lines.append(_likely(of))
    if of.seconds is None:
        lines.append(f"Time: unknown ({of.basis}).")
    else:
        lines.append(f"Time: about {duration(of.seconds)}, {of.basis}.")
    if of.money is not None:
        lines.append(
            f"Cost at the stated price: about {of.about_money or 0.0:.3g}, "
            f"{'at most' if of.bounded else 'as a budget counts it up to'} {of.money:.3g}, of the "
            "same tokens; samples, and replies drawn to estimate likelihoods, are in it at the "
            "dearer of both prices."
        )
    return lines


def _likely(of: Estimate) -> str:
    """What is likely beside what is possible, and how both go wrong."""
    known = (
        f"Likely: about {of.likely:,}, as the earlier run {of.told_by} took."
        if of.likely is not None
        else "Likely: not known before a run of this model, task and strategy; a small one tells."
    )
    wrong = (
        "of more than 16 dialogues only the longest are counted, each for others, and requests "
        "that have to be sent again aren't known"
        if of.whole
        else "of more than 16 dialogues only the longest are counted, each for others, and a reply "
        "that is read again is taken to have no more tokens than it may be generated with"
    )
    return (
        f"{known} Replies are mostly shorter than they may be, so the run takes less; samples and "
        f"what is read to measure are in it. It could take more: {wrong}."
    )


def _print(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True)
