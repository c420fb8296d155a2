"""A small model to tune."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tiny.model("llama")
    place = tmp_path / "parent"
    model.engine.network.save_pretrained(place)
    model.vocabulary.tokenizer.save_pretrained(place)
    return place
