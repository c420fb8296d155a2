"""What the tests of tasks others share."""

from __future__ import annotations

from selfcorrect.tasks import Example


def example(name: str, cluster: str) -> Example:
    return Example(name, {}, (), cluster)
