"""What a run will show its model, and what that will cost, without running anything.

The loop itself (``converse``) goes through the rounds, on a stand-in that has the model's
tokenizer and template but no weights: it notes every prompt and replies with a placeholder. So
what is shown is what the loop does, whatever the strategy.
"""

from __future__ import annotations

from selfcorrect.preview.build import COUNTED, Preview, preview
from selfcorrect.preview.estimate import EFFICIENCY, Estimate
from selfcorrect.preview.prompts import Prompt

__all__ = ["COUNTED", "EFFICIENCY", "Estimate", "Preview", "Prompt", "preview"]
