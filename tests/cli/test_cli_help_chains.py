"""Examples in help texts that follow one another: what one writes the next one reads."""

from __future__ import annotations

import shlex
from pathlib import Path

from selfcorrect.cli.helping import EXAMPLES
from selfcorrect.tuning.choose import SUBSETS


def test_tune_reads_a_file_that_choose_writes() -> None:
    words = {name: shlex.split(EXAMPLES[name]) for name in ("choose", "tune")}
    folder = words["choose"][words["choose"].index("--to") + 1]
    texts = Path(words["tune"][words["tune"].index("--texts") + 1])
    assert texts.parent == Path(folder)
    assert texts.stem in SUBSETS
    assert texts.suffix == ".jsonl"
