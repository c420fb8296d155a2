"""A task from outside the package: whatever it gives is checked as it is used.

So that a slip in it is one sentence that names the member, instead of a traceback from deep within
the loop, or a number that nobody notices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from numbers import Real
from typing import Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.outcome import Figure, Floats, Outcome, Share, Sums
from selfcorrect.tasks.base import OFFERED, Answer, Example, Grade, Task, Turn
from selfcorrect.tasks.copies import copies_of, moved
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.user_code import blamed

#: A number of a record; squares of larger ones overflow.
_LARGEST = 1e100
#: No model has so many tokens in its context window.
_LONGEST = 10_000_000


def _texts(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(_writable, value))


def _writable(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mapping(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, Mapping) and all(_writable(k) and fits(v) for k, v in value.items())


def _tokens(value: object) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 1 <= value <= _LONGEST  # type: ignore[operator]


def _number(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if not isinstance(value, Real):
        return False
    try:  # numpy's short numbers would overflow in the comparison
        return abs(float(value)) <= _LARGEST
    except OverflowError:  # an integer of hundreds of digits
        return False


#: what every attribute must be, in words, and the test
_ATTRIBUTES: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "name": ("a text that is not empty", lambda v: _writable(v) and bool(str(v).strip())),
    "outcome": (
        'an Outcome, such as Outcome("toxicity", better="lower")',
        lambda v: isinstance(v, Outcome),
    ),
    "values": ("a mapping of names to a sentence on each", lambda v: _mapping(v, _writable)),
    "figures": ("a mapping of names to functions of the columns", lambda v: _mapping(v, callable)),
    "max_tokens": (
        'a mapping of what is elicited to whole numbers from 1, such as {"answer": 128}',
        lambda v: _mapping(v, _tokens),
    ),
    "skipped": ("a list of sentences, one for each line left out", _texts),
    "fingerprint": (
        "a text that changes when any example, target or wording does",
        lambda v: _writable(v) and bool(v),
    ),
}
_METHODS: Mapping[str, str] = {
    "examples": "a method that gives all examples",
    "ask": "a method that gives what templates may use of an example",
    "labels": "a method that gives what stands for each choice of an example",
    "read": "a method that reads a text as an Answer",
    "grade": "a method that grades pairs of example and answer",
    "reference": "a method that gives an example's reference answer, or None",
    "check": "a method that lists what is wrong with the task itself",
}


class Checked:
    """See :class:`selfcorrect.tasks.base.Task`.

    Args:
        task: the task itself.
        where: how errors speak of it: its file and function, or its class.
        code: a digest of the code that made it, part of the fingerprint; empty where the task's
            own fingerprint is all there is.

    Raises:
        UserError: a member is missing or something else than it should be.
    """

    def __init__(self, task: Any, where: str, code: str = "") -> None:
        self._task = task
        self._where = where
        self._code = code
        for name, expected in _METHODS.items():
            if not callable(getattr(task, name, None)):
                raise self._lacks(name, expected)
        found: dict[str, Any] = {}
        for name, (expected, fits) in _ATTRIBUTES.items():
            if not hasattr(type(task), name) and not hasattr(task, name):
                raise self._lacks(name, expected)
            with blamed(where, f"`{name}`"):
                found[name] = getattr(task, name)
            if not fits(found[name]):
                raise self._wrong(name, expected, found[name])
        self.name: str = found["name"]
        self.outcome: Outcome = found["outcome"]
        self.values: Mapping[str, str] = found["values"]
        self.figures: Mapping[str, Figure] = {
            name: _blamed_figure(figure, where, name) for name, figure in found["figures"].items()
        }
        self.max_tokens: Mapping[str, int] = found["max_tokens"]
        self.skipped: Sequence[str] = tuple(found["skipped"])
        read_as = getattr(task, "read_as", ())
        self.read_as: Sequence[str] = tuple(read_as) if _texts(read_as) else ()
        self.meanings: str = self._meanings()
        self.keeps_texts: bool = self._keeps_texts()
        self.continued_by: str = self._continued_by()
        self.columns: Mapping[str, str] = self._columns()
        parts = (code, found["fingerprint"])
        self.fingerprint: str = (
            blake2b(repr(parts).encode(), digest_size=8).hexdigest() if code else parts[1]
        )
        self._examples = self._all_examples()

    def _meanings(self) -> str:
        """By what its answers say the same: ``key`` where the task says nothing of it."""
        with blamed(self._where, "`meanings`"):
            found = getattr(self._task, "meanings", "key")
        if found not in ("key", "text"):
            raise self._wrong("meanings", "'key' or 'text'", found)
        return str(found)

    def _keeps_texts(self) -> bool:
        """Whether replies are recorded; they are where the task says nothing of it."""
        with blamed(self._where, "`keeps_texts`"):
            found = getattr(self._task, "keeps_texts", True)
        if not isinstance(found, bool):
            raise self._wrong("keeps_texts", "true or false", found)
        return found

    def _continued_by(self) -> str:
        """The strategy that goes on from its first answers; none where the task says nothing."""
        with blamed(self._where, "`continued_by`"):
            found = getattr(self._task, "continued_by", "")
        if not _writable(found):
            raise self._wrong("continued_by", "the name of a strategy, or an empty text", found)
        return str(found)

    def _columns(self) -> Mapping[str, str]:
        """Names of its numbers that only its figures need; none where the task states none."""
        with blamed(self._where, "`columns`"):
            found = getattr(self._task, "columns", {})
        if not _mapping(found, _writable):
            raise self._wrong("columns", "a mapping of names to a sentence on each", found)
        return dict(found)

    def __reduce__(self) -> tuple[Any, ...]:
        import cloudpickle  # plain pickle refuses functions of a file that was loaded by its path

        return _unpacked, (cloudpickle.dumps((self._task, self._where, self._code)),)

    def examples(self) -> Sequence[Example]:
        """All examples, in the data's own order."""
        return self._examples

    def ask(self, example: Example) -> Mapping[str, str]:
        """See :meth:`selfcorrect.tasks.base.Task.ask`."""
        found = self._call("ask", example)
        if not _mapping(found, _writable):
            raise self._wrong("ask", "a mapping of names to texts", found, example)
        for name in OFFERED:
            if name not in found:
                raise UserError(
                    f"{self._where}: `ask` gives no {name!r} for the example {example.id!r}: it "
                    f"must give {', '.join(OFFERED)}"
                )
        if found["answer_prefill"] != found["answer_prefill"].rstrip():
            raise UserError(
                f"{self._where}: the answer_prefill of `ask` ends in white space, which would "
                "merge with the next token: leave it out"
            )
        return dict(found)

    def labels(self, example: Example) -> Sequence[str]:
        """See :meth:`selfcorrect.tasks.base.Task.labels`."""
        found = self._call("labels", example)
        wanted = len(example.choices)
        if not _texts(found) or len(found) not in (0, wanted):
            expected = f"a list of {wanted} texts, one for each choice, or an empty one"
            raise self._wrong("labels", expected, found, example)
        return tuple(found)

    def read(self, example: Example, text: str) -> Answer:
        """See :meth:`selfcorrect.tasks.base.Task.read`."""
        found = self._call("read", example, text)
        if not isinstance(found, Answer):
            raise self._wrong("read", "an Answer", found, example)
        for name, expected, fits in (
            ("text", "text", _writable(found.text)),
            ("key", "text or None", found.key is None or _writable(found.key)),
            ("problem", "text or None", found.problem is None or _writable(found.problem)),
            ("choice", "an index of a choice or None", _is_choice(found.choice, example)),
        ):
            if not fits:
                value = getattr(found, name)
                raise self._wrong(f"read(…).{name}", expected, value, example)
        if (found.key is None) == (found.problem is None):
            raise UserError(
                f"{self._where}: `read` gives an Answer with key {found.key!r} and problem "
                f"{found.problem!r} for the example {example.id!r}: it has either a key, or a "
                "problem where it can't be read"
            )
        return found

    def grade(self, pairs: Sequence[tuple[Example, Answer]]) -> Sequence[Grade]:
        """See :meth:`selfcorrect.tasks.base.Task.grade`; outcomes are checked by the loop."""
        found = self._call("grade", pairs)
        if not isinstance(found, Sequence) or len(found) != len(pairs):
            raise self._wrong("grade", f"a list of {len(pairs)} grades, one for each answer", found)
        for (example, _), grade in zip(pairs, found, strict=True):
            if not isinstance(grade, Grade):
                raise self._wrong("grade", "a list of Grades", grade, example)
            if not _is_choice(grade.target, example):
                expected = "an index of a choice or None"
                raise self._wrong("grade(…).target", expected, grade.target, example)
            if not _mapping(grade.values, _number):
                expected = "a mapping of names to finite numbers or None"
                raise self._wrong("grade(…).values", expected, grade.values, example)
            if problem := self.outcome.problem_with(grade.outcome):
                raise UserError(
                    f"{self._where}: the {self.outcome.name} that `grade` gives for the example "
                    f"{example.id!r} can't be: {problem}"
                )
        return found

    def reference(self, example: Example) -> str | None:
        """See :meth:`selfcorrect.tasks.base.Task.reference`."""
        found: str | None = self._call("reference", example)
        if found is not None and not _writable(found):
            raise self._wrong("reference", "text or None", found, example)
        return found

    def check(self) -> Sequence[str]:
        """What is wrong with the task itself."""
        found = self._call("check")
        if not _texts(found):
            raise self._wrong("check", "a list of sentences", found)
        return list(found)

    def _all_examples(self) -> Sequence[Example]:
        found = self._call("examples")
        if not (hasattr(found, "__len__") and hasattr(found, "__getitem__")):
            raise self._wrong("examples", "a sequence of Examples", found)
        ids: set[str] = set()
        for index in range(len(found)):
            example = self._example(found, index)
            if example.id in ids:
                raise UserError(f"{self._where}: two examples have the id {example.id!r}")
            ids.add(example.id)
        if not ids:
            raise UserError(f"{self._where}: `examples` gives none")
        every = Lazy(len(ids), lambda index: self._example(found, index))
        self.copies, clusters = copies_of(every)
        return Lazy(len(ids), lambda index: moved(every[index], clusters))

    def _example(self, examples: Sequence[Any], index: int) -> Example:
        with blamed(self._where, f"`examples()[{index}]`"):
            found = examples[index]
        if not isinstance(found, Example):
            raise self._wrong(f"examples()[{index}]", "an Example", found)
        for name, expected, fits in (
            ("id", "a text that is not empty", _writable(found.id) and bool(found.id)),
            ("fields", "a mapping of names to texts", _mapping(found.fields, _writable)),
            ("choices", "a tuple of texts", _texts(found.choices)),
            ("cluster", "a text that is not empty", _writable(found.cluster) and found.cluster),
            ("images", "a tuple of images", isinstance(found.images, tuple)),
            ("others", "a tuple of images", isinstance(found.others, tuple)),
            ("together", "a text", _writable(found.together)),
            (
                "turns",
                "a tuple of turns",
                isinstance(found.turns, tuple) and all(isinstance(t, Turn) for t in found.turns),
            ),
        ):
            if not fits:
                raise self._wrong(f"examples()[{index}].{name}", expected, getattr(found, name))
        return found

    def _call(self, name: str, *args: object) -> Any:
        example = next((arg for arg in args if isinstance(arg, Example)), None)
        of = f" of the example {example.id!r}" if example is not None else ""
        with blamed(self._where, f"`{name}`{of}"):
            return getattr(self._task, name)(*args)

    def _lacks(self, name: str, expected: str) -> UserError:
        return UserError(f"{self._where} is no task: it has no `{name}`, {expected}")

    def _wrong(
        self, name: str, expected: str, value: object, example: Example | None = None
    ) -> UserError:
        of = f" of the example {example.id!r}" if example is not None else ""
        return UserError(f"{self._where}: `{name}`{of} must be {expected}, not {_short(value)}")


def _blamed_figure(figure: Figure, where: str, name: str) -> Figure:
    """A figure of which a failure is told as one of the task's."""

    def blaming(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: object) -> Any:
            with blamed(where, f"the figure {name!r}"):
                return function(*args)

        return call

    def of_share(columns: Mapping[str, Floats], share: Share) -> Floats:
        values = np.asarray(blaming(share.values)(columns), dtype=np.float64)
        if not np.isin(values[~np.isnan(values)], (0, 1)).all():
            raise UserError(
                f"{where}: the figure {name!r} is a Share, so its values are 1, 0 or NaN; correct "
                "them, or make it Sums."
            )
        return values

    if isinstance(figure, Share):
        return replace(figure, values=partial(of_share, share=figure))
    if isinstance(figure, Sums):
        return replace(figure, terms=blaming(figure.terms), value=blaming(figure.value))
    return blaming(lambda columns: float(figure(columns)))


def _is_choice(value: object, example: Example) -> bool:
    return value is None or (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(example.choices)
    )


def _short(value: object) -> str:
    try:
        shown = " ".join(repr(value).split())
    except Exception:  # a user's own __repr__
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _unpacked(packed: bytes) -> Task:
    import cloudpickle

    return Checked(*cloudpickle.loads(packed))
