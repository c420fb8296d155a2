"""Published findings beside what the studies find on a model that is here: the table of
``docs/published.md``, from ``benchmarks/studies/*.json`` and ``benchmarks/reproductions.json``.

    python -m benchmarks.studies anchoring --model smollm2 --task bbq --data DIR --quick
    python -m benchmarks.published

Published figures are those that can be read in public, in papers' abstracts, reviews or released
code. Ours are what the data hold: nothing here is typed by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.documented import DOCS, filled

from selfcorrect.report.numbers import MISSING, p_value, percent
from selfcorrect.studies.words import estimate

FOLDER = Path(__file__).parent
PAGE = DOCS / "published.md"
#: The models that are here, by the name of their files in ``studies/``.
MODELS = {"smollm2": "SmolLM2-135M", "qwen2.5-coder-0.5b": "Qwen2.5-Coder-0.5B"}
#: The one of which there are all findings.
BUNDLED = "smollm2"

Result = Mapping[str, Any]


class Finding(NamedTuple):
    """A published finding.

    Attributes:
        source: its arXiv number.
        published: what is said there, with its figures.
        of: the file of ours.
        ours: what that file says.
        by: the study, or the page, with the command.
    """

    source: str
    published: str
    of: str
    ours: Callable[[Result], str]
    by: str


def _signed(e: Result) -> str:
    """An estimate with its interval, and why it has none."""
    if e["value"] is not None and e["low"] is None:
        return f"{e['value']:+.3f} (no interval: no dialogue differs)".replace("0.", ".", 1)
    return estimate(e, signed=True)


def _decided(e: Result) -> str:
    """With the interval that its verdict goes by, and the verdict."""
    low, high = e["decides"]
    return f"{estimate({**e, 'low': low, 'high': high}, signed=True)}, {e['verdict']}"


def _told(e: Result) -> str:
    """With the verdict, and what answers that weren't read allow where it hangs on them."""
    if not e.get("hangs"):
        return _decided(e)
    low, high = e["unread"]
    either = f"{_number(low)} to {_number(high)}"
    return f"{_decided(e)} (answers that weren't read allow {either})"


def _number(x: float) -> str:
    return f"{x:+.3f}".replace("0.", ".", 1).replace("-", "−")


def _convergence(result: Result) -> str:
    told = result["against"]["baseline"]["difference"]
    return (
        f"last round minus the question alone: entropy {_told(told['entropy'])}; calibration gap "
        f"{_told(told['calibration_gap'])}; accuracy {_told(told['accuracy'])}"
    )


def _injection(result: Result) -> str:
    now, later = result["lags"]["accuracy"][:2]
    return f"accuracy in the injected round {_signed(now)}, one round later {_signed(later)}"


def _toxicity(result: Result) -> str:
    rows = result["SmolLM2-135M-Instruct"]["toxicity"]["arms"]["intrinsic"]["outcome"]
    means = ", ".join(f"{row['value']:.3f}".lstrip("0") for row in rows)
    return f"by the scorer `profanity`, rounds 1 to {len(rows)}: {means}"


def _reasoning(result: Result) -> str:
    of = result["SmolLM2-135M-Instruct"]["reasoning"]
    return (
        f"GSM8K, last round minus the first {_signed(of['change'])}; minus the question repeated "
        f"{_signed(of['minus_repeat']['last'])}"
    )


def _factorial(result: Result) -> str:
    told = {name: _signed(of["difference"]) for name, of in result["effects"].items()}
    return f"BBQ: feedback {told['F']}, goal {told['I']}, chain of thought {told['C']}"


def _interactions(result: Result) -> str:
    names = ("I×F", "I×C", "F×C")
    told = [f"{name} {_signed(result['effects'][name]['difference'])}" for name in names]
    best = [arm for arm, of in result["arms"].items() if not of["best"]["worse_than"]]
    return f"{', '.join(told)}; of {len(result['arms'])} arms {len(best)} may be the best"


def _association(result: Result) -> str:
    e, read = result["association"], result["checks"][result["form"]]["read"]
    beyond = f"with checks minus the question repeated {_signed(result['beyond']['difference'])}"
    said = f"{beyond}; {estimate(read)} of the first checks could be read; the association "
    if e["value"] is None:
        return f"{said}can't be told, of {e['n']} categories"
    published = result["published"]["value"]
    beside = "" if published is None else f"; with how often checks are true {published:+.3f}"
    return f"{said}is {_signed(e)}, p {p_value(e['p'])}, {e['n']} categories{beside}"


def _words(result: Result) -> str:
    return f"a number minus a reasoned check {_signed(result['forms']['number'])}"


def _attribution(result: Result) -> str:
    parts = result["all"]["parts"]
    return (
        f"BBQ: gain {_signed(result['all']['whole'])}, of which the instruction "
        f"{_decided(parts['instruction'])}"
    )


def _forecast(result: Result) -> str:
    last = str(result["rounds"][-1])
    rates, off = result["rates"], result["forecasts"]["chain"][last]["off"]
    return (
        f"CL {_plain(rates['cl'])}, CS {_plain(rates['cs'])} in rounds 1-{result['fit']}; forecast "
        f"of round {last} minus observed {_signed(off)}"
    )


def _plain(e: Result) -> str:
    return f"{e['value']:.3f}".lstrip("0") if e["low"] is None else estimate(e)


def _next(result: Result) -> str:
    return f"BBQ: a round more brings {_signed(result['next'])}"


def _role(result: Result) -> str:
    beyond = result["own_beyond"]
    more = f"its own gains more than others by {_signed(beyond)} in log odds"
    if beyond["value"] is None:
        more = f"whether its own gains more than others can't be told ({beyond['why']})"
    return (
        f"another answer in the place of its own is taken over in {estimate(result['taken'])}; "
        f"{more}"
    )


def _attacks(result: Result) -> str:
    levels = result["attacks"]["levels"]
    told = "; ".join(f"{name} {estimate(e)}" for name, e in levels.items())
    return f"attack success by phrases, JailbreakBench: {told}"


def _blind(result: Result) -> str:
    arms = result["arms"]
    own, user = (estimate(arms[role]["corrected"]) for role in ("own", "user"))
    return (
        f"wrong answers corrected {own} as its own, {user} as the user's: blind spot "
        f"{estimate(result['blind_spot'])}"
    )


def _roles(result: Result) -> str:
    claims = result["claims"]["accuracy"]
    told = ", ".join(f"{pair} {_signed(e)}" for pair, e in claims.items())
    return f"accuracy after its own answer in each role: {told}"


FINDINGS = (
    Finding("2406.02378", "uncertainty falls, calibration error shrinks and outcomes settle, over "
            "rounds; answers to questions after about round 1, texts after about 6", "convergence",
            _convergence, "`convergence`"),
    Finding("2406.02378", "a reversed instruction lasts one round", "injection", _injection,
            "`injection`"),
    Finding("2410.20513", "toxicity by Perspective, 2,000 prompts: question alone .174; rounds 1 "
            "to 7 .173, .124, .116, .114, .114, .113, .113", "reproductions:toxicity", _toxicity,
            "[reproductions](reproductions.md)"),
    Finding("2410.20513", "with feedback .173, .110, .088, .083, .083, .083, .082", "factorial",
            _factorial, "`factorial`"),
    Finding("2410.20513", "the parts interact negatively, and no arm is best everywhere",
            "factorial", _interactions, "`factorial`"),
    Finding("2405.18634", "over 11 categories of BBQ gains go with how well a model checks itself: "
            "positive, p < .05", "checking", _association, "`checking`"),
    Finding("2405.18634", "checks in words beat numbers", "checking", _words, "`checking`"),
    Finding("2405.18634", "attacks succeed in 2 % in place of 95 % (Vicuna-7b)",
            "jailbreak-defence", _attacks, "`jailbreak-defence`"),
    Finding("2310.01798", "reasoning gets worse when it is reviewed without being told what is "
            "right", "reproductions:reasoning", _reasoning, "[reproductions](reproductions.md)"),
    Finding("2310.01798", "the same, of questions", "attribution", _attribution, "`attribution`"),
    Finding("2507.02778", "errors in a model's own turn are corrected less than the same in the "
            "user's: a blind spot of 64.5 % over 14 models", "blind-spot", _blind,
            "`blind-spot`"),
    Finding("2508.16456", "accuracy follows Upp − α^t (Upp − Acc_0)", "transitions", _forecast,
            "`transitions`"),
    Finding("2604.22273", "iterating can hurt", "transitions", _next, "`transitions`"),
    Finding("2606.05976", "the role in which an earlier answer stands matters", "role", _roles,
            "`role`"),
    Finding("2606.05976", "the same, with another answer in its place", "anchoring", _role,
            "`anchoring`"),
)  # fmt: skip


def data(of: str, model: str = BUNDLED) -> Result | None:
    """The result in a file of ours; ``None`` where there is none of that model."""
    name, _, _ = of.partition(":")
    if name == "reproductions":
        file = FOLDER / "reproductions.json" if model == BUNDLED else None
    else:
        file = FOLDER / "studies" / f"{name}-{model}.json"
    if file is None or not file.exists():
        return None
    found: Result = json.loads(file.read_text("utf-8"))
    return found


def size(of: str, result: Result) -> str:
    """Examples, rounds, and how many of the first answers could be read."""
    if task := of.partition(":")[2]:
        result = result["SmolLM2-135M-Instruct"][task]
        return f"{result['dialogues']}, {result['rounds']}"
    rounds = result.get("rounds", [1, 2])
    read = (result.get("preflight") or {}).get("read")
    share = "" if not read else f", {percent(read['value'], 0)} %"
    return f"{result.get('whole', result['n'])}, {rounds[-1]}{share}"


def head(model: str) -> tuple[str, ...]:
    """The columns of a model's table."""
    return ("source", "published", f"here, {MODELS[model]}", "examples, rounds, read", "by")


def table(model: str = BUNDLED) -> list[list[str]]:
    """The rows of a model's table: of the findings that its studies were made for."""
    rows = []
    for each in FINDINGS:
        if (result := data(each.of, model)) is None:
            continue
        if not result.get("able", True):
            told = f"this model can't answer it: {result['preflight']['why'][0]}"
            rows.append([_link(each), each.published, told, MISSING, each.by])
            continue
        told, sized = each.ours(result), size(each.of, result)
        rows.append([_link(each), each.published, told, sized, each.by])
    return rows


def _link(each: Finding) -> str:
    return f"[{each.source}](https://arxiv.org/abs/{each.source})"


def main() -> None:
    for model in MODELS:
        PAGE.write_text(filled(PAGE, f"published {model}", head(model), table(model)), "utf-8")


if __name__ == "__main__":
    main()
