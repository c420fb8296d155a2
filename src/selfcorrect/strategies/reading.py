"""Reading a strategy from its TOML file: every mistake is told with its file and line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect import toml_lines
from selfcorrect.errors import UserError, nearest
from selfcorrect.regular import SMALL, read_file
from selfcorrect.strategies.base import ASKING, KINDS, Parameter, Step, Strategy
from selfcorrect.strategies.conditions import (
    check_if,
    check_values,
    is_there,
    read_own,
    read_replaced,
    read_stop,
)
from selfcorrect.strategies.flow import check_flow
from selfcorrect.strategies.parameters import fill_in, meant, read_defaults, read_values, resolve
from selfcorrect.strategies.schema import (
    FORMS,
    TOP,
    File,
    shown,
)
from selfcorrect.strategies.steering import read_steering
from selfcorrect.strategies.templates import misspelt, placeholders
from selfcorrect.toml_lines import Place, TomlError, key_lines, line_of

FOLDER = Path(__file__).parent


def load(name_or_path: str | Path, parameters: Mapping[str, Any] | None = None) -> Strategy:
    """Read and check a strategy.

    Args:
        name_or_path: a built-in strategy's name, or the path of a ``.toml`` file anywhere.
        parameters: values for the strategy's parameters, each of its default's type.

    Raises:
        UserError: if there is no such strategy, or something in its file or in the parameters is
            wrong; with file and line.
    """
    path = path_of(name_or_path)
    return parse(_text(path), path, parameters)


def path_of(name_or_path: str | Path) -> Path:
    """Where a strategy's file lies.

    Raises:
        UserError: there is no built-in strategy of that name.
    """
    given = str(name_or_path)
    if isinstance(name_or_path, Path) or given.endswith(".toml") or "/" in given or "\\" in given:
        return Path(os.path.expanduser(given))
    built_in = {p.stem for p in FOLDER.glob("*.toml")}
    if given not in built_in:
        raise UserError(
            f"unknown strategy {given!r}: {nearest(given, built_in)}; "
            "a strategy of your own is given as the path of its .toml file"
        )
    return FOLDER / f"{given}.toml"


def _text(path: Path) -> str:
    try:
        data = read_file(path, SMALL)
    except FileNotFoundError:
        raise UserError(f"there is no strategy file {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read the strategy file {path}: {reason}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: the file must be text in UTF-8") from None


# --- the file ----------------------------------------------------------------------------------


def parse(text: str, path: str | Path, parameters: Mapping[str, Any] | None = None) -> Strategy:
    """Read and check the text of a strategy's file; ``path`` gives the name, and is for errors.

    Raises:
        UserError: if something in it or in the parameters is wrong; with file and line.
    """
    table = _toml(text, path)
    file = File(str(path), key_lines(text))
    name = Path(path).stem
    used: set[str] = set()
    defaults = read_defaults(file, table.get("parameters", {}))
    resolved = resolve(name, defaults, parameters or {})

    top = read_values(file, (), table, TOP, "at the top of a strategy", resolved, used)
    for key in ("about", "first"):
        if key not in top:
            raise file.error((), f"a strategy needs {_needed(key)}")
    max_rounds = top.get("max_rounds")
    if max_rounds != 1 and "again" not in top:
        raise file.error(
            (), "a strategy needs [[again]] steps for the later rounds, or max_rounds = 1"
        )
    if max_rounds == 1 and "again" in top:
        raise file.error(("again",), "[[again]] is never reached: max_rounds is 1")

    first = _steps(file, "first", top, resolved, used)
    again = _steps(file, "again", top, resolved, used)
    if first[0].say is None and not first[0].given:
        raise file.error(
            ("first", first[0].place, "elicit"),
            "round 1 must begin with a step that says something",
        )
    check_values(file, top, resolved)
    stop = read_stop(file, top, (*first, *again), resolved, used)
    own = read_own(file, top, {step.source for step in (*first, *again)})
    if unused := sorted(set(resolved) - used):
        said = [(text, step.line) for step in (*first, *again) for text in (step.say, step.prefill)]
        raise file.error(
            ("parameters", unused[0]),
            f"the parameter {unused[0]!r} is used nowhere{misspelt(unused[0], said)}",
        )
    if not top.get("oracle"):
        for step in again:
            if step.replaced is not None:
                raise file.error(
                    ("again", step.place, "replaced"),
                    "`replaced` uses what only the data know: say so with oracle = true at the top",
                )
    check_flow(
        first,
        again,
        max_rounds,
        lambda section, n, key, sentence: file.error(
            (section, {"first": first, "again": again}[section][n].place, key), sentence
        ),
    )
    return Strategy(
        name=name,
        about=top["about"],
        source=top.get("source", ""),
        first=first,
        again=again,
        stop=stop,
        parameters=resolved,
        oracle=top.get("oracle", False),
        max_rounds=max_rounds,
        own=own,
        group=top.get("group", ""),
        path=str(path),
    )


def _needed(key: str) -> str:
    return "`about`, one sentence on what it does" if key == "about" else "[[first]] steps"


def _toml(text: str, path: str | Path) -> dict[str, Any]:
    try:
        return toml_lines.parse(text)
    except TomlError as error:
        raise UserError(f"{path}:{error.line}: not valid TOML: {error.reason}") from None


# --- steps -------------------------------------------------------------------------------------


def _steps(
    file: File,
    section: str,
    top: Mapping[str, Any],
    parameters: Mapping[str, Parameter],
    used: set[str],
) -> tuple[Step, ...]:
    steps = [
        _step(file, (section, n), table, top.get("max_rounds"), parameters, used)
        for n, table in enumerate(top.get(section, ()))
    ]
    kept = [
        step
        for step, table in zip(steps, top.get(section, ()), strict=True)
        if is_there(parameters, table.get("if", {}))
    ]
    if steps and not kept:
        raise file.error((section, 0, "if"), f"no step of [[{section}]] is there: `if` leaves none")
    return tuple(kept)


def _step(
    file: File,
    place: Place,
    table: Mapping[str, Any],
    max_rounds: int | None,
    parameters: Mapping[str, Parameter],
    used: set[str],
) -> Step:
    section = f"[[{place[0]}]]"
    known = {key for _, checks in FORMS.values() for key in checks}
    for key in table:
        if key not in known:
            raise file.error(
                (*place, key), f"unknown key {key!r} in a step of {section}: {meant(key, known)}"
            )
    forms = [form for form in FORMS if form in table]
    if len(forms) != 1:
        has = " and ".join(f"`{form}`" for form in forms) or "none of them"
        raise file.error(
            place, f"a step of {section} has one of `say`, `elicit` and `given`: this one has {has}"
        )
    kind, checks = FORMS[forms[0]]
    for key in table:
        if key not in checks:
            raise file.error((*place, key), f"`{key}` has no meaning in a step that {kind}")
    if table.get("elicit") not in (None, *KINDS) and isinstance(table["elicit"], str):
        hint = nearest(table["elicit"], KINDS)
        raise file.error((*place, "elicit"), f"nothing is called {table['elicit']!r}: {hint}")

    v = read_values(file, place, table, checks, f"in {section}", parameters, used)
    for key in ("say", "prefill"):
        if key in v:
            v[key] = fill_in(file, (*place, key), v[key], parameters, used)
            expected, test = checks[key]  # once more: a parameter has come into it
            if not test(v[key]):
                raise file.error((*place, key), f"{key} must be {expected}, not {shown(v[key])}")
    _check_rounds(file, place, table, v, max_rounds)
    if "if" in v:
        check_if(file, (*place, "if"), v["if"], parameters, used)
    _check_samples(file, place, v)
    steer = None
    if "steer" in v:
        steer = read_steering(file, (*place, "steer"), v["steer"], parameters, used)
        if "from" in v:
            raise file.error((*place, "steer"), "`steer` moves the states of the run's own model, "
                             "not of another that a step asks (`from`)")  # fmt: skip
    replaced = None
    if "replaced" in v:
        replaced = read_replaced(file, (*place, "replaced"), v, parameters, used)
    return Step(
        say=v.get("say"),
        elicit=v.get("elicit"),
        given=v.get("given", False),
        role=v.get("role", "user"),
        rounds=tuple(v["rounds"]) if "rounds" in v else None,
        except_rounds=tuple(v.get("except_rounds", ())),
        when=dict(v.get("when", {})),
        begin=v.get("begin", False),
        image=v.get("image"),
        source=v.get("from"),
        prefill=v.get("prefill", ""),
        choices=tuple(v.get("choices", ())),
        max_tokens=v.get("max_tokens"),
        temperature=float(v.get("temperature", 0.0)),
        samples=v.get("samples", 1),
        take=v.get("take", "first"),
        steer=steer,
        replaced=replaced,
        place=int(place[1]),
        line=file.line(place),
    )


def _check_rounds(
    file: File,
    place: Place,
    table: Mapping[str, Any],
    v: Mapping[str, Any],
    max_rounds: int | None,
) -> None:
    for key in ("rounds", "except_rounds"):
        if key not in v:
            continue
        if place[0] == "first":
            raise file.error((*place, key), f"`{key}` belongs to [[again]]: [[first]] is round 1")
        if table[key] == []:
            raise file.error((*place, key), f"{key} must name at least one round")
        late = [r for r in v[key] if max_rounds is not None and r > max_rounds]
        if late:
            raise file.error(
                (*place, key), f"round {late[0]} never comes: max_rounds is {max_rounds}"
            )


def _check_samples(file: File, place: Place, v: Mapping[str, Any]) -> None:
    samples = v.get("samples", 1)
    if "choices" in v:
        for key in ("max_tokens", "temperature", "samples", "take"):
            if key in v:
                raise file.error(
                    (*place, key),
                    f"`{key}` has no meaning beside `choices`: the likeliest is taken",
                )
    if samples > 1 and not v.get("temperature"):
        raise file.error(
            (*place, "samples"),
            f"{samples} samples at temperature 0 are all the same: set `temperature`",
        )
    if "take" in v and samples < 2:
        raise file.error((*place, "take"), "`take` chooses among several samples: set `samples`")
    if v.get("take") == "majority" and v["elicit"] != "answer":
        raise file.error((*place, "take"), "a majority can only be taken of answers")


# --- what a task offers ------------------------------------------------------------------------


def check_names(strategy: Strategy, known: set[str]) -> None:
    """Check that the templates only use names which a task, or the strategy itself, offers.

    Args:
        strategy: as read by :func:`load`.
        known: what the task's ``ask`` offers.

    Raises:
        UserError: at the first template with another name, and at a parameter that has the name
            of something the task offers; with file and line.
    """
    for name in strategy.parameters:
        if name in known:
            raise _error_in(
                strategy,
                ("parameters", name),
                f"the parameter {name!r} has the name of something that the task offers",
            )
    allowed = known | set(KINDS) | {"round"}
    for section, steps in (("first", strategy.first), ("again", strategy.again)):
        for step in steps:
            for key, template in (("say", step.say or ""), ("prefill", step.prefill)):
                for name in sorted(placeholders(template) - allowed):
                    raise _error_in(
                        strategy,
                        (section, step.place, key),
                        f"{key} uses {{{name}}}, which neither the task offers nor an earlier "
                        f"step: {nearest(name, allowed)}",
                        step.line,
                    )


def check_given(strategy: Strategy, turns: int, task: str, continued_by: str) -> None:
    """Check that a strategy which takes rounds as they are given finds some.

    Args:
        strategy: as read by :func:`load`.
        turns: how many rounds the task's first example holds.
        task: the task's name.
        continued_by: the strategy that goes on from the first answers that the task gives, if it
            gives some.

    Raises:
        UserError: it holds none, with file and line; or the task's first answers, known to be right
            or wrong, would go unused.
    """
    given = [step.line for step in (*strategy.first, *strategy.again) if step.given]
    if given and not turns:
        raise UserError(
            f"{strategy.path}:{given[0]}: this step takes a round as it is given, and the examples "
            f"of the task {task!r} hold no dialogues: use the task 'dialogues' or 'blind-spot'"
        )
    if continued_by and not given and strategy.name not in ASKING:
        raise UserError(
            f"the strategy {strategy.name} asks for a first answer, and the task {task} gives it: "
            f"use the strategy {continued_by}, or one of your own with given = true in [[first]]"
        )


def check_replaced(strategy: Strategy, share: bool, task: str) -> None:
    """Check that a strategy which says whether answers are right or wrong can know it.

    Args:
        strategy: as read by :func:`load`.
        share: whether the task's answers are right or wrong.
        task: the task's name.

    Raises:
        UserError: they have a number; with file and line.
    """
    lines = [step.line for step in strategy.again if step.replaced is not None]
    if lines and not share:
        raise UserError(
            f"{strategy.path}:{lines[0]}: `replaced` says whether an answer is right or wrong, and "
            f"those of the task {task!r} have a number: use a task whose answers are either"
        )


def _error_in(strategy: Strategy, place: Place, sentence: str, line: int = 1) -> UserError:
    """An error in a strategy read earlier; the file is looked at again for the key's line."""
    try:
        text = _text(Path(strategy.path))
        toml_lines.parse(text)
        line = line_of(key_lines(text), place)
    except (UserError, TomlError):
        pass  # it has gone or changed since: the step's own line will do
    return UserError(f"{strategy.path}:{line}: {sentence}")
