"""Strategies: templates, the built-ins, and every mistake in a file told with its line."""

from __future__ import annotations

import random
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect.errors import UserError
from selfcorrect.strategies import MAX_TOKENS, check_names, names, parse
from selfcorrect.strategies.reading import FOLDER
from selfcorrect.strategies.schema import ELICIT, SAY, STOP, TOP
from strategy_files import CRITIC, OFFERED

VALID = [p.read_text(encoding="utf-8") for p in sorted(FOLDER.glob("*.toml"))] + [CRITIC]


SNIPPETS = [
    *('"', "'", '"""', "'''", "[", "]", "[[", "{", "}", "=", "#", "\n", ",", ".", "\\", "\0", "é"),
    *("[[again]]\n", "[[first]]\n", "[again.when]\n", "[stop]\n", 'elicit = "answer"\n'),
    *("rounds = [2]\n", "true", "-1", "1e999", "nan", "1979-05-27", "0x" + "f" * 5000),
    *('"{injected}"', "when = {}"),
]  # fmt: skip


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(VALID), st.integers(1, 6))
def test_reading_a_damaged_file_gives_a_strategy_or_one_sentence(
    rng: random.Random, text: str, changes: int
) -> None:
    for _ in range(changes):
        a = rng.randrange(len(text) + 1)
        b = min(len(text), a + rng.choice([0, 0, 1, 5, 20]))
        lines = text.split("\n")
        if rng.random() < 0.3:
            rng.shuffle(lines)
            text = "\n".join(lines[: rng.randrange(len(lines)) + 1])
        else:
            text = text[:a] + rng.choice(SNIPPETS) + text[b:]
    try:
        strategy = parse(text, "mine.toml")
    except UserError as error:
        found = re.match(r"mine\.toml:(\d+): ", str(error))
        assert found
        assert 1 <= int(found[1]) <= text.count("\n") + 1
    else:
        for round in range(1, (strategy.max_rounds or 12) + 1):
            last = strategy.steps(round)[-1]
            assert last.given or last.elicit == "answer"


DOCS = Path(__file__).parents[2] / "docs" / "strategies.md"


def test_examples_in_the_docs_are_strategies() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    whole = [block for block in blocks if block.startswith("about")]
    assert len(whole) == 2
    assert whole[0] == (FOLDER / "intrinsic.toml").read_text("utf-8")
    for block in whole:
        check_names(parse(block, "docs.toml"), OFFERED)
    parse(
        'about = "the part"\n[[first]]\nsay = "x"\n[[first]]\nelicit = "answer"\n' + blocks[1], "x"
    )


def test_the_docs_name_every_key_and_every_strategy() -> None:
    text = DOCS.read_text("utf-8")
    for key in {*TOP, *SAY, *ELICIT, *STOP} - {"parameters", "first", "again", "stop"}:
        assert f"`{key}`" in text
    for name in names():
        assert f"| `{name}` |" in text
    for kind, tokens in MAX_TOKENS.items():
        assert re.search(rf"{kind} {tokens}\b", text)
