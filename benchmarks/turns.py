"""The sides of a comparison as processes that take turns on one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.bbq_dialogues import Dialogues

ROOT = Path(__file__).resolve().parents[1]
CORE = "0"


class Process:
    """A side as a process of its own on one core, asked in turn (see ``side.py``)."""

    def __init__(
        self,
        module: str,
        dialogues: Path,
        model: str,
        rounds: int,
        most: int,
        dtype: str,
        *more: str,
    ) -> None:
        """``most`` is the most tokens that a reply has, ``more`` are arguments of ``side.py``."""
        command = ["taskset", "-c", CORE, sys.executable, "-m", module, str(dialogues)]
        command += ["--model", model, "--rounds", str(rounds)]
        command += ["--max-new-tokens", str(most), "--dtype", dtype, *more]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
        self._line()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} stopped without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def hold(self, concurrency: int) -> dict[str, Any]:
        """Hold all dialogues once; seconds are CPU time, which a busy neighbour moves least."""
        assert self.process.stdin is not None
        print(json.dumps({"concurrency": concurrency}), file=self.process.stdin, flush=True)
        return self._line()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def written(dialogues: Dialogues) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(dialogues, file)
        file.flush()
        yield Path(file.name)


def first(dialogues: Dialogues, count: int) -> Dialogues:
    return {**dialogues, "first": dialogues["first"][:count], "ids": dialogues["ids"][:count]}
