"""Dialogues as other programs write them, each as a row with ``messages``, ``choices``, ``answer``,
``id`` and ``cluster``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from string import ascii_lowercase as LETTERS
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.cells import MISSING, nested, number, pick
from selfcorrect.tasks.data.frames import frame_rows
from selfcorrect.tasks.data.inspect_logs import is_log, log_rows
from selfcorrect.tasks.data.layouts import ANSWERS, LAYOUTS
from selfcorrect.tasks.data.row import Row
from selfcorrect.tasks.data.rows import rows

MESSAGES = "messages|conversations|conversation"
CHOICES = "choices.text|choices|options"
#: What a user may say with ``--field``, and where each part is looked for else.
PARTS: Mapping[str, str] = {
    "messages": MESSAGES,
    "choices": CHOICES,
    "answer": ANSWERS,
    "id": "id",
    "cluster": "cluster",
    "system": "system|system_prompt",
}
#: Who speaks, as logs name them.
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
}
#: What lm-eval writes around a task's name in the name of its file.
_STAMP = re.compile(r"^samples_|_\d{4}-\d\d-\d\dT[-\d.]+$")
_OPTION = re.compile(r"[ \t]*[(\[]?([A-Za-z])[)\].:]\**[ \t]+(\S.*)")


def dialogue_rows(path: Path, said: Mapping[str, Sequence[str]]) -> Iterator[Row | UserError]:
    """The dialogues of a file, in whichever format it is: messages as servers take them, ShareGPT
    (``conversations``), samples that lm-eval logs, a log of inspect, or our own export.

    Args:
        path: of the file.
        said: part → columns, by the user.

    Yields:
        A row whose ``form`` says what was recognised, or the error that a bad one is.

    Raises:
        UserError: the file can't be read.
    """
    if is_log(path):
        for row in log_rows(path):
            yield row if isinstance(row, UserError) else _with_choices(row)
        return
    yield from _read(rows(path), said)


def frame_dialogues(frame: object, said: Mapping[str, Sequence[str]]) -> Iterator[Row | UserError]:
    """The same of a frame, as of :func:`selfcorrect.tasks.data.frames.frame_rows`."""
    yield from _read(frame_rows(frame), said)


def _read(
    found: Iterable[Row | UserError], said: Mapping[str, Sequence[str]]
) -> Iterator[Row | UserError]:
    seen: dict[str, Any] = {}
    for row in found:
        if isinstance(row, UserError):
            yield row
        elif "resps" in row.fields and "doc" in row.fields:
            if (made := _harness(row, seen)) is not None:
                yield made
        else:
            yield _plain(row, said)


def _plain(row: Row, said: Mapping[str, Sequence[str]]) -> Row | UserError:
    """A row that has messages."""
    fields = row.fields
    if "steps" in fields and "round" in fields:
        return row.error(
            "it is a record of a run, one round of a dialogue: export whole dialogues with "
            "selfcorrect export RUN --jsonl FILE --dialogues"
        )
    if "role" in fields and "content" in fields:
        return row.error(
            "it is one message: put all messages of a dialogue into a list, under 'messages'"
        )
    paths = {part: "|".join(said.get(part, [path])) for part, path in PARTS.items()}
    found = {part: pick(fields, path) for part, path in paths.items()}
    for part in said:
        if found[part] is MISSING:
            return row.missing(said[part][0])
    if found["messages"] is MISSING:
        return row.missing("messages")
    messages = nested(found["messages"])
    shared = isinstance(messages, list) and any(_is_shared(each) for each in messages)
    if isinstance(messages, list):
        messages = [_named(each) for each in messages]
        if isinstance(found["system"], str) and found["system"].strip():
            messages = [{"role": "system", "content": found["system"]}, *messages]
    made = {part: found[part] for part in ("answer", "id", "cluster", "choices")}
    kind = f"{'ShareGPT' if shared else 'messages'}, {row.form}"
    made = {part: value for part, value in made.items() if value is not MISSING}
    return _with_choices(Row(row.where, {**made, "messages": messages}, kind))


def _is_shared(message: object) -> bool:
    return isinstance(message, Mapping) and "from" in message and "value" in message


def _named(message: Any) -> Any:
    """A message with ``role`` and ``content``, as servers take it."""
    if _is_shared(message):
        role, rest = message["from"], {"content": message["value"]}
    elif isinstance(message, Mapping) and isinstance(message.get("role"), str):
        role, rest = message["role"], dict(message)
        if rest.get("content") is None and isinstance(rest.get("refusal"), str):
            rest["content"] = rest["refusal"]
    else:
        return message
    more = {key: value for key, value in rest.items() if value is not None or key == "content"}
    return {**more, "role": _ROLES.get(str(role).casefold(), role)}


def _with_choices(row: Row) -> Row:
    """A row that has choices: its own, else the options that the question lists by letters."""
    choices = nested(row.fields.get("choices"))
    if isinstance(choices, Mapping):
        choices = list(choices.values())
    form = row.form
    if choices is None:
        choices = _listed(row.fields["messages"])
        form += ", options from the question" if choices else ""
    if not choices:
        rest = {key: value for key, value in row.fields.items() if key != "choices"}
        return Row(row.where, rest, form)
    return Row(row.where, {**row.fields, "choices": choices}, form)


def _listed(messages: Any) -> list[str] | None:
    """The options that the first question lists, a line each, from (a) on."""
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, Mapping) and message.get("role") == "user":
            return options_in(_text(message.get("content"))) or None
    return None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def options_in(text: str) -> list[str]:
    """The options that a text lists by letters, a line each: the last list that begins with a and
    has at least two."""
    best: list[str] = []
    found: list[str] = []
    for line in text.splitlines():
        option = _OPTION.fullmatch(line.rstrip())
        at = ord(option[1].casefold()) - ord("a") if option else -1
        if option and at == 0:
            found = [option[2].strip()]
        elif option and found and at == len(found):
            found.append(option[2].strip())
        elif line.strip():
            found = []
        best = found[:] if len(found) > 1 else best
    return best


# --- samples that lm-eval logs -----------------------------------------------------------------


def _harness(row: Row, seen: dict[str, Any]) -> Row | UserError | None:
    """A sample of lm-eval (``--log_samples``): one question and its reply; ``None`` for the same
    reply again, which stands there once for each filter."""
    fields = row.fields
    name = str(fields.get("doc_id", ""))
    if name and name in seen and seen[name] == fields.get("resps"):
        return None
    seen[name] = fields.get("resps")
    asked = list(_requests(fields.get("arguments")))
    replies = _replies(fields.get("resps"))
    if not asked or not replies:
        return row.error("the sample of lm-eval has no 'arguments', or no 'resps'")
    prompt, reply = asked[0][0], replies[0]
    scored = [_log_likelihood(each) for each in replies]
    likely = [each for each in scored if each is not None]
    offered = [str(each[1]).strip() for each in asked if isinstance(each[1], str)]
    if len(likely) == len(replies) == len(offered) and len(offered) > 1:
        reply = offered[max(range(len(likely)), key=likely.__getitem__)]
        form = "samples of lm-eval, the likeliest option as the reply"
    elif isinstance(reply, str):
        several = any(isinstance(each, list) and len(each) > 1 for each in fields["resps"])
        offered, form = [], f"samples of lm-eval{', the first of several replies' * several}"
    else:
        return row.error(
            "the sample of lm-eval is neither a text that was generated nor log-likelihoods of "
            "options"
        )
    choices = _choices(fields.get("doc"), len(offered)) or offered
    target = fields.get("target")
    if offered:
        if not _shown(choices, prompt):
            return row.error(
                "the prompt of this sample of lm-eval doesn't show the options, so that no letter "
                "means one of them"
            )
        at = number(target)  # lm-eval's own index, whatever the options are
        target = f"({LETTERS[at]})" if at is not None and 0 <= at < len(choices) else target
    messages = [*_prompt(prompt), {"role": "assistant", "content": str(reply)}]
    # files of several tasks number their samples alike
    file = Path(row.where.rpartition(":")[0]).stem
    made = {
        "id": f"{_STAMP.sub('', file)}/{name}" if name else None,
        "messages": messages,
        "answer": target,
    }
    return _with_choices(Row(row.where, {**made, "choices": choices or None}, form))


def _requests(arguments: Any) -> Iterable[tuple[Any, Any]]:
    """What was asked: ``{"gen_args_0": {"arg_0": prompt, "arg_1": …}}``, or ``[[prompt, …]]``."""
    each: Any
    if isinstance(arguments, Mapping):
        named = sorted(arguments.items(), key=lambda pair: int("0" + re.sub(r"\D", "", pair[0])))
        for _, each in named:
            if isinstance(each, Mapping) and "arg_0" in each:
                yield each["arg_0"], each.get("arg_1")
    for each in arguments if isinstance(arguments, list) else []:
        if isinstance(each, list) and each:
            yield each[0], each[1] if len(each) > 1 else None


def _replies(resps: Any) -> list[Any]:
    """The first reply to each request."""
    given = resps if isinstance(resps, list) else []
    return [each[0] if isinstance(each, list) and each else each for each in given]


def _log_likelihood(reply: Any) -> float | None:
    first = reply[0] if isinstance(reply, list) and reply else None
    try:
        return float(first) if isinstance(first, str | float | int) else None
    except ValueError:
        return None


def _prompt(prompt: Any) -> list[dict[str, Any]]:
    """What was asked as messages; a chat is logged as JSON."""
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str) and prompt.lstrip().startswith("["):
        with suppress(ValueError):
            prompt = json.loads(prompt)
    if isinstance(prompt, list) and all(isinstance(each, Mapping) for each in prompt):
        return [dict(each) for each in prompt]
    return [{"role": "user", "content": str(prompt)}]


def _shown(choices: Sequence[str], prompt: Any) -> bool:
    """Whether a prompt lists the options, and not only asks for one of them."""
    text = " ".join(str(prompt).split())
    return all(" ".join(choice.split()) in text for choice in choices)


def _choices(doc: Any, count: int) -> list[str]:
    """The options of the data set's own row, as many as were offered."""
    if not isinstance(doc, Mapping):
        return []
    row = Row("doc:1", dict(doc))
    for layout in LAYOUTS:
        if layout.fits(row) and not layout.first:
            values = [nested(pick(row.fields, path)) for path in layout.choices]
            found = values[0] if isinstance(values[0], list) else values
            texts = [each for each in found if isinstance(each, str) and each.strip()]
            if len(texts) > 1 and count in (0, len(texts)):
                return texts
    return []
