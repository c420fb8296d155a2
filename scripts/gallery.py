"""Every kind of page, as pictures to look at: wide, on a phone, printed, light and dark.

    python scripts/gallery.py                     # all of them, into gallery/
    python scripts/gallery.py rising compare      # of these kinds
    python scripts/gallery.py --out FOLDER rising

The runs are of planted models, made anew in a temporary folder; studies and theory are those that
are committed under ``benchmarks/``. Beside each picture lies the page.
``tests/report/test_gallery.py`` compares layout facts of the same pages.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import selfcorrect as sc
from selfcorrect import studies
from selfcorrect.report.page import page
from selfcorrect.report.sheet import page as sheet_page
from selfcorrect.runs.report import page_of

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: How each page is looked at: width, dark, printed, all unfolded.
LOOKS: Mapping[str, tuple[int, bool, bool, bool]] = {
    "1400": (1400, False, False, False),
    "1400-dark": (1400, True, False, True),
    "400": (400, False, False, False),
    "400-unfolded": (400, False, False, True),
    "print": (1000, False, True, False),
}
_LONG = "a-name-that-somebody-made-of-everything-that-the-run-is-about-and-of-its-date"


def _run(folder: Path, law: str, rounds: int = 5, n: int = 96, **more: Any) -> Any:
    options = {"n": n, "cluster_size": more.pop("cluster_size", 2)}
    return sc.run(
        f"planted:chain?{law}", "planted", more.pop("strategy", "intrinsic"), rounds=rounds,
        limit=n, task_options=options, out=folder, progress=False, **more,
    )  # fmt: skip


def _of_run(law: str, **how: Any) -> Callable[[Path], str]:
    return lambda folder: page_of(_run(folder, law, **how))


def _unread(folder: Path) -> str:
    """A run of dialogues that exist already, a third of whose answers nobody can read."""
    return page_of(
        _given(folder, lambda k: ("I can't say.", "(b) or (c)", "The answer is (a).")[k % 3])
    )


def _from_given(folder: Path) -> str:
    return page_of(
        _given(folder, lambda k: "The answer is (a)." if k % 4 else "The answer is (b).")
    )


def _given(folder: Path, last: Callable[[int], str]) -> Any:
    said = [
        {
            "choices": [str(k + 4), str(k + 5), str(k + 14)],
            "answer": str(k + 4),
            "messages": [
                {
                    "role": "user",
                    "content": f"What is {k} + 4?\n(a) {k + 4}\n(b) {k + 5}\n(c) {k + 14}",
                },
                {
                    "role": "assistant",
                    "content": "The answer is (b)." if k % 5 else "The answer is (a).",
                },
                {"role": "user", "content": "Please look at it again."},
                {"role": "assistant", "content": last(k)},
            ],
        }
        for k in range(48)
    ]
    file = folder / "dialogues.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(each)}\n" for each in said))
    return sc.measure(file, "planted:chain", out=folder, progress=False)


def _served(folder: Path) -> str:
    """As a run of a server's model is shown: its name and address in place of the planted one."""
    summary = _run(folder, "accuracy=0.5,cs=0.2").summary()
    summary["spec"]["model"] |= {
        "name": "openai:org/model-7b-instruct",
        "base_url": "http://localhost:8000/v1",
    }
    return page(summary)


def _long_names(folder: Path) -> str:
    summary = _run(folder, "accuracy=0.5,cs=0.2").summary()
    for key in ("model", "task", "strategy"):
        summary["spec"][key]["name"] = f"{key}/{_LONG}"
    summary["folder"] = f"runs/{_LONG}-{_LONG}"
    return page(summary)


def _compare(folder: Path) -> str:
    names = ("intrinsic", "negation", "cot")
    runs = [_run(folder, "accuracy=0.5,cs=0.2,seed=1", strategy=name) for name in names]
    sc.compare(runs, page=folder / "compare.html")
    return (folder / "compare.html").read_text("utf-8")


def _several(folder: Path) -> str:
    from selfcorrect.runs.report import pages_of

    return pages_of([_run(folder, f"accuracy=0.5,cs={cs}", n=48) for cs in (0.02, 0.3)])


def _sheet(file: Path) -> Callable[[Path], str]:
    def made(_: Path) -> str:
        names = sorted(studies.names(), key=len, reverse=True)
        name = next(name for name in names if file.stem == name or file.stem.startswith(f"{name}-"))
        return sheet_page(studies.load(name).sheet(json.loads(file.read_text("utf-8"))))

    return made


KINDS: Mapping[str, Callable[[Path], str]] = {
    "flat": _of_run("accuracy=0.5,cl=1,cs=0,wander=0"),
    "rising": _of_run("accuracy=0.4,cl=0.98,cs=0.3,gap=0.1"),
    "falling": _of_run("accuracy=0.8,cl=0.75,cs=0.02"),
    "alternating": _of_run("accuracy=0.5,cl=0,cs=1,stay=0", rounds=6),
    "unread": _unread,
    "one-round": _of_run("accuracy=0.5", rounds=1, strategy="baseline"),
    "two-clusters": _of_run("accuracy=0.5,cs=0.2", n=48, cluster_size=24),
    "sixty-clusters": _of_run("accuracy=0.5,cs=0.2", n=240, cluster_size=4),
    "ten-rounds": _of_run("accuracy=0.5,cs=0.2", rounds=10),
    "forty-rounds": _of_run("accuracy=0.5,cs=0.2", rounds=40, n=24),
    "given": _from_given,
    "served": _served,
    "long-names": _long_names,
    "compare": _compare,
    "several": _several,
    **{
        f"theory-{n}": _sheet(RESULTS / "theory" / f"{n}.json")
        for n in ("bridge", "concepts", "construct", "train")
    },
    **{f"study-{f.stem}": _sheet(f) for f in sorted((RESULTS / "studies").glob("*-smollm2.json"))},
}


@contextmanager
def _browser() -> Any:
    from playwright.sync_api import sync_playwright

    installed = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        yield browser
        browser.close()


def picture(browser: Any, file: Path, look: str, to: Path) -> None:
    """One page, as one look at it shows it."""
    width, dark, printed, unfolded = LOOKS[look]
    tab = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    tab.goto(file.as_uri())
    tab.wait_for_timeout(300)
    if printed:
        tab.pdf(path=str(to.with_suffix(".pdf")), format="A4", print_background=True)
        tab.emulate_media(media="print")
        tab.set_viewport_size({"width": 700, "height": 900})
    if unfolded:
        tab.evaluate("document.querySelectorAll('details.fold').forEach((d) => { d.open = true; })")
        tab.wait_for_timeout(100)
    tab.screenshot(path=str(to), full_page=True)
    tab.close()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--out", type=Path, default=ROOT / "gallery")
    parser.add_argument("--look", action="append", choices=list(LOOKS))
    given = parser.parse_args(arguments)
    if unknown := [kind for kind in given.kinds if kind not in KINDS]:
        parser.error(f"there is no kind {unknown[0]!r}: known are {', '.join(KINDS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        for kind in given.kinds or KINDS:
            file = given.out.resolve() / f"{kind}.html"
            file.write_text(KINDS[kind](Path(folder) / kind), encoding="utf-8")
            for look in given.look or LOOKS:
                picture(browser, file, look, given.out / f"{kind}-{look}.png")
            print(f"{kind}  {file.stat().st_size / 1000:.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
