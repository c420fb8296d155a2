"""The measures of replies that were drawn beside the answers: how many things a model says."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import polars as pl

from selfcorrect.measures import families
from selfcorrect.measures.measure import COST, QUALITY, SURE, Measure

_SAMPLES: Mapping[str, Any] = {"needs": "samples"}

UNCERTAINTY_OF_SAMPLES: list[Measure] = [
    Measure(
        "semantic_entropy", "semantic entropy",
        "Mean entropy over what the samples mean, in nats, each sample counting alike: 0 where all "
        "say the same, ln k where no two of k do. Biased low where k is small.",
        SURE, form="nats", bounds=(0, inf), ceiling="samples", margin=0.05, compared=True,
        band=True, column="sem. H", explained="semantic entropy, in nats",
        of_record=pl.col("semantic_entropy"), **_SAMPLES,
    ),
    Measure(
        "meanings", "meanings", "Mean number of meanings that the samples have.",
        SURE, bounds=(1, inf), of_record=pl.col("meanings"), **_SAMPLES,
    ),
    Measure(
        "all_differ", "all samples differ",
        "Share of records whose samples have a meaning each, so that semantic entropy is at its "
        "ceiling, ln k.",
        SURE, "share", "share", of_record=pl.col("all_differ"), **_SAMPLES,
    ),
    Measure(
        "chao_shen", "semantic entropy, Chao-Shen",
        "Semantic entropy corrected for meanings that weren't drawn, by Chao and Shen.",
        SURE, form="nats", bounds=(0, inf), of_record=pl.col("chao_shen"), **_SAMPLES,
    ),
    Measure(
        "coverage_corrected", "semantic entropy, by coverage",
        "Semantic entropy corrected by how the coverage grows with the samples, by Chao, Wang and "
        "Jost.",
        SURE, form="nats", bounds=(0, inf), of_record=pl.col("coverage_corrected"), **_SAMPLES,
    ),
    Measure(
        "semantic_entropy_normalised", "semantic entropy, length-normalised",
        "Semantic entropy with each distinct text weighted by exp of its mean log-likelihood per "
        "token.",
        SURE, form="nats", bounds=(0, inf), ceiling="samples",
        of_record=pl.col("semantic_entropy_normalised"), **_SAMPLES,
    ),
    Measure(
        "semantic_entropy_raw", "semantic entropy, raw",
        "Semantic entropy with each distinct text weighted by its likelihood. One short text may "
        "outweigh all others, so that it is low whatever they say: better read one of the others.",
        SURE, form="nats", bounds=(0, inf), ceiling="samples",
        of_record=pl.col("semantic_entropy_raw"), **_SAMPLES,
    ),
    Measure(
        "likelihood", "likelihood",
        "Mean log-likelihood of the samples' tokens, in nats per token: nearer to 0 is surer.",
        SURE, form="nats", bounds=(-inf, 0), margin=0.05, compared=True, band=True,
        of_record=pl.col("likelihood"), **_SAMPLES,
    ),
    Measure(
        "agreement", "samples that agree",
        "Mean share of the samples that give the answer that was given.",
        SURE, form="share", bounds=(0, 1), compared=True, band=True,
        of_record=pl.col("agreement"), **_SAMPLES,
    ),
    Measure(
        "p_true", "P(True)",
        "Mean probability that the answer is right, as the model says when it is asked.",
        SURE, form="share", bounds=(0, 1), compared=True, band=True, of_record=pl.col("p_true"),
        needs="truth",
    ),
]  # fmt: skip

QUALITY_OF_SAMPLES: list[Measure] = [
    Measure(
        "semantic_rce", "RCE, semantic",
        "Rank-calibration error of semantic entropy: how far bins of equal entropy are from "
        "ranking by quality. It is above 0 even for a perfect ranking, so read it between the next "
        "two.",
        QUALITY, "round", "share", of_rounds=families.ranked_by_meaning, **_SAMPLES,
    ),
    Measure(
        "semantic_rce_shuffled", "RCE, semantic, if shuffled",
        "The same where quality is shuffled over the entropies: nothing to rank.",
        QUALITY, "round", "share", of_rounds=families.ranked_by_meaning, **_SAMPLES,
    ),
    Measure(
        "semantic_rce_isotonic", "RCE, semantic, if ranked",
        "The same where quality truly falls with semantic entropy, as the best falling fit says.",
        QUALITY, "round", "share", of_rounds=families.ranked_by_meaning, **_SAMPLES,
    ),
    Measure(
        "semantic_spearman", "Spearman, semantic",
        "Rank correlation of semantic entropy and quality: −1 is what one hopes for.",
        QUALITY, "round", of_rounds=families.ranked_by_meaning, **_SAMPLES,
    ),
    Measure(
        "semantic_risk_coverage", "risk-coverage, semantic",
        "Area under the risk-coverage curve with semantic entropy: what is lost in quality among "
        "the k surest answers, averaged over all k. Smaller is better.",
        QUALITY, "round", "share", of_rounds=families.ranked_by_meaning, **_SAMPLES,
    ),
]  # fmt: skip

COST_OF_SAMPLES: list[Measure] = [
    Measure(
        "sampled", "for samples",
        "Mean tokens a dialogue that went through the model for samples, for P(True), and for "
        "the options' likelihoods where a server has to be asked for them apart: only measuring "
        "needs them, so they are in none of the above.",
        COST, form="tokens", bounds=(0, inf), of_record=pl.col("sampled"), **_SAMPLES,
    ),
]  # fmt: skip
