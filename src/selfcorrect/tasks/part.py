"""Half of a task's clusters, so that what a model was tuned on is never what it is tested on.

Which half a cluster is in follows from its name alone: not from the seed, the limit, or what else
the data hold. So the two parts of one data set share no cluster, whoever makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.tasks.base import Example, Task
from selfcorrect.tasks.copies import copies_of
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.data.order import draw

#: The option of every task, and its values.
OPTION, PARTS = "part", ("train", "test")


def part_of(cluster: str) -> str:
    """The part that a cluster is in, ``train`` or ``test``: by a hash of its name, as likely."""
    return PARTS[draw(0, "part", cluster) >> 63]


def taken(task: str, options: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """The part that a task's options name, empty for all of it, and the other options.

    Raises:
        UserError: there is no such part.
    """
    rest = {key: each for key, each in options.items() if key != OPTION}
    part = options.get(OPTION) or ""
    if part and part not in PARTS:
        word = nearest(part, PARTS) if isinstance(part, str) else "train or test"
        raise UserError(f"option 'part' of task {task!r} can't be {part!r:.60}: {word}")
    return str(part), rest


class Parted:
    """The examples of a task that are in one part; in all else the task itself.

    Args:
        task: any task.
        part: ``train`` or ``test``.

    Raises:
        UserError: none of its clusters is in the part.
    """

    def __init__(self, task: Task, part: str) -> None:
        self._task, self._part = task, part
        every = task.examples()
        here = [at for at, each in enumerate(every) if part_of(each.cluster) == part]
        if not here:
            clusters = len({each.cluster for each in every})
            raise UserError(
                f"the part {part!r} of the task {task.name} is empty: all of its {clusters} "
                "clusters are in the other part; leave out part, or give more data"
            )
        self._examples: Sequence[Example] = Lazy(len(here), lambda i: every[here[i]])
        self.copies, _ = copies_of(self._examples) if task.copies else (0, {})
        about = f"{part}:{task.fingerprint}".encode("utf-8", "surrogatepass")
        self.fingerprint = blake2b(about, digest_size=8).hexdigest()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked for before there is a task: while it is unpacked
            raise AttributeError(name)
        return getattr(self._task, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Parted, (self._task, self._part)

    def examples(self) -> Sequence[Example]:
        """Those in the part, in the data's own order."""
        return self._examples
