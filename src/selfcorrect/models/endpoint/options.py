"""Likelihoods of texts as what the model says next, by the best way that a server has.

Given text with its likelihoods is exact. The likeliest first tokens are exact for texts of one
token that are among them. Sampling is always possible, and a rough estimate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfcorrect.models.base import Likelihood
from selfcorrect.models.endpoint.answers import Said, Token
from selfcorrect.models.endpoint.budget import Usage
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.together import drawn, together
from selfcorrect.models.endpoint.trials import NOTHING, PATIENT
from selfcorrect.models.endpoint.wire import Ask

#: A text that is drawn may be longer than its first token.
DRAWN_TOKENS = 8
_UNSHOWN = 1e-6  # mass below the likeliest tokens that rounding alone can make
_NONE_LIKELY = "no option is among the {} likeliest first tokens: there are no likelihoods of them"
_NONE_POSSIBLE = "the server gives none of the options a likelihood above 0"
_NONE_DRAWN = "none of the {} drawn replies begins with an option: there are no likelihoods of them"
ONE_REPLY = (
    "the server draws the same reply every time (a cache before it does that): nothing can be told "
    "from drawn replies"
)
_NO_WAY = "the server reports nothing that likelihoods of the options could be read from"


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """Likelihoods of some texts (none if there is no way), notes on them, and what they cost."""

    found: tuple[Likelihood, ...]
    notes: tuple[str, ...] = ()
    used: tuple[Usage, ...] = ()

    @property
    def lacking(self) -> str:
        """What was said, where none of them is possible or there are none; else ""."""
        if any(math.isfinite(each.logp) for each in self.found):
            return ""
        return self.notes[-1] if self.notes else _NO_WAY


async def likelihoods(
    served: Served,
    ask: Ask,
    texts: Sequence[str],
    seen: Sequence[Said] = (),
    *,
    must: bool = False,
    place: str = "",
) -> Likelihoods:
    """Likelihoods of texts as continuations of an open turn.

    What takes requests of its own is given up where it tells nothing of the first answers.

    Args:
        served: who would say them.
        ask: its transcript, prefill and seed.
        texts: what would be said.
        seen: a reply to the same, if there is one: the first tokens may be read from it.
        must: estimate by drawing rather than have none; where nothing tells of any of them, all
            are impossible (-inf).
        place: where in a strategy they are asked for.

    Raises:
        TooLongError: one doesn't fit the window.
    """
    able = served.able
    first = first_token(seen[0]) if seen else None
    read = None if first is None else read_likeliest(first, texts)
    if read is not None and read.exact:
        return Likelihoods(read.found)
    if seen and (ask.thinking or seen[0].thought is not None):
        # asked again, the model would think again, or not at all
        if read is None:
            return Likelihoods((), (_NONE_LIKELY.format(able.top) if first else _NO_WAY,))
        return Likelihoods(read.found, read.notes)
    if not (able.prompt or able.top or able.varies or must):
        return Likelihoods((), (ONE_REPLY,))
    if first is not None and not able.prompt and not must:
        if read is None:
            return Likelihoods((), (_NONE_LIKELY.format(able.top),))
        return Likelihoods(read.found, read.notes)
    found = await served.trials.ask(
        (place, *((*texts, ask.prefill) if must else ())),
        f"likelihoods of {', '.join(texts)}" if must else "likelihoods of the options",
        lambda: _asked(served, ask, texts, first, must=must),
        lambda found: found.lacking,
        PATIENT if must else NOTHING,
    )
    if not isinstance(found, Likelihoods):
        found = Likelihoods((), (found,))
    if must and not found.found:
        return replace(found, found=(Likelihood(-math.inf, 1),) * len(texts))
    return found


async def _asked(
    served: Served, ask: Ask, texts: Sequence[str], first: Token | None, *, must: bool
) -> Likelihoods:
    """What requests tell, by the best way that there is."""
    able = served.able
    if able.prompt:
        return await _given(served, ask, texts)
    if not able.top:
        return await _estimated(served, ask, texts)
    used: tuple[Usage, ...] = ()
    if first is None:
        one = replace(ask, max_tokens=1, temperature=0.0, n=1, likely=True)
        answer, _ = await served.ask(one)
        used = (answer.usage,)
        first = first_token(answer.said[0])
    read = read_likeliest(first, texts) if first else None
    if read is None and must:
        likely = await _estimated(served, ask, texts)
        return replace(likely, used=used + likely.used)
    if read is None:
        return Likelihoods((), (_NONE_LIKELY.format(able.top) if first else _NO_WAY,), used)
    return Likelihoods(read.found, read.notes, used)


@dataclass(frozen=True, slots=True)
class Likeliest:
    """What the likeliest tokens say of some texts. ``exact``: each text is one of them."""

    found: tuple[Likelihood, ...]
    exact: bool
    notes: tuple[str, ...]


def first_token(said: Said) -> Token | None:
    """The token with which a reply begins, if its likeliest alternatives are known."""
    return said.tokens[0] if said.tokens and said.tokens[0].top else None


def read_likeliest(first: Token, texts: Sequence[str]) -> Likeliest | None:
    """Read the texts' likelihoods from the likeliest tokens in a place; ``None`` if none is there.

    A token counts for a text if it is the text, or a beginning of it that no other text has, or
    begins with it and goes on with no letter or digit. A text that isn't there gets the most that
    it can have, and a note says so.
    """
    top = dict(first.top)
    masses = [
        math.fsum(math.exp(logp) for token, logp in top.items() if _counts(token, text, texts))
        for text in texts
    ]
    if not any(masses):
        return None
    exact = all(text in top for text in texts)
    if exact:
        return Likeliest(tuple(Likelihood(top[text], 1) for text in texts), True, ())
    rest = max(1.0 - math.fsum(map(math.exp, top.values())), _UNSHOWN)
    # in logs: what a server says of a token may be too small for its probability
    most = min(math.log(rest), min(logp for logp in top.values() if logp > -math.inf))
    notes = [f"options were read from the {len(top)} likeliest first tokens"]
    missing = [text for text, mass in zip(texts, masses, strict=True) if not mass]
    if missing:
        notes.append(
            f"an option wasn't among the {len(top)} likeliest first tokens ({', '.join(missing)}) "
            f"and got the most that it can have, of the {rest:.2g} that these leave"
        )
    logps = (math.log(mass) if mass else most for mass in masses)
    likely = tuple(Likelihood(min(0.0, logp), 1) for logp in logps)
    return Likeliest(likely, False, tuple(notes))


def _counts(token: str, text: str, texts: Sequence[str]) -> bool:
    token, text = token.strip(), text.strip()
    if not token or not text:
        return False
    if token.startswith(text):
        return token == text or not (token[len(text)].isalnum() and text[-1].isalnum())
    return text.startswith(token) and sum(t.strip().startswith(token) for t in texts) == 1


async def _given(served: Served, ask: Ask, texts: Sequence[str]) -> Likelihoods:
    """Give the server each text and have it report the likelihoods."""
    one = replace(ask, max_tokens=1, n=1, given=True)
    wholes = [replace(one, prefill=ask.prefill + text) for text in texts]
    asked = await together([served.ask(whole) for whole in wholes])
    used = tuple(found.usage for found, _ in asked)
    likely = spread([found.given for found, _ in asked], texts)
    if not likely:
        return Likelihoods((), (_NO_WAY,), used)
    if not any(math.isfinite(s.logp) for s in likely):
        return Likelihoods((), (_NONE_POSSIBLE,), used)
    prompt = used[0].prompt - likely[0].tokens
    encoded = sum(usage.encoded for usage in used)
    reused = sum(usage.cached for usage in used)
    first = replace(likely[0], prompt_tokens=prompt, encoded=encoded, reused=reused)
    return Likelihoods((first, *likely[1:]), (), used)


def spread(found: Sequence[Sequence[Token]], texts: Sequence[str]) -> list[Likelihood]:
    """Likelihoods from whole transcripts' tokens, each of which ends with its text.

    A text whose first token is merged with what stands before counts with it. [] if a text
    can't be found at the end of its tokens, or the likelihood of one of those isn't told.
    """
    starts = [start_of(tokens, text) for tokens, text in zip(found, texts, strict=True)]
    known = [at for at in starts if at is not None]
    if len(known) < len(texts):
        return []
    start = min(known)
    logps = [[token.logp for token in tokens[start:] if token.logp is not None] for tokens in found]
    if any(len(mine) < len(tokens) - start for mine, tokens in zip(logps, found, strict=True)):
        return []
    keys = [[(token.id, token.text) for token in tokens] for tokens in found]
    shared = 0
    shortest = min(map(len, keys)) - 1
    while start + shared < shortest and len({key[start + shared] for key in keys}) == 1:
        shared += 1
    logp_shared = math.fsum(logps[0][:shared])
    return [Likelihood(math.fsum(mine), len(mine), shared, logp_shared) for mine in logps]


def start_of(tokens: Sequence[Token], text: str) -> int | None:
    """Where the last tokens begin that hold all of a text."""
    end = ""
    for at in range(len(tokens) - 1, -1, -1):
        end = tokens[at].text + end
        if end.endswith(text):
            return at
        if len(end) > 4 * len(text) + 64:
            break
    return None


async def _estimated(served: Served, ask: Ask, texts: Sequence[str]) -> Likelihoods:
    """As :func:`_drawn`; none where no reply begins with one of the texts, as half a reply added to
    each would be all there is."""
    likely, seen_any = await _drawn(served, ask, texts)
    if seen_any:
        return likely
    return Likelihoods((), (_NONE_DRAWN.format(likely.found[0].drawn),), likely.used)


async def _drawn(served: Served, ask: Ask, texts: Sequence[str]) -> tuple[Likelihoods, bool]:
    """Estimate by drawing replies: the share that begins with each text, half a reply added to
    each, so that none is impossible; and whether any begins with one."""
    draws = served.draws
    one = replace(ask, max_tokens=DRAWN_TOKENS, temperature=1.0, likely=False)
    first = ask.seed if served.able.n else ask.seed + 1
    asked = await drawn(served, one, range(first, first + draws))
    replies = [said for _, found, _ in asked for said in found.said]
    counts = [0] * len(texts)
    for said in replies:
        begins = [k for k, text in enumerate(texts) if _counts_whole(said.text, text)]
        if begins:
            counts[max(begins, key=lambda k: len(texts[k]))] += 1
    seen = ", ".join(f"{text} {count}" for text, count in zip(texts, counts, strict=True))
    note = f"options were estimated from {len(replies)} drawn replies: {seen}"
    whole = len(replies) + (len(texts) + 1) / 2
    likely = tuple(
        Likelihood(math.log((count + 0.5) / whole), 1, drawn=len(replies)) for count in counts
    )
    used = tuple(found.usage for _, found, _ in asked)
    return Likelihoods(likely, (note,), used), any(counts)


def _counts_whole(reply: str, text: str) -> bool:
    reply, text = reply.lstrip(), text.strip()
    if not text or not reply.startswith(text):
        return False
    after = reply[len(text) : len(text) + 1]
    return not (after.isalnum() and text[-1].isalnum())
