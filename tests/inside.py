"""Arms of a study with made-up series, for tests of what is computed from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from panels import MARGINS, made
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import Panel
from selfcorrect.outcome import ACCURACY
from selfcorrect.report.sheet import page
from selfcorrect.studies import load
from selfcorrect.studies.able import checked
from selfcorrect.studies.base import Inputs, Preflight
from selfcorrect.studies.series import Series

ACTIVATION = "activation_biased"


def arms(
    series: Mapping[str, tuple[Any, Any, Any]], clusters: Any, *, concept: bool = True
) -> Series:
    """Arms from (right, entropy, activation) of each, [D, T]."""
    panels: dict[str, Panel] = {}
    for arm, (right, entropy, activation) in series.items():
        options = np.full(np.asarray(right).shape, 2.0)
        panel = made(
            right, offered=options, entropy=np.asarray(entropy, float), confidence=np.exp(-entropy)
        )
        own = {ACTIVATION: np.asarray(activation, float)} if concept else {}
        names = np.asarray(clusters, np.uint64)
        panels[arm] = Panel(panel.rounds, panel.examples, names, panel.columns, own)
    return Series(
        panels,
        Own(ACCURACY, {ACTIVATION: "made up"} if concept else {}),
        MARGINS,
        "entropy",
        "biased" if concept else None,
        ACTIVATION if concept else None,
        11 if concept else None,
        0,
    )


def inputs(series: Series, needs: tuple[str, ...] = (), **settings: Any) -> Inputs:
    """What an analysis gets; nothing is run."""
    found = {
        "able": True,
        "preflight": checked(series, needs),
        "folders": {},
        "n": len(series.main.examples),
        "clusters": len(np.unique(series.main.clusters)),
        "left_out": 0,
    }
    runs: Any = {arm: SimpleNamespace() for arm in series.panels}
    return Inputs(settings, runs, preflight=Preflight(True, found, series))


def told(name: str, result: dict[str, Any]) -> str:
    """The findings in one text; the result is JSON, and its page can be made."""
    json.dumps(result, allow_nan=False)
    sheet = load(name).sheet(result)
    assert page(sheet).startswith("<!doctype html>")
    return " ".join(sheet.findings)
