"""``selfcorrect check``: whether a run meets what is required of it, for scripts and CI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from xml.etree import ElementTree

import typer

from selfcorrect.cli import options as o
from selfcorrect.errors import UserError
from selfcorrect.places import new_file, put
from selfcorrect.runs.run import find_alone
from selfcorrect.text import visible

if TYPE_CHECKING:
    from selfcorrect.runs.require import Requirement

#: A requirement isn't met. Other statuses are those of every command.
NOT_MET = 1
_HEAD = "| holds | required | seen |"

Require = Annotated[
    list[str] | None,
    typer.Option(
        metavar="'NAME OP NUMBER'",
        help="What has to hold, such as 'gain.low > -0.02'; may be given again.",
        show_default=False,
    ),
]
JUnit = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="Write a JUnit file, too.", show_default=False),
]
Markdown = Annotated[
    Path | None,
    typer.Option(
        "--markdown", metavar="FILE", help="Write a table in Markdown, too.", show_default=False
    ),
]


def check(
    run: o.RunAlone,
    require: Require = None,
    junit: JUnit = None,
    markdown: Markdown = None,
    as_json: o.AsJson = False,
    scorer: o.SeenBy = "",
    data: o.SeenData = None,
    out: o.Out = Path("runs"),
) -> None:
    """Look whether a run meets what is required of it: status 0 if so, 1 if not.

    Names: gain, again, change, harm, mend, unread.last, tokens, money, seconds, latency.p95,
    dialogues, clusters, and every measure's .first and .last; of estimates .low and .high, too.
    Intervals reach as far as answers that couldn't be read, or another choice of the last round,
    could move them, so a low or high may lie outside what show has in brackets. What a run doesn't
    tell isn't met.

    Example: selfcorrect check RUN --require 'gain.low > -0.02' --require 'unread.last < 0.05'
    """
    from selfcorrect.runs.require import check

    junit = None if junit is None else new_file(junit, "a JUnit file", _is_junit)
    markdown = None if markdown is None else new_file(markdown, "a table of ours", _is_table)
    if junit is not None and junit == markdown:
        raise UserError(f"{junit} can't be a JUnit file and a table: give each a file of its own.")
    found = replace(find_alone(run, out).seen_by(scorer), data=data)
    looked = check(found.summary(), require or [])
    if junit is not None:
        put(junit, _junit(found.folder.name, looked))
    if markdown is not None:
        put(markdown, _markdown(looked).encode())
    if as_json:
        told = {"holds": _all(looked), "requirements": [each.table() for each in looked]}
        typer.echo(json.dumps(told, indent=2, allow_nan=False))
    else:
        typer.echo(visible("\n".join(map(repr, looked)), lines=True))
    if not _all(looked):
        raise typer.Exit(NOT_MET)


def _is_junit(path: Path) -> bool:
    return _begins(path, 200).partition(b"?>")[2].lstrip().startswith(b"<testsuite")


def _is_table(path: Path) -> bool:
    return _begins(path, 200).startswith(_HEAD.encode())


def _begins(path: Path, most: int) -> bytes:
    """The first bytes of a file, however large it is."""
    with path.open("rb") as file:
        return file.read(most)


def _all(looked: Sequence[Requirement]) -> bool:
    return all(each.holds for each in looked)


def _junit(name: str, looked: Sequence[Requirement]) -> bytes:
    failed = sum(not each.holds for each in looked)
    suite = ElementTree.Element(
        "testsuite", name=visible(name), tests=str(len(looked)), failures=str(failed)
    )
    for each in looked:
        case = ElementTree.SubElement(
            suite, "testcase", classname="selfcorrect", name=visible(each.text)
        )
        if not each.holds:
            ElementTree.SubElement(case, "failure", message=each.said)
    file = BytesIO()
    ElementTree.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
    return file.getvalue()


def _markdown(looked: Sequence[Requirement]) -> str:
    rows = [
        f"| {'yes' if each.holds else '**no**'} | `{visible(each.text)}` | {each.said} |"
        for each in looked
    ]
    return "\n".join([_HEAD, "|---|---|---|", *rows, ""])
