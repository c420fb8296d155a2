"""The loop: a chunk of examples through all rounds of one or several strategies, as records.

Arms whose first steps are the same share round 1, and all arms share the encoded beginning.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.given import Entry, entry
from selfcorrect.messages import Message, message
from selfcorrect.models.base import Conversation, Model, Reply, Request, TextScore
from selfcorrect.strategies import (
    MAX_TOKENS,
    Step,
    Strategy,
    check_given,
    check_names,
    placeholders,
    render,
)
from selfcorrect.tasks.base import Answer, Example, Grade, Task

#: Called as each arm finishes each round, with that round's records.
OnRound = Callable[[str, int, Sequence[Mapping[str, Any]]], None]
Record = dict[str, Any]

#: Notes of the loop itself; others tell what a model did differently than it was asked to.
_STOPPED = "stopped early: the answer had settled"
_OUTGROWN = "the transcript outgrew the model's context window in an earlier round"
_KEPT = "no new answer in this round: the earlier one stands"
_ENDED = "the dialogue holds no such round: its last answer stands"
_CODES = {_STOPPED: "settled", _OUTGROWN: "outgrown", _KEPT: "kept", _ENDED: "ended"}
#: The code of a note that tells what a model did differently than it was asked to.
OF_MODEL = "model"
#: Values of which the example's images are a part.
_WITH_IMAGES = {"question", "repeat"}
_UNMEASURED = "the transcript is longer than the model's context window: no options were read"


@dataclass(frozen=True, slots=True)
class Arm:
    """A strategy and how many rounds of it are run."""

    name: str
    strategy: Strategy
    rounds: int


@dataclass
class _Dialogue:
    """What the loop knows of one dialogue; what the model is shown stands in the conversation."""

    example: Example
    values: dict[str, str]
    labels: tuple[str, ...]
    outcomes: dict[str, str] = field(default_factory=dict)
    steps: list[Record] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    answer: Answer | None = None
    scores: tuple[TextScore, ...] = ()
    first_choice: int | None = None
    unchanged: int = 0
    answered: bool = False
    over: str | None = None  # why no more steps are taken: "context", "settled" or "ended"

    @property
    def option_p(self) -> list[float]:
        """The options' probabilities, from the first token at which they differ."""
        return _normalised([s.logp - s.logp_shared for s in self.scores])

    @property
    def answered_with(self) -> Answer:
        """The answer as it is graded."""
        answer = self.answer or Answer("", problem="empty")
        return replace(answer, probabilities=tuple(self.option_p) or None)


@dataclass
class _Setting:
    """What all arms of a chunk have in common."""

    model: Model
    task: Task
    seed: int
    others: Mapping[str, Model]


@dataclass
class _State:
    """An arm under way: its dialogues and the conversations they stand in, by speaker."""

    dialogues: list[_Dialogue]
    conversations: dict[str | None, Conversation]


def converse(
    model: Model,
    task: Task,
    examples: Sequence[Example],
    arms: Sequence[Arm],
    *,
    seed: int,
    system: str | None = None,
    others: Mapping[str, Model] | None = None,
    on_round: OnRound | None = None,
) -> dict[str, list[Record]]:
    """Take a chunk of examples through all rounds of every arm.

    Args:
        model: who answers.
        task: asks, reads and grades.
        examples: the chunk.
        arms: their names differ.
        seed: of the run; samples draw from the seed of (run, example, round, step, copy).
        system: a system prompt for every dialogue.
        others: models that a strategy's ``from`` names.
        on_round: called as each arm finishes each round.

    Returns:
        Per arm its records (the columns of ``records.SCHEMA``), by example as given, then round.

    Raises:
        UserError: a strategy names a model that isn't bound, or a value the task doesn't offer.
    """
    setting = _Setting(model, task, seed, others or {})
    start = [message("system", system)] if system is not None else []
    fresh = [_open(task, example) for example in examples]
    for arm in arms:
        _check(arm.strategy, fresh, setting)
    root = model.open(len(fresh))
    records: dict[str, list[Record]] = {arm.name: [] for arm in arms}
    groups = _same_beginning(arms)
    for number, group in enumerate(groups):
        own = root if number == len(groups) - 1 else root.branch()
        own.restart([start] * len(fresh))
        state = _State([_copy(d) for d in fresh], {None: own})
        first = _round(state, group[0].strategy, 1, setting, system)
        for arm in group:
            own_first = [{**row, "oracle": arm.strategy.oracle} for row in first]
            records[arm.name] += own_first
            if on_round:
                on_round(arm.name, 1, own_first)
        if number == 0 and len(groups) > 1:
            root = own.branch()  # so that the next group finds this one's beginning encoded
        for k, arm in enumerate(group):
            mine = state if k == len(group) - 1 else _branch(state)
            for number_of_round in range(2, arm.rounds + 1):
                rows = _round(mine, arm.strategy, number_of_round, setting, system)
                records[arm.name] += rows
                if on_round:
                    on_round(arm.name, number_of_round, rows)
            for conversation in mine.conversations.values():
                conversation.close(range(len(fresh)))
    place = {example.id: at for at, example in enumerate(examples)}
    for rows in records.values():
        rows.sort(key=lambda row: (place[row["example"]], row["round"]))
    return records


def beginning(
    task: Task, example: Example, strategy: Strategy, system: str | None
) -> tuple[list[Message], str]:
    """The messages of round 1 up to its first reply, and what the reply starts with."""
    values = {**_open(task, example).values, "round": "1"}
    messages = [message("system", system)] if system is not None else []
    for step in strategy.steps(1):
        if step.given:
            first = entry(example.turns, 1, messages)
            return list(first.shown), first.request.prefill
        if step.say is None:
            return messages, render(step.prefill, values)
        messages.append(_message(step.role, step.say, values, example))
    return messages, ""


def _open(task: Task, example: Example) -> _Dialogue:
    return _Dialogue(example, dict(task.ask(example)), tuple(task.labels(example)))


def _copy(dialogue: _Dialogue) -> _Dialogue:
    fields = dict(vars(dialogue))
    for name in ("outcomes", "steps", "notes"):
        fields[name] = type(fields[name])(fields[name])
    return _Dialogue(**fields)


def _branch(state: _State) -> _State:
    conversations = {who: c.branch() for who, c in state.conversations.items()}
    return _State([_copy(d) for d in state.dialogues], conversations)


def _check(strategy: Strategy, dialogues: Sequence[_Dialogue], setting: _Setting) -> None:
    if dialogues:
        check_names(strategy, set(dialogues[0].values))
        check_given(strategy, len(dialogues[0].example.turns), setting.task.name)
    for name, line in strategy.asked.items():
        if name not in setting.others:
            raise UserError(
                f"the strategy {strategy.name} lets {name!r} speak (line {line}), but no model is "
                f"bound to that name: add models.{name}=MODEL to the spec."
            )


def _same_beginning(arms: Sequence[Arm]) -> list[list[Arm]]:
    groups: list[list[Arm]] = []
    for arm in arms:
        for group in groups:
            if group[0].strategy.first == arm.strategy.first:
                group.append(arm)
                break
        else:
            groups.append([arm])
    return groups


def _round(
    state: _State, strategy: Strategy, number: int, setting: _Setting, system: str | None
) -> list[Record]:
    """All steps of one round; returns its records."""
    for dialogue in state.dialogues:
        dialogue.steps, dialogue.notes, dialogue.answered = [], [], False
        if number == 1 and system is not None:
            dialogue.steps.append(_said(message("system", system), begin=False, shown=True))
    for at, step in enumerate(strategy.steps(number)):
        taking = [d.over is None and not d.answered and _meets(step, d) for d in state.dialogues]
        if not any(taking):
            continue
        if step.source not in state.conversations:
            opened = setting.others[str(step.source)].open(len(state.dialogues))
            state.conversations[step.source] = opened
        if step.given:
            _enter(state, number, setting, system)
        elif step.say is not None:
            _say(state, step, step.say, number, taking)
        else:
            _elicit(state, step, (number, at), setting, taking)
    for dialogue in state.dialogues:
        _settle(dialogue, strategy, number)
    pairs = [(d.example, d.answered_with) for d in state.dialogues]
    grades = setting.task.grade(pairs)
    _check_outcomes(setting.task, pairs, grades, number)
    return [
        _record(dialogue, grade, number, strategy.oracle)
        for dialogue, grade in zip(state.dialogues, grades, strict=True)
    ]


def _check_outcomes(
    task: Task, pairs: Sequence[tuple[Example, Answer]], grades: Sequence[Grade], number: int
) -> None:
    """Raises UserError for an outcome or a key that isn't what the task has stated."""
    if len(grades) != len(pairs):
        raise UserError(f"the task {task.name} graded {len(pairs)} answers {len(grades)} times.")
    for (example, answer), grade in zip(pairs, grades, strict=True):
        where = f"the task {task.name}, example {example.id!r} in round {number}"
        if problem := task.outcome.problem_with(grade.outcome):
            raise UserError(f"{where}: its {task.outcome.name} {problem}; correct Task.grade.")
        if answer.key is not None and not isinstance(answer.key, str):
            raise UserError(
                f"{where}: the key of an answer is {answer.key!r}, and must be text or None; "
                "correct Task.read."
            )


def _meets(step: Step, dialogue: _Dialogue) -> bool:
    return all(dialogue.outcomes.get(name) == value for name, value in step.when.items())


def _values(dialogue: _Dialogue, number: int) -> dict[str, str]:
    return {**dialogue.values, **dialogue.outcomes, "round": str(number)}


def _say(state: _State, step: Step, template: str, number: int, taking: Sequence[bool]) -> None:
    conversation = state.conversations[step.source]
    messages: list[Message | None] = [None] * len(taking)
    for i, dialogue in enumerate(state.dialogues):
        if taking[i]:
            said = _message(step.role, template, _values(dialogue, number), dialogue.example)
            messages[i] = said
            shown = step.source is None
            dialogue.steps.append(_said(said, begin=step.begin, shown=shown))
    if step.begin:
        conversation.restart([[] if m is not None else None for m in messages])
    conversation.say(messages)


def _message(role: str, template: str, values: Mapping[str, str], example: Example) -> Message:
    """The example's images come with its question, wherever that is said."""
    images = example.images if placeholders(template) & _WITH_IMAGES else ()
    return Message(role, (*images, render(template, values)))


def _enter(state: _State, number: int, setting: _Setting, system: str | None) -> None:
    """A round that exists already: its options are read, then its answer is entered."""
    conversation = state.conversations[None]
    start = [message("system", system)] if system is not None else []
    entries: list[Entry | None] = []
    for dialogue in state.dialogues:
        if dialogue.over is None and number > len(dialogue.example.turns):
            dialogue.over = "ended"
        over = dialogue.over is not None
        entries.append(None if over else entry(dialogue.example.turns, number, start))
    conversation.restart([None if e is None else e.shown for e in entries])
    replies = conversation.elicit([None if e is None else e.request for e in entries])
    conversation.restart([None if e is None else e.after for e in entries])
    for dialogue, each, reply in zip(state.dialogues, entries, replies, strict=True):
        if each is None or reply is None:
            continue
        for said in each.said:
            dialogue.steps.append({**_said(said, begin=False, shown=True), "speaker": "given"})
        text = each.after[-1].text
        prefill = each.request.prefill if each.shown != each.after else None
        dialogue.steps.append(
            {
                **_elicited("answer", "given", text, prefill, reply, True),
                "finish": "given",
                "token_ids": [],
                "token_logps": [],
                "gap": None,
            }
        )
        dialogue.outcomes["answer"] = text
        fits = reply.finish != "context"
        dialogue.notes += [*reply.notes, *(each.notes if fits else (_UNMEASURED,))]
        _answer(dialogue, setting.task, text, reply.options if fits else ())


def _answer(dialogue: _Dialogue, task: Task, text: str, scores: Sequence[TextScore]) -> None:
    """The answer ends the dialogue's round."""
    dialogue.answered = True
    dialogue.scores = tuple(scores)
    earlier = dialogue.answer
    dialogue.answer = task.read(dialogue.example, text)
    same = earlier is not None and _same(earlier, dialogue.answer)
    dialogue.unchanged = dialogue.unchanged + 1 if same else 0


def _elicit(
    state: _State, step: Step, place: tuple[int, int], setting: _Setting, taking: Sequence[bool]
) -> None:
    """One elicitation: replies are entered in the conversation, as outcomes and as steps."""
    kind = str(step.elicit)
    conversation = state.conversations[step.source]
    speaker = setting.model if step.source is None else setting.others[step.source]
    prefills = [
        render(step.prefill, _values(dialogue, place[0])) if takes else ""
        for dialogue, takes in zip(state.dialogues, taking, strict=True)
    ]
    requests: list[Request | None] = [None] * len(taking)
    for i, dialogue in enumerate(state.dialogues):
        if taking[i]:
            requests[i] = Request(
                prefill=prefills[i],
                max_tokens=step.max_tokens or setting.task.max_tokens.get(kind, MAX_TOKENS[kind]),
                temperature=step.temperature,
                seed=_seed(setting.seed, dialogue.example.id, *place, 0),
                options=dialogue.labels if kind == "answer" else (),
            )
    if step.choices:
        replies = _choose(conversation, step.choices, requests)
    elif step.samples > 1:
        replies = _sample(conversation, step, place, state.dialogues, requests, setting)
    else:
        replies = list(conversation.elicit(requests))
    for dialogue, reply, prefill in zip(state.dialogues, replies, prefills, strict=True):
        if reply is None:
            continue
        text = prefill + reply.text
        # What didn't fit was never part of the transcript.
        shown = step.source is None and reply.finish != "context"
        step_record = _elicited(kind, speaker.name, text, prefill, reply, shown)
        if step.choices and reply.finish != "context":
            step_record["finish"] = "choice"
            step_record["choices"] = list(step.choices)
            step_record["choice_logp"] = [s.logp for s in reply.options]
        dialogue.steps.append(step_record)
        dialogue.notes += reply.notes
        dialogue.outcomes[kind] = reply.text if step.choices else text
        if reply.finish == "context":
            dialogue.over = "context"
            dialogue.answer, dialogue.scores = Answer("", problem="context"), ()
        elif kind == "answer":
            # A step's own choices aren't the example's options: they have no option_p.
            scores = () if step.choices else reply.options
            _answer(dialogue, setting.task, text, scores)


def _same(a: Answer, b: Answer) -> bool:
    return a.key == b.key if a.key is not None else a.text.strip() == b.text.strip()


def _choose(
    conversation: Conversation, choices: Sequence[str], requests: Sequence[Request | None]
) -> list[Reply | None]:
    """The likeliest of given texts, put in as the reply."""
    texts = [None if r is None else [r.prefill + choice for choice in choices] for r in requests]
    scores = conversation.score(texts)
    replies: list[Reply | None] = [None] * len(requests)
    messages: list[Message | None] = [None] * len(requests)
    for i, (request, each) in enumerate(zip(requests, scores, strict=True)):
        if request is None or each is None:
            continue
        if not each:
            replies[i] = Reply("", "context", notes=("the transcript is too long",))
            continue
        best = max(range(len(choices)), key=lambda k: each[k].logp)
        messages[i] = message("assistant", request.prefill + choices[best])
        replies[i] = Reply(
            choices[best],
            "stop",
            options=tuple(each),
            prompt_tokens=each[0].prompt_tokens,
            encoded=each[0].encoded,
            reused=each[0].reused,
        )
    conversation.say(messages)
    return replies


def _sample(
    conversation: Conversation,
    step: Step,
    place: tuple[int, int],
    dialogues: Sequence[_Dialogue],
    requests: Sequence[Request | None],
    setting: _Setting,
) -> list[Reply | None]:
    """Several replies each on a branch; the one taken is put in as the reply."""
    k = step.samples
    spread: list[Request | None] = []
    for request, dialogue in zip(requests, dialogues, strict=True):
        for copy in range(k):
            seed = _seed(setting.seed, dialogue.example.id, *place, copy)
            spread.append(None if request is None else replace(request, seed=seed))
    branch = conversation.branch(k)
    drawn = branch.elicit(spread)
    branch.close(range(len(spread)))
    replies: list[Reply | None] = [None] * len(requests)
    messages: list[Message | None] = [None] * len(requests)
    for i, (request, dialogue) in enumerate(zip(requests, dialogues, strict=True)):
        mine = [reply for reply in drawn[i * k : (i + 1) * k] if reply is not None]
        if request is None or not mine:
            continue
        taken = mine[0]
        if step.take == "majority":
            answers = [setting.task.read(dialogue.example, request.prefill + r.text) for r in mine]
            taken = mine[_elected(answers)]
        replies[i] = _sum(taken, mine)
        if taken.finish != "context":
            messages[i] = message("assistant", request.prefill + taken.text)
    conversation.say(messages)
    return replies


def _elected(answers: Sequence[Answer]) -> int:
    """Which of several answers most of them agree with: the first of those that do.

    Answers that couldn't be read have no vote; of as many votes, those of the earliest count.
    """
    votes = Counter(answer.key for answer in answers if answer.key is not None)
    if not votes:
        return 0
    winner = max(votes, key=votes.__getitem__)  # the first of the largest: as they were drawn
    return next(at for at, answer in enumerate(answers) if answer.key == winner)


def _sum(taken: Reply, all_of_them: Sequence[Reply]) -> Reply:
    """The reply taken, with what all of them cost."""
    return replace(
        taken,
        encoded=sum(r.encoded for r in all_of_them),
        reused=sum(r.reused for r in all_of_them),
        generated=sum(r.generated for r in all_of_them),
        drafted=sum(r.drafted for r in all_of_them),
    )


def _seed(run: int, example: str, *place: int) -> int:
    text = "\x1f".join(map(str, (run, example, *place)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())


def _settle(dialogue: _Dialogue, strategy: Strategy, number: int) -> None:
    if dialogue.over == "settled":
        dialogue.notes.append(_STOPPED)
    elif dialogue.over == "ended":
        dialogue.notes.append(_ENDED)
    elif dialogue.over == "context" and not dialogue.steps:
        dialogue.notes.append(_OUTGROWN)
    elif dialogue.over is None and not dialogue.answered:
        dialogue.notes.append(_KEPT)
        dialogue.unchanged += 1
    if number == 1 and dialogue.answer is not None:
        dialogue.first_choice = dialogue.answer.choice
    stop = strategy.stop
    if stop is not None and dialogue.over is None and dialogue.unchanged >= stop.unchanged:
        dialogue.over = "settled"


def _said(message: Message, *, begin: bool, shown: bool) -> Record:
    text = "".join(part for part in message.parts if isinstance(part, str))
    step = _step("say", message.role, "strategy", text, begin=begin, shown=shown)
    return {**step, "images": [image.name for image in message.images]}


def _elicited(
    kind: str, speaker: str, text: str, prefill: str | None, reply: Reply, shown: bool
) -> Record:
    return {
        **_step(kind, "assistant", speaker, text, begin=False, shown=shown),
        "prefill": prefill,
        "finish": reply.finish,
        "token_ids": list(reply.token_ids),
        "token_logps": list(reply.token_logps),
        "prompt_tokens": reply.prompt_tokens,
        "encoded": reply.encoded,
        "reused": reply.reused,
        "generated": reply.generated,
        "drafted": reply.drafted,
        "gap": reply.gap,
    }


def _step(kind: str, role: str, speaker: str, text: str, *, begin: bool, shown: bool) -> Record:
    return {
        "kind": kind,
        "role": role,
        "speaker": speaker,
        "begin": begin,
        "shown": shown,
        "text": text,
        "images": [],
        "prefill": None,
        "finish": None,
        "choices": [],
        "choice_logp": [],
        "token_ids": [],
        "token_logps": [],
        "prompt_tokens": 0,
        "encoded": 0,
        "reused": 0,
        "generated": 0,
        "drafted": 0,
        "gap": None,
    }


def _record(dialogue: _Dialogue, grade: Grade, number: int, oracle: bool) -> Record:
    answer = dialogue.answered_with
    scores = dialogue.scores
    p = dialogue.option_p
    answers = [s for s in dialogue.steps if s["kind"] != "say"]
    total = {
        name: sum(step[name] for step in answers)
        for name in ("encoded", "reused", "generated", "drafted")
    }
    first = dialogue.first_choice
    return {
        "example": dialogue.example.id,
        "cluster": dialogue.example.cluster,
        "round": number,
        "choices": list(dialogue.example.choices),
        "text": answer.text,
        "key": answer.key,
        "choice": answer.choice,
        "problem": answer.problem,
        "cut": any(s["kind"] == "answer" and s["finish"] == "length" for s in answers),
        "outcome": None if grade.outcome is None else float(grade.outcome),
        "target": grade.target,
        "option_logp": [s.logp for s in scores],
        "option_tokens": [s.tokens for s in scores],
        "option_p": p,
        "option_mass": min(1.0, math.fsum(math.exp(s.logp) for s in scores)) if p else None,
        "likeliest": max(range(len(p)), key=p.__getitem__) if p else None,
        "confidence": p[answer.choice] if p and answer.choice is not None else None,
        "entropy": -math.fsum(x * math.log(x) for x in p if x > 0) if p else None,
        "first_choice_p": p[first] if p and first is not None else None,
        "prompt_tokens": max((step["prompt_tokens"] for step in answers), default=0),
        **total,
        "oracle": oracle,
        "notes": [
            {"code": _CODES.get(note, OF_MODEL), "text": note}
            for note in dict.fromkeys(dialogue.notes)
        ],
        "values": [
            {"name": name, "value": None if value is None else float(value)}
            for name, value in grade.values.items()
        ],
        "steps": dialogue.steps,
    }


def _normalised(logps: Sequence[float]) -> list[float]:
    if not logps:
        return []
    top = max(logps)
    weights = [math.exp(value - top) for value in logps]
    return [w / math.fsum(weights) for w in weights]
