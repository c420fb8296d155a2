"""Where tables and keys of a TOML text stand, compared with where they were written."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcorrect.toml_lines import Place, TomlError, key_lines, line_of, parse
from timing import within

#: Values, some of which look like tables, keys or comments, and some over several lines.
VALUES = st.sampled_from(
    [
        "1",
        '"a#b = [x]"',
        "'[x]'",
        "'''\nx = 1\n[[again]]\n'''",
        "''' '' ''''",
        '"""\n\\"""\nq"""""',
        '"""one \\\n   [two]\n\n# three"""',
        "[\n1, # ]\n2,\n]",
        "[ [ 1, '['],\n\n [ ']' ],\n]",
        "{a = '}', 'b.c' = { d = [ \n1 ] } }",
        "[ {x = 1}, {x = '''\n''' } ]",
        "1979-05-27T07:32:00Z",
    ]
)
PARTS = st.sampled_from(["alpha", "1", "b-e", '"be ta"', "'eps.ilon'", '"\\u00e9"', '"="', "'#['"])


def plain(part: str) -> str:
    """A part of a key as tomllib reads it."""
    return next(iter(tomllib.loads(f"{part} = 0")))


@dataclass
class Written:
    """A text, written line by line, with the lines on which its keys were."""

    text: str = ""
    lines: dict[Place, int] = field(default_factory=dict)

    def say(self, text: str, *places: Place) -> None:
        for place in places:
            self.lines.setdefault(place, self.text.count("\n") + 1)
        self.text += text + "\n"


@st.composite
def documents(draw: Any) -> Written:
    """A valid document of key lines, tables, arrays of tables and tables within those."""
    written = Written()

    def pairs(table: Place) -> None:
        used: set[str] = set()
        for _ in range(draw(st.integers(0, 3))):
            parts = draw(st.lists(PARTS, min_size=1, max_size=3))
            if plain(parts[0]) in used:
                continue
            used.add(plain(parts[0]))
            place = (*table, *map(plain, parts))
            places = [place[:n] for n in range(len(table) + 1, len(place) + 1)]
            between = draw(st.sampled_from([".", " . ", "\t."]))
            value = draw(VALUES)
            end = draw(st.sampled_from(["", "  # x = [", " "]))
            written.say(f"{draw(st.sampled_from(['', '  ']))}{between.join(parts)} = {value}{end}",
                        *places)  # fmt: skip

    pairs(())
    for n in range(draw(st.integers(0, 3))):  # the names differ from those of keys
        name = f"t{n}"
        if draw(st.booleans()):
            written.say(draw(st.sampled_from(["# [no]", "", "\t"])))
            quoted = draw(st.sampled_from([name, f'"{name}"', f" '{name}' "]))
            written.say(f" [{quoted}] # k = 1", (name,))
            pairs((name,))
            if draw(st.booleans()):
                written.say(f"[{name}.'in . ner']", (name, "in . ner"))
                pairs((name, "in . ner"))
            continue
        for k in range(draw(st.integers(1, 3))):
            written.say(f"[[{name}]]", (name,), (name, k))
            pairs((name, k))
            for j in range(draw(st.integers(0, 2))):
                written.say(f"[[ {name} . 'sub' ]]", (name, k, "sub"), (name, k, "sub", j))
                pairs((name, k, "sub", j))
    return written


@given(documents())
def test_every_key_stands_on_the_line_it_was_written_on(written: Written) -> None:
    parse(written.text)
    assert key_lines(written.text) == written.lines
    assert key_lines(written.text.replace("\n", "\r\n")) == written.lines


@given(documents())
def test_every_value_has_a_line(written: Written) -> None:
    lines = key_lines(written.text)

    def each(value: Any, place: Place) -> None:
        line = line_of(lines, place)
        assert 1 <= line <= written.text.count("\n") + 1
        if place:
            assert line == lines.get(place, line_of(lines, place[:-1]))
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            if isinstance(inner, dict | list):
                each(inner, (*place, key))

    each(tomllib.loads(written.text), ())


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a = 1\nb = \n", 2, "invalid value"),
        ("a = 1\na = 2", 2, "cannot overwrite a value"),
        ('a = """\n\n', 3, "unterminated string"),
        ("a = " + "[" * 100_000, 1, "nested too deeply"),
        ("a = " + "9" * 5000, 1, "digits"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(TomlError) as error:
        parse(text)
    assert error.value.line == line
    assert reason in error.value.reason


def test_a_long_text_takes_no_longer_than_it_must() -> None:
    text = "".join(f"k{n} = '''\n{'x' * 90}\n'''\n" for n in range(10_000))
    with within(2):
        assert key_lines(text)["k9999",] == 29_998


@pytest.mark.parametrize(
    "text",
    [
        "{} = 1",
        "x = 1\n  [{}]",
        "[[{}]]\n",
        "x = {{a = 1, {} = 2}}",
        "x = {{{}=2}}",
        '"q".{} = 1',
    ],
)
@pytest.mark.parametrize("dot", [".", " . ", ".'b'."])
@within(1)
def test_keys_of_very_many_names_are_refused(text: str, dot: str) -> None:
    with pytest.raises(TomlError, match=r"line [12]: a key has more than 64 names"):
        parse(text.format(dot.join(["a"] * 50_000)))


@within(1)
def test_texts_with_many_dots_are_no_keys() -> None:
    dots = ".".join("x" * 9 for _ in range(50_000))
    told = parse(f"a = '''\n{dots}\n'''\nb = [\"{dots}\", ', {dots}']\nc.d.e = 1\n# {dots} = 1\n")
    assert (told["a"].strip(), told["b"][0], told["c"]) == (dots, dots, {"d": {"e": 1}})
