"""Text made fit to show."""

from __future__ import annotations

import sys
import unicodedata

from selfcorrect.text import clipped, visible

#: Unicode's Default_Ignorable_Code_Point, but for joiners and the selectors of variants.
INVISIBLE = {
    0xAD, 0x115F, 0x1160, 0x180E, 0x200B, *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0,
    *range(0xFFF0, 0xFFFC), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE0100),
    *range(0xE01F0, 0xE1000), 0xFFFE, 0xFFFF,
}  # fmt: skip
SELECTORS = [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
REORDERING = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def test_those_characters_that_hide_or_steer_are_replaced_and_no_others() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    hidden = {c for c in every if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    hidden |= {chr(code) for code in INVISIBLE | REORDERING}
    # no two selectors in a row
    others = "".join(f"{c}." for c in every if c not in hidden)
    assert visible(others) == others
    for character in hidden:
        shown = visible(character)
        assert shown != character
        assert shown.isprintable()
        assert (visible(character, lines=True) == character) is (character in "\n\t")


def test_a_row_of_selectors_of_variants_hides_nothing() -> None:
    assert visible("\u2764\ufe0f and \u845b\U000e0100") == "\u2764\ufe0f and \u845b\U000e0100"
    hidden = "".join(map(chr, SELECTORS))
    assert visible(f"a{hidden}").count("<U+") == len(SELECTORS) - 1


def test_of_a_long_text_the_beginning_and_the_end_are_shown() -> None:
    assert clipped("short") == "short"
    shown = clipped("a" * 50_000 + "b" * 50_000, 100)
    assert shown.startswith("a" * 50 + " … (100,000 characters) … ")
    assert shown.endswith("b" * 50)
    assert len(shown) < 150
