"""How likely texts are to a model behind a server that reports likelihoods of what it is given."""

from __future__ import annotations

from collections.abc import Sequence

from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.endpoint.failures import TooLongError
from selfcorrect.models.endpoint.options import start_of
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.together import together
from selfcorrect.models.endpoint.wire import Ask
from selfcorrect.models.scored import Progress, Scored

#: A server has no way to be given a text by itself: each is the reply to this.
REQUEST = "Write one sentence."
#: Requests that are made at a time.
_TOGETHER = 256


def scored(served: Served, texts: Sequence[str], most: int, told: Progress) -> list[Scored | None]:
    """How likely the tokens of texts are, each as the reply to :data:`REQUEST`.

    Returns:
        One for each; ``None`` for a text of more than ``most`` tokens, or than the context window
        has room for.

    Raises:
        UserError: the server doesn't report prompt logprobs, or not those of a text's tokens.
        LostError: it refuses or loses a request.
    """
    if not served.able.prompt:
        raise UserError(
            f"the server at {served.server.address.place} reports no prompt logprobs, so how "
            "likely a text is isn't known; use one that does, such as vLLM, or a local model."
        )
    found: list[Scored | None] = []
    for start in range(0, len(texts), _TOGETHER):
        work = [_one(served, text, most) for text in texts[start : start + _TOGETHER]]
        found += served.server.run(together(work))
        told(len(found), len(texts))
    return found


async def _one(served: Served, text: str, most: int) -> Scored | None:
    if not text:
        return Scored((), ())
    ask = Ask((message("user", REQUEST),), prefill=text, max_tokens=1, given=True)
    try:
        answer, _ = await served.ask(ask)
    except TooLongError:
        return None
    start = start_of(answer.given, text)
    tokens = () if start is None else answer.given[start:]
    logps = tuple(token.logp for token in tokens if token.logp is not None)
    if not tokens or len(logps) < len(tokens):
        raise UserError(
            f"the server at {served.server.address.place} doesn't report the likelihood of every "
            f"token of {text!r:.60}: use a local model."
        )
    if len(tokens) > most:
        return None
    return Scored(tuple(t.text if t.id is None else t.id for t in tokens), logps)
