"""An arm with its folder: what is there already, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfcorrect import records
from selfcorrect.errors import UserError
from selfcorrect.runs.arms import Arm
from selfcorrect.runs.header import RUN, Header, read_header
from selfcorrect.runs.pieces import Piece, gaps, pieces
from selfcorrect.runs.store import Store


@dataclass(eq=False)
class ArmFolder:
    """An arm and its folder, as it was when it was last read.

    Attributes:
        wanted: so many dialogues it is to have.
        header: what its ``run.toml`` says; ``None`` where no run has begun.
        pieces: whose records are there.
        missing: the intervals of positions without records.
    """

    arm: Arm
    store: Store
    wanted: int
    header: Header | None = None
    pieces: Sequence[Piece] = ()
    missing: Sequence[tuple[int, int]] = ()

    @classmethod
    def open(cls, arm: Arm, out: Path, wanted: int) -> ArmFolder:
        """Read an arm's folder.

        Raises:
            UserError: it is damaged, or holds a run of another spec.
        """
        folder = cls(arm, Store(out / arm.folder), wanted)
        folder.refresh()
        return folder

    def refresh(self) -> None:
        """Read it again; see :meth:`open`."""
        self.header = read_header(self.store)
        if self.header is not None and self.header.version != records.VERSION:
            raise UserError(
                f"{self.store.root} has records of version {self.header.version}, which are shown "
                f"and not added to (here they are of version {records.VERSION}): choose another "
                "output folder, or move that one away."
            )
        if self.header is not None and self.header.hash != self.arm.hash:
            raise UserError(
                f"{self.store.root} holds a run of another spec (its {RUN} says "
                f"{self.header.hash}, this one is {self.arm.hash}): choose another output folder, "
                "or move that one away."
            )
        self.pieces = pieces(self.store) if self.header is not None else ()
        self.missing = gaps(self.pieces, 0, self.wanted)

    @property
    def lacks_controls(self) -> bool:
        """Whether its header doesn't name all that it is to be compared with."""
        return self.header is not None and not (
            self.arm.controls.items() <= self.header.controls.items()
        )


def check_margins(folder: ArmFolder) -> None:
    """Raises UserError where other margins are asked for than those fixed when the run began."""
    if folder.header is None or folder.header.spec.margins == folder.arm.spec.margins:
        return
    fixed, asked = folder.header.spec.margins, folder.arm.spec.margins
    wanted = " ".join(f"margins.{k}={v}" for k, v in fixed.items() if v != asked.get(k))
    raise UserError(
        f"the margins of {folder.store.root} were fixed before its data were seen: give {wanted}, "
        "or choose another output folder."
    )
