"""What a stranger's files claim of how pictures are prepared: bounded in time and memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

import sighted
from selfcorrect import models
from selfcorrect.errors import UserError
from timing import within

#: By family what a stranger may claim of how pictures are prepared, and what is said of it. Each by
#: itself would keep a machine busy for minutes, or fill its memory.
CLAIMED: dict[str, tuple[str, dict[str, Any], str]] = {
    "ratios of many parts": ("internvl", {"max_patches": 10_000}, "max_patches = 10,000"),
    "many large parts": (
        "internvl",
        {"min_patches": 900, "max_patches": 1000, "size": {"height": 4096, "width": 4096}},
        "can't be shown the image .* pixels",
    ),
    "many small parts": (
        "idefics3",
        {"size": {"longest_edge": 4096}, "max_image_size": {"longest_edge": 2}},
        "max_image_size.longest_edge = 2, ",
    ),
    "a large least picture": ("qwen2_5_vl", {"min_pixels": 1 << 25}, "min_pixels = 33,554,432"),
    "many small patches": (
        "qwen2_5_vl",
        {"min_pixels": 1 << 20, "max_pixels": 1 << 21, "merge_size": 64},
        "pairs of patches",
    ),
    "time": ("qwen2_5_vl", {"temporal_patch_size": 9_000}, "temporal_patch_size = 9,000"),
    "a place too large": ("llava_next", {"image_grid_pinpoints": [[9_000, 9_000]]},
                          "image_grid_pinpoints = 9,000"),
    "places without end": ("llava_next", {"image_grid_pinpoints": [[32, 32]] * 12_000},
                           r"image_grid_pinpoints \(its length\) = 12,000"),
    "a side that is no whole number": ("llava", {"crop_size": {"height": 1e9, "width": 16}},
                                       "crop_size.height = 1,000,000,000.0"),
    "a side by itself": ("llava", {"size": 100_000}, "size = 100,000"),
}  # fmt: skip
_SAVED: dict[str, Path] = {}


def shown(folder: Path) -> None:
    """Open a model and show it a picture."""
    models.load(str(folder), "float32").engine.eyes.look(sighted.picture(1))  # type: ignore[attr-defined]


@pytest.mark.parametrize("case", sorted(CLAIMED))
def test_what_a_processor_claims_takes_little_time_and_memory(
    case: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    family, told, says = CLAIMED[case]
    if family not in _SAVED:
        _SAVED[family] = sighted.saved(family, tmp_path_factory.mktemp("models") / family)
    folder = Path(shutil.copytree(_SAVED[family], tmp_path / "model"))
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **told}))
    with within(8), pytest.raises(UserError, match=says) as caught:
        shown(folder)
    assert "\n" not in str(caught.value)


def test_what_is_checked_is_what_transformers_takes(tmp_path: Path) -> None:
    """A harmless file beside the one that counts hides nothing."""
    folder = sighted.saved("qwen2_5_vl", tmp_path / "model")
    told = json.loads((folder / "processor_config.json").read_text())
    images = json.loads((folder / "preprocessor_config.json").read_text())
    for inside, says in (
        ({**images, "size": {"shortest_edge": 64, "longest_edge": 10**12}}, "longest_edge = 1,000"),
        ("all of them", "has no preprocessor_config.json"),
    ):
        (folder / "processor_config.json").write_text(
            json.dumps({**told, "image_processor": inside})
        )
        with pytest.raises(UserError, match=says):
            shown(folder)
