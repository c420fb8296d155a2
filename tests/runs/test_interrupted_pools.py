"""Ctrl-C reaches all processes of a command, and one sentence is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SCRIPT = """
import sys, time
from multiprocessing import get_context
from selfcorrect.runs.executors.pool import Pool

if __name__ == "__main__":
    try:
        with Pool(2, get_context(sys.argv[1])) as pool:
            waiting = [pool.submit(time.sleep, 60) for _ in range(3)]
            print("begun", flush=True)
            [each.result() for each in waiting]
    except KeyboardInterrupt:
        print("one sentence")
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", ["spawn", "fork"])
@pytest.mark.parametrize("after", [0.0, 0.4])
def test_processes_of_a_pool_say_nothing_and_end(tmp_path: Path, start: str, after: float) -> None:
    """Also while they still start."""
    file = tmp_path / "script.py"
    file.write_text(_SCRIPT)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, file, start],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    said, complained = process.communicate(timeout=40)
    assert (said, complained) == ("one sentence\n", "")
    assert time.monotonic() - began < 40  # nobody waits for what they were at


_WAITS = """
import threading
import polars
from selfcorrect.interrupts import waking

waking()
held = threading.Lock()
held.acquire()
try:
    print("begun", flush=True)
    held.acquire()
except KeyboardInterrupt:
    print("one sentence")
"""


def test_a_wait_is_over_at_once() -> None:
    """polars' handler has the system go on with it."""
    process = subprocess.Popen([sys.executable, "-c", _WAITS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    try:
        assert process.communicate(timeout=10)[0] == "one sentence\n"
    finally:
        process.kill()


_STARTS = """
import os, signal, time
from multiprocessing import get_context
from selfcorrect.interrupts import undisturbed
from selfcorrect.runs.executors.pool import Pool

def blocked():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())

with Pool(1, get_context("fork")) as pool:
    print(pool.submit(blocked).result(), blocked())
try:
    with undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)  # another thread may have got it, and says so a moment later
except KeyboardInterrupt:
    print("interrupted")
"""


def test_who_starts_them_is_still_interrupted() -> None:
    done = subprocess.run([sys.executable, "-c", _STARTS], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True False\ninterrupted\n", "")
