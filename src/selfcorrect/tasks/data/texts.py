"""Plain texts, as people have them: JSONL, CSV and the like, or a text file with one a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.labels import TEXTS
from selfcorrect.tasks.data.rows import TABLES, Row, build, files, rows, text_lines


@dataclass(frozen=True, slots=True)
class Text:
    """A text.

    Attributes:
        id: unique among the texts.
        text: as it stands, without white space around it.
        cluster: texts of one template share it; by default the text itself.
        task: the task whose cluster that is; empty where it is none's.
        usual: of a text whose words were swapped, how it was before.
    """

    id: str
    text: str
    cluster: str
    task: str = ""
    usual: str = ""

    def row(self) -> dict[str, str]:
        """As a line of JSON has it."""
        table = {"id": self.id, "text": self.text, "cluster": self.cluster}
        return table | {k: v for k, v in (("task", self.task), ("usual", self.usual)) if v}


def digest_of(texts: Sequence[Text]) -> str:
    """Sixteen hex digits that change when a text or its cluster does."""
    table = repr([(each.text, each.cluster, each.task) for each in texts])
    return blake2b(table.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def read_texts(data: str | Path, skipped: list[str] | None = None) -> list[Text]:
    """The texts of a file or a folder, in their order, each once.

    Args:
        data: rows with a ``text`` (or another of the names that are known), and if wanted ``id``,
            ``cluster`` and ``task``; or a ``.txt`` file of lines.
        skipped: where to list bad lines; ``None`` raises the first instead.

    Raises:
        UserError: there is no such file, a line is bad, with file and line, or there is no text.
    """
    found: list[Text] = []
    for path in files(data, TABLES):
        plain = path.suffix.casefold() == ".txt"
        found += build(text_lines(path, "text") if plain else rows(path), _text, skipped)
    once: dict[str, Text] = {}
    names = {each.id for each in found}
    taken: set[str] = set()
    number = 0  # never smaller again: many texts may have one name
    for each in found:
        if each.text not in once:
            name = each.id
            number = max(number, len(taken))
            while name in taken or (name in names and name != each.id):
                name, number = f"{each.id}-{number}", number + 1
            taken.add(name)
            once[each.text] = replace(each, id=name)
    if not once:
        raise UserError(f"{data}: it holds no text.")
    return list(once.values())


def _text(row: Row) -> Text:
    column = next((name for name in TEXTS if name in row.fields), None)
    if column is None:
        raise row.missing("text")
    name, text = row.name(), row.text(column).strip()
    cluster, task = row.optional("cluster") or name, row.optional("task")
    return Text(name, text, cluster, task, row.optional("usual"))
