"""The arms of the study: a model as it is, and tuned on each subset with each seed, evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.evaluation.held_out import FACTS, NEUTRAL
from selfcorrect.evaluation.neutral import surprise
from selfcorrect.evaluation.pairs import Pair
from selfcorrect.evaluation.preference import scored_pairs
from selfcorrect.models.base import Model
from selfcorrect.models.scored import scores_texts
from selfcorrect.studies.base import Parts
from selfcorrect.studies.debias.asked import Set
from selfcorrect.studies.parts import part_key
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.choose import Asked, subsets
from selfcorrect.tuning.fit import Settings

#: What is evaluated: pairs, neutral texts, and true sentences with false ones.
Held = tuple[Sequence[Pair], Sequence[str], Sequence[tuple[str, str]]]
#: Tunes on texts (on none: gives the model as it is), and opens what comes out.
Tuner = Callable[[Sequence[str], Settings], tuple[Model, list[float]]]
#: What the model says of one seed's texts, and the subsets as numbers of them.
Chosen = tuple[Asked, dict[str, list[int]]]
BEFORE = "before"


def held_out(pairs: Sequence[Pair]) -> Held:
    """Pairs, with the neutral texts and facts of our own."""
    return pairs, NEUTRAL, FACTS


def shares(texts: Sequence[Text], seeds: Sequence[int]) -> dict[int, list[int]]:
    """Each seed's own texts, as numbers: no two seeds have one in common, nor a cluster.

    Were all seeds to choose from the same texts, what is in a subset by chance would be in it for
    every seed, and no comparison over seeds could tell it from an effect of choosing.

    Args:
        texts: at least one.
        seeds: the first decides who has which; shares are as equal as whole clusters allow.
    """
    clusters: dict[str, list[int]] = {}
    for at, each in enumerate(texts):
        clusters.setdefault(each.cluster, []).append(at)
    found: dict[int, list[int]] = {seed: [] for seed in seeds}
    order = sorted(clusters, key=lambda name: (-len(clusters[name]), draw(seeds[0], "share", name)))
    for name in order:
        min(found.values(), key=len).extend(clusters[name])
    return {seed: sorted(own) for seed, own in found.items()}


def evaluated(model: Model, held: Held) -> dict[str, Any]:
    """What a model is like, as JSON has it.

    Returns:
        ``gaps``: of each pair, log p of the whole sentence that stereotypes more minus that of the
        other, in nats, ``None`` where it isn't known; ``neutral`` and ``tokens``: Σ log p of each
        neutral text, and its tokens; ``facts``: log p of each true sentence minus the false one's.
    """
    pairs, texts, facts = held
    gaps = [None if each is None else each.whole for each in scored_pairs(model, pairs)]
    neutral = surprise(model, texts)
    both = scores_texts(model).scored([t for pair in facts for t in pair], 512, lambda *_: None)
    each = [None if s is None else s.total for s in both]
    return {
        "gaps": gaps,
        "neutral": [None if x != x else x for x in neutral.logps.tolist()],
        "tokens": neutral.tokens.tolist(),
        "facts": [
            None if one is None or other is None else one - other
            for one, other in zip(each[::2], each[1::2], strict=True)
        ],
    }


def arms(
    asked: Asked,
    held: Held,
    tuner: Tuner,
    settings: Settings,
    *,
    size: int,
    seeds: Sequence[int],
    deciding: Any,
    parts: Parts,
    sets: Sequence[Set] = (),
) -> tuple[dict[str, Any], dict[int, Chosen]]:
    """The arms, each tuned on a subset with a seed and evaluated; what is there isn't done again.

    Args:
        asked: what the model says of the texts; each seed chooses from its share of them.
        held: what is evaluated.
        tuner: see :data:`Tuner`.
        settings: of tuning, equal over arms but for the seed.
        size: of each subset.
        seeds: of chance in choosing and in tuning.
        deciding: what else decides what comes out.
        parts: of the analysis.
        sets: of questions that each is asked.

    Returns:
        ``before`` and ``SUBSET SEED`` → as :func:`evaluated`, with ``losses`` of tuning, and
        ``figures``: figure → a number of each question; and by seed its share and the subsets of
        that.
    """
    chosen = _chosen(asked, size, seeds)
    plan: dict[str, tuple[list[str], int]] = {BEFORE: ([], 0)}
    for seed, (own, each) in chosen.items():
        for name, which in each.items():
            plan[f"{name} {seed}"] = ([own.texts[at].text for at in which], seed)
            _check_apart([own.texts[at] for at in which], held, sets)
    deciding = [deciding, [[each.name, each.digest, len(each.clusters)] for each in sets]]
    found: dict[str, Any] = {}
    for number, (name, (texts, seed)) in enumerate(plan.items()):
        seeded = Settings(**{**_table(settings), "seed": seed})
        key = part_key(name, texts, _table(seeded), deciding)
        if key not in parts.done:
            model, losses = tuner(texts, seeded)
            result = {**evaluated(model, held), "losses": losses}
            result["figures"] = {k: v for each in sets for k, v in each.ask(model).items()}
            model.close()
            del model
            parts.keep(key, result)
        else:
            result = parts.done[key]
        found[name] = result
        parts.progress(number + 1, len(plan))
    return found, chosen


def _chosen(asked: Asked, size: int, seeds: Sequence[int]) -> dict[int, Chosen]:
    """By seed its share of the texts and its subsets: those that there are for every seed, as the
    loss may be known of too few texts of one."""
    parts = {seed: asked.part(own) for seed, own in shares(asked.texts, seeds).items()}
    found = {seed: subsets(own, size, seed) for seed, own in parts.items()}
    common = set.intersection(*(set(each) for each in found.values()))
    return {
        seed: (parts[seed], {name: which for name, which in each.items() if name in common})
        for seed, each in found.items()
    }


def _table(settings: Settings) -> Mapping[str, Any]:
    from dataclasses import asdict

    return asdict(settings)


def _check_apart(texts: Sequence[Text], held: Held, sets: Sequence[Set]) -> None:
    """Raises UserError where a text to tune on, or what it was before words were swapped, is among
    those that are evaluated, or is of a cluster that is."""
    pairs, neutral, facts = held
    known = {*neutral, *(t for pair in facts for t in pair)}
    known |= {t for pair in pairs for t in (pair.more, pair.less)}
    known |= {t for each in sets for t in each.texts}
    plain = {_plain(text) for text in known} - {""}
    clusters = {(each.name, name) for each in sets for name in each.clusters}
    seen = [
        each
        for each in texts
        if (each.task, each.cluster) in clusters or plain & {_plain(each.text), _plain(each.usual)}
    ]
    if seen:
        raise UserError(
            f"{len(seen):,} texts to tune on are among those that are evaluated, or of their "
            f"clusters, such as {seen[0].text!r:.60}: leave them out of --data, or give other data "
            "to evaluate on."
        )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def tuner_of(name: str, device: str, *, trust: bool = False) -> Tuner:
    """Tunes a model by its name, in this process; nothing is written.

    Raises:
        UserError: it can't be tuned or read.
    """
    from selfcorrect.models.local.model import LocalModel
    from selfcorrect.models.local.prepack import prepack
    from selfcorrect.tuning.fit import encoded, fit
    from selfcorrect.tuning.tune import opened, source_of

    source = source_of(name, trust=trust)

    def tune(texts: Sequence[str], settings: Settings) -> tuple[Model, list[float]]:
        network, tokenizer, begins = opened(source, settings.longest)
        losses: list[float] = []
        if texts:
            rows = encoded(tokenizer, texts, begins, settings.longest)
            fitted = fit(network, rows, settings, device=device)
            network, losses = fitted.network, fitted.losses
        network = network.eval().to(device)
        prepack(network)
        model = LocalModel(name, source.fingerprint, network, tokenizer, "float32", device)
        return model, losses

    return tune
