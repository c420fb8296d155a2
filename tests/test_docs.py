"""The pages agree with the program, the measurements and one another."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
_STRONGER = "qwen2.5-coder-0.5b"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_texts_are_those_of_the_commands() -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert script("help_docs").filled(page) == page, "run 'make help-docs'"


def test_a_help_text_is_what_the_command_prints() -> None:
    texts = script("help_docs").helps()
    environment = {**os.environ, "COLUMNS": "80"}
    paths = ("selfcorrect", "selfcorrect show", "selfcorrect list models")
    arguments = [[*path.split()[1:], "--help"] for path in paths]
    code = (
        "from selfcorrect.cli import main\n"
        f"for arguments in {arguments!r}:\n"
        "    try: main(arguments)\n"
        "    except SystemExit: print('END')\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    ).stdout
    told = [each.strip() for each in printed.split("END")]
    assert told == [*(texts[path].strip() for path in paths), ""]


@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        place, _, part = link.partition("#")
        target = (page.parent / place) if place else page
        assert target.exists(), f"{page.name}: {link}"
        if part:
            titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
            assert part in slugs, f"{page.name}: {link}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    missing = [p.name for p in ROOT.glob("docs/*.md") if f"({p.name})" not in index]
    assert missing == ["index.md"]


def figures() -> list[tuple[str, str]]:
    """The README's measured figures: what it says, and where that was measured."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"<!-- figures -->(.*?)<!-- end of figures -->", text, re.DOTALL)
    assert block, "README.md has no block of figures"
    return re.findall(r"^\|[^|]*\| *([^|]*?) *\| *`([^|`]+)` *\|$", block[1], re.MULTILINE)


def test_the_readmes_figures_are_the_measured_ones() -> None:
    rows = figures()
    assert rows
    for said, place in rows:
        file, _, key = place.partition(": ")
        path = ROOT / "benchmarks" / file
        number = re.search(r"-?\d+(?:\.(\d+))?", said)
        if not path.exists():
            assert number is None, f"{place} is not measured yet, but README says {said}"
            continue
        value: Any = json.loads(path.read_text("utf-8"))
        for part in key.split("."):
            value = value[part]
        assert number, f"{place} is measured ({value}), but README doesn't say it"
        if said.rstrip().endswith("%"):
            value *= 100
        places = len(number[1] or "")
        assert float(number[0]) == pytest.approx(round(value, places), abs=1e-9), place


def test_the_theory_pages_tables_are_the_measured_ones() -> None:
    from selfcorrect.report.sheet import Table
    from selfcorrect.studies.train.ablations import DATA
    from selfcorrect.studies.train.sheet import sheet

    page = (ROOT / "docs" / "theory.md").read_text("utf-8")
    result = json.loads((ROOT / "benchmarks" / "theory" / "train.json").read_text("utf-8"))
    shown = " ".join(page.split())
    parts = [part for section in sheet(result).sections for part in section.parts]
    [readings] = [p for p in parts if p.title.startswith("1 − cos(prediction")]
    assert isinstance(readings, Table)
    for name, *cells in readings.rows:
        if name not in ("floor", "best copy", "least squares") and "published" not in name:
            assert f"| {name} | {' | '.join(cells)} |" in page, name
    for preset in ("ablations", "ranked"):
        named = [p for p in parts if p.title == f"Ablations, {DATA[preset]}"]
        [found] = [p for p in named if isinstance(p, Table)]
        for name, *_, difference, p, verdict in found.rows[1:]:
            assert f"{difference} | {p} | {verdict}" in shown, name
    [shortcuts] = [p for p in parts if p.title.startswith("1 − cos with the truth, by kind")]
    assert isinstance(shortcuts, Table)
    for name, *cells in shortcuts.rows:
        assert f"| {name} | {' | '.join(cells)} |" in page, name


@pytest.mark.parametrize("of", ["inside", "claimed", "rivals"])
def test_the_studies_tables_are_the_measured_ones(of: str) -> None:
    tables = importlib.import_module(f"benchmarks.{of}").tables
    page = (ROOT / "docs" / "studies.md").read_text("utf-8")
    found = json.loads((ROOT / "benchmarks" / f"{of}.json").read_text("utf-8"))
    for name, head, rows in tables(found):
        block = page.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- end of {name} -->")[0]
        shown = [line.strip("| ").split(" | ") for line in block.splitlines()]
        assert [shown[0], *shown[2:]] == [head, *rows], "run 'make bench-inside'"


def test_entropies_are_said_to_be_those_of_lm_polygraph() -> None:
    page = " ".join((ROOT / "docs" / "benchmarks.md").read_text("utf-8").split())
    result = json.loads((ROOT / "benchmarks" / "lm_polygraph.json").read_text("utf-8"))
    assert f"Last run ({result['lm_polygraph']})" in page
    for name, found in result["sources"].items():
        assert f"{name}: {found['records']:,} records" in page
        assert found["largest_difference"] < 1e-15
        assert found["distinct_values"] > 1


def test_constraints_cover_every_dependency() -> None:
    pinned = {
        line.partition("==")[0].strip().lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=!~ ]", each)[0].lower().replace("_", "-") for each in wanted}
    assert names <= pinned


def test_no_source_is_kept_out_of_the_repository() -> None:
    """A pattern in .gitignore that is not anchored also takes folders inside the package."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    files = [p for p in [*ROOT.glob("src/**/*"), *ROOT.glob("tests/**/*")] if p.is_file()]
    names = "\n".join(str(p.relative_to(ROOT)) for p in files if "__pycache__" not in p.parts)
    asked = subprocess.run(
        ["git", "check-ignore", "--stdin"], input=names, capture_output=True, text=True, cwd=ROOT
    )
    ignored = [n for n in asked.stdout.splitlines() if ".egg-info" not in n]
    assert ignored == []


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    """On a processor that multiplies bfloat16; others choose float32, and other last digits."""
    text = (ROOT / "README.md").read_text("utf-8")
    shown = re.search(r"```text\n(round .*?)```", text, flags=re.DOTALL)
    assert shown
    makefile = (ROOT / "Makefile").read_text("utf-8")
    command = re.search(r"selfcorrect (run --task sample .*)", makefile)
    assert command
    printed = subprocess.run(
        [sys.executable, "-m", "selfcorrect", *command[1].split()], capture_output=True, text=True,
        cwd=tmp_path, env={**os.environ, "COLUMNS": "80"},
    ).stdout  # fmt: skip
    lines = [line.rstrip() for line in printed.splitlines()]
    assert [line for line in shown[1].splitlines() if line and line not in lines] == []


def test_a_studys_results_are_the_measured_ones() -> None:
    from selfcorrect.studies.words import estimate

    page = (ROOT / "docs" / "studies" / "convergence.md").read_text("utf-8")
    file = ROOT / "benchmarks" / "studies" / "convergence-smollm2.json"
    for model in ("smollm2", _STRONGER):
        result = json.loads((file.parent / f"convergence-{model}.json").read_text("utf-8"))
        names = ("accuracy", "entropy", "calibration_gap", result["activation"])
        for control, told in result["against"].items():
            cells = [estimate(told["difference"][name], signed=True) for name in names]
            assert f"| `{control}` | {' | '.join(cells)} |" in page
    for name, ends in {"entropy": (0, -1), "confidence": (0, -1)}.items():  # the stronger model's
        for at in ends:
            value = result["curves"][name]["intrinsic"][at]["value"]
            assert f"{value:.3f}".removeprefix("0") in page
    page = (ROOT / "docs" / "studies" / "injection.md").read_text("utf-8")
    result = json.loads((file.parent / "injection-smollm2.json").read_text("utf-8"))
    for rows in zip(*result["lags"].values(), strict=True):
        cells = [estimate(row, signed=True) for row in rows]
        assert f"| {rows[0]['lag']} | {' | '.join(cells)} |" in page
    page = (ROOT / "docs" / "studies" / "steering.md").read_text("utf-8")
    for model in ("smollm2", _STRONGER):
        result = json.loads((file.parent / f"steering-{model}.json").read_text("utf-8"))
        for name, title in (
            ("entropy", "entropy (nats)"),
            ("p_right", "probability of the right option"),
        ):
            odd, even = (result["responses"][name]["chosen"][part] for part in ("odd", "even"))
            as_far = round(odd["p"] * (1 + odd["null"]["n"])) - 1
            cells = [estimate(odd["concept"], signed=True), str(as_far)]
            cells.append(estimate(even["concept"], signed=True))
            assert f"| {title} | {' | '.join(cells)} |" in page
    page = (ROOT / "docs" / "studies" / "mechanism.md").read_text("utf-8")
    result = json.loads((file.parent / "mechanism-smollm2.json").read_text("utf-8"))
    for kind, sign in (("given", 1), ("right", -1)):
        lowered = result["likelihood"][kind]["rationale"]
        assert f"{sign * lowered['value']:.3f}".removeprefix("0") in page
    for model in ("smollm2", _STRONGER):
        result = json.loads((file.parent / f"mechanism-{model}.json").read_text("utf-8"))
        _has_mechanism(page, result, whole=model == "smollm2")


def _has_mechanism(page: str, result: Mapping[str, Any], *, whole: bool) -> None:
    from selfcorrect.studies.words import estimate

    titles = {"instruction": "the goal", "feedback": "the feedback", "rationale": "the rationale"}
    for part, title in titles.items():
        told = result["parts"][part]
        cells = [estimate(told["residual"][way], signed=True) for way in ("raw", "mere", "beyond")]
        assert (f"| {title} | {' | '.join(cells)} |" in page) == whole
        cells = [estimate(told[site]["beyond"], signed=True) for site in result["sites"]]
        assert f"| {title} | {' | '.join(cells)} |" in page
    words = {"instruction": "goal", "cot": "chain of thought"}
    for name, of in result["factors"].items():
        parts = [words.get(each, each) for each in name.split(" × ")]
        cells = [estimate(of[site], signed=True) for site in result["sites"]]
        row = f"| {' × '.join(parts)} | {' | '.join(cells)} |"
        assert (row in page) == (len(parts) < 3)


def test_what_tuning_on_chosen_texts_did_is_as_measured() -> None:
    from selfcorrect.report.numbers import p_value
    from selfcorrect.studies.words import estimate

    page = (ROOT / "docs" / "studies" / "debias.md").read_text("utf-8")
    result = json.loads(
        (ROOT / "benchmarks" / "studies" / "debias-smollm2.json").read_text("utf-8")
    )
    for name, claim in result["claims"].items():
        cells = [estimate(claim, signed=True), p_value(claim["p_holm"])]
        cells.append(estimate(result["shares"][name], signed=True))
        assert f"| {name} | {' | '.join(cells)} |" in page
    for name, arm in result["arms"].items():
        cells = [estimate(arm["gap"], signed=True), estimate(result["changes"][name], signed=True)]
        cells += [estimate(arm["share"]), f"{arm['perplexity']:.1f}", estimate(arm["facts"])]
        assert f"| {name} | {' | '.join(cells)} |" in page
    for name, figure in result["figures"].items():
        each = [figure["before"], *figure["arms"].values()]
        cells = [estimate(e, signed=name.endswith("bias")) for e in each]
        assert f"| {name} | {' | '.join(cells)} |" in page
