"""Numbers in a text, as models and people write them, read exactly.

A comma separates thousands, a point decimals; the other way round only where it can't be meant
otherwise (``1.234,50``). What counts as one number: ``1,000``, ``-3``,
``.5``, ``18.`` at the end of a sentence, ``1.0e3`` and ``1.5 × 10^3``, a fraction ``3/4`` or
``\\frac{3}{4}`` or ``¾``, with a whole number before it ``2 1/2``. Signs of currency and ``%`` are
dropped: 50 % is 50. A number that a letter runs into (``x2``) or that stands as an exponent
(``m^2``, ``m²``) is none; nor is one of more than 60 digits, so that no text takes long.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

#: Numbers of more digits, before or after the point, are none.
MOST_DIGITS = 60

#: What is typed for a minus: hyphens, figure dash, en dash, minus signs. A longer dash is none.
_MINUS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\u2796\u207b\ufe63\uff0d"), "-")
_VULGAR = "\u00bc-\u00be\u2150-\u215e\u2189"
_SUPERSCRIPT = "\u2070\u00b9\u00b2\u00b3\u2074-\u2079"

_CURRENCY = r"(?:\\?\$|[€£¥₹₩¢])"
_WHOLE = r"\d+(?:,\d+)*"
_TOKEN = re.compile(
    rf"""
    (?: (?<![A-Za-z\d)\]}}]) (?P<before>[-+]) \s? (?={_CURRENCY}) )?
    (?: {_CURRENCY} \s? )?
    (?: (?<![A-Za-z\d)\]}}]) (?P<sign>[-+]) )?
    (?: (?<![A-Za-z\d]) (?<!\d\.) (?P<whole>{_WHOLE}) (?:\.(?P<places>\d+))?
      | (?<![A-Za-z\d.]) \.(?P<only>\d+) )
    (?: [eE] (?P<exponent>[-+]?\d+) (?![A-Za-z\d]) )?
    """,
    re.VERBOSE,
)
#: What may follow a whole number and make a fraction of it.
_UNDER = r"(?P<under>\d{1,3}(?:,\d{3})+|\d+)(?![\d/]|[.,]\d)"
_OVER = re.compile(rf"/{_UNDER}")
_MIXED = re.compile(rf" (?P<over>\d+)/{_UNDER}")

#: Stands in place of a number's exponent.
POWER = "\ue000"
#: Signs in words, and what groups digits elsewhere: 1'000, 1.234.567, 1.234,50.
_SPOKEN = (
    (re.compile(r"(?<![\d)\]%] )\b(?:[Mm]inus|[Nn]egative) (?=[$€£]?\d)"), "-"),
    (re.compile(r"(?<=\d)['’](?=\d{3}(?!\d))"), ","),
    (
        re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+),(\d{1,2})(?![\d,]|\.\d)"),
        lambda found: f"{found[1].replace('.', '')}.{found[2]}",
    ),
    (
        re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}(?![\d,]|\.\d)"),
        lambda found: found[0].replace(".", ""),
    ),
)

_BRACED = r"\s{0,8}\{\s{0,8}([^{}\s](?:[^{}]{0,78}[^{}\s])?)\s{0,8}\}"
_LATEX = (
    (re.compile(r"\{,\}|,\\!|(?<=\d)\\,(?=\d{3})"), ","),
    (re.compile(rf"(?<=\d)\\[dt]?frac{_BRACED}{_BRACED}"), r" \1/\2"),
    (re.compile(rf"\\[dt]?frac{_BRACED}{_BRACED}"), r"\1/\2"),
    (re.compile(r"(?<=\d)\\[dt]?frac\s*(\d)\s*(\d)"), r" \1/\2"),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)"), r"\1/\2"),
    (
        re.compile(r"(?<=\d) ?(?:×|\\times|\\cdot|·|\*|x) ?10 ?\^ ?\{?([-+]?\d{1,4})\}?(?!\d)"),
        r"e\1",
    ),
    (re.compile(r"(?<=\d) ?\^ ?(?:\{[^{}]{0,80}\}|[-+]?[A-Za-z\d]+)"), POWER),
    (re.compile(r"\^ ?(?:\{[^{}]{0,80}\}|[-+]?[A-Za-z\d]+)"), ""),  # an exponent is no number
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Attributes:
        start, end: where it stands in the text as :func:`plain` gives it.
        value: exactly; ``None`` for what is written like a number and has no value or one beyond
            use: ``5/0``, hundreds of digits.
    """

    start: int
    end: int
    value: Fraction | None


def plain(text: str) -> str:
    """The text with one way of writing for what stands in and around numbers."""
    text = text.translate(_MINUS)
    text = re.sub(rf"(?<=\d)(?=[{_VULGAR}])", " ", text)  # or 2½ would become 21/2
    text = re.sub(rf"([{_SUPERSCRIPT}]+)", r"^\1", text)  # or 5² would become 52
    text = re.sub("(?<=\\d)[\u2009\u202f](?=\\d{3}(?!\\d))", ",", text)
    text = unicodedata.normalize("NFKC", text).translate(_MINUS).replace("\u2044", "/")
    for pattern, instead in _SPOKEN:
        text = pattern.sub(instead, text)
    for pattern, instead in _LATEX:
        text = pattern.sub(instead, text)
    return text


def numbers(text: str) -> Iterator[Number]:
    """The numbers in a text from :func:`plain`, from left to right, in linear time."""
    at = 0
    while found := _TOKEN.search(text, at):
        at = found.end()
        sign = -1 if "-" in (found["before"], found["sign"]) else 1
        start, end = found.start(), found.end()
        whole = found["whole"]
        if whole is not None and not _grouped(whole):  # "3,4" are two numbers
            place = found.start("whole")
            *first, last = _pieces(whole, place)
            for begin, digits in first:
                yield Number(begin, begin + len(digits), _value(sign, digits, "", ""))
                sign = 1
            start, whole = last
        if whole is not None and found["places"] is None and found["exponent"] is None:
            dated = text[max(0, start - 1) : start] == "/"  # 3/4/2024
            if (over := _OVER.match(text, end)) and not dated:
                at = over.end()
                yield Number(start, at, _ratio(sign, "0", whole, over["under"]))
                continue
            if (mixed := _MIXED.match(text, end)) and _proper(mixed["over"], mixed["under"]):
                at = mixed.end()
                yield Number(start, at, _ratio(sign, whole, mixed["over"], mixed["under"]))
                continue
        places = found["places"] or found["only"] or ""
        yield Number(start, end, _value(sign, whole or "", places, found["exponent"] or ""))


def canonical(value: Fraction) -> str:
    """A number in the one way of writing it: ``1200``, ``-0.5``, ``1/3``.

    A decimal number where it ends after at most 60 digits, else a fraction in lowest terms; always
    what ``fractions.Fraction`` reads.
    """
    rest, places = value.denominator, 0
    for factor in (2, 5):
        power = 0
        while rest % factor == 0:
            rest, power = rest // factor, power + 1
        places = max(places, power)
    digits = str(abs(value.numerator) * 10**places // value.denominator)
    if rest != 1 or len(digits) > MOST_DIGITS + 1:
        return f"{value.numerator}/{value.denominator}"
    digits = digits.rjust(places + 1, "0")
    shown = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{shown}" if value < 0 else shown


def _grouped(whole: str) -> bool:
    """Whether commas separate thousands (or, as in India, hundreds above them)."""
    first, *rest = whole.split(",")
    if not rest:
        return True
    sizes = {len(part) for part in rest[:-1]}
    return 1 <= len(first) <= 3 and len(rest[-1]) == 3 and (sizes <= {3} or sizes <= {2})


def _pieces(whole: str, place: int) -> Iterator[tuple[int, str]]:
    for digits in whole.split(","):
        yield place, digits
        place += len(digits) + 1


def _digits(shown: str) -> str:
    return shown.replace(",", "").lstrip("0")


def _value(sign: int, whole: str, places: str, exponent: str) -> Fraction | None:
    """A decimal number; its size is known before anything is computed from it."""
    whole, places = whole.replace(",", ""), places.rstrip("0")
    significant = (whole + places).lstrip("0")
    if not significant:
        return Fraction(0)
    power = 0
    if exponent:
        if len(exponent) > 4:
            return None
        power = int(exponent)
    leading = len(significant) - len(places) - 1 + power  # its exponent in scientific notation
    if len(significant.rstrip("0")) > MOST_DIGITS or abs(leading) > MOST_DIGITS:
        return None
    shift = power - len(places)
    return sign * Fraction(int(significant)) * Fraction(10) ** shift


def _ratio(sign: int, whole: str, over: str, under: str) -> Fraction | None:
    parts = [_digits(part) or "0" for part in (whole, over, under)]
    if max(map(len, parts)) > MOST_DIGITS:
        return None
    one, top, bottom = map(int, parts)
    if bottom == 0:
        return None
    value = sign * (one + Fraction(top, bottom))
    return value if abs(value.numerator) < 10**MOST_DIGITS else None


def _proper(over: str, under: str) -> bool:
    a, b = _digits(over), _digits(under)
    return (len(a), a) < (len(b), b)
