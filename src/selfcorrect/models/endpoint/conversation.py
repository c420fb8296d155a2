"""A batch of dialogues on a server. All of a step's requests are under way at the same time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Message, Transcript, restart_all, say_all
from selfcorrect.models.base import (
    UNMADE,
    Likelihood,
    LostError,
    Reply,
    Request,
    Site,
    refuse_steers,
)
from selfcorrect.models.endpoint import states
from selfcorrect.models.endpoint.answers import Completion
from selfcorrect.models.endpoint.cutting import CUT, Shown, characters, is_cut
from selfcorrect.models.endpoint.extras import Extras
from selfcorrect.models.endpoint.failures import TooLongError
from selfcorrect.models.endpoint.options import ONE_REPLY, Likelihoods, likelihoods
from selfcorrect.models.endpoint.samples import samples
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.thinking import of_reply
from selfcorrect.models.endpoint.together import together
from selfcorrect.models.endpoint.wire import GUESSED, Ask, estimate, in_words, render
from selfcorrect.models.sites import message_index

if TYPE_CHECKING:
    import torch

_TOO_LONG = "the transcript is longer than the model's context window"


class EndpointConversation:
    """See :class:`selfcorrect.models.base.Conversation`.

    A step that fails leaves the dialogues as they were before it.

    Attributes:
        shown: per dialogue, what its last reply was given.
        likelihood_notes: per dialogue, what had to be done differently when likelihoods were last
            asked for; the dialogue's next reply notes it too.
    """

    def __init__(self, served: Served, extras: Extras, transcripts: list[Transcript]) -> None:
        self.served = served
        self.extras = extras
        self.transcripts = transcripts
        self.shown = [Shown()] * len(transcripts)
        self.likelihood_notes: list[tuple[str, ...]] = [()] * len(transcripts)

    def say(self, messages: Sequence[Message | None]) -> None:
        self._check_images(new for new in messages if new is not None)
        say_all(self.transcripts, messages)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        self._check_images(each for new in messages for each in new or ())
        restart_all(self.transcripts, messages)
        pairs = zip(self.shown, messages, strict=True)
        self.shown = [was if new is None else Shown() for was, new in pairs]

    def branch(self, copies: int = 1) -> EndpointConversation:
        copied = [mine.branch() for mine in self.transcripts for _ in range(copies)]
        return EndpointConversation(self.served, self.extras, copied)

    def close(self, which: Sequence[int]) -> None:
        for row in which:
            self.transcripts[row], self.likelihood_notes[row] = Transcript(), ()
            self.shown[row] = Shown()

    def render(self, index: int, turn: str | None = None) -> str:
        """In the plain rendering: the server doesn't tell its template. What is asked for in words
        stands in it as that."""
        if turn is None:
            return render(self.transcripts[index].messages, None)
        earlier, spoken = self.transcripts[index].open_turn()
        if turn and self.served.able.chat and not self.served.able.prefill:
            return render(in_words(earlier, spoken, turn), "")
        return render(earlier, spoken + turn)

    def elicit(self, requests: Sequence[Request | None]) -> Sequence[Reply | None]:
        if any(request is not None and request.states for request in requests):
            self.extras.check_states()
        if any(request is not None and request.samples for request in requests):
            self._check_samples()
        refuse_steers(self.served.name, requests)
        asked = {
            row: self._ask(row, request)
            for row, request in enumerate(requests)
            if request is not None
        }
        one = _reply if len(self.transcripts) == 1 else _reply_or_lost
        work = [
            one(self.served, ask, requests[row] or Request(), self.shown[row])
            for row, ask in asked.items()
        ]
        found = self.served.server.run(together(work))
        replies: list[Reply | None] = [None] * len(requests)
        for (row, ask), reply in zip(asked.items(), found, strict=True):
            notes = tuple(dict.fromkeys((*self.likelihood_notes[row], *reply.notes)))
            self.likelihood_notes[row] = ()
            replies[row] = replace(reply, notes=notes)
            if reply.finish not in UNMADE:
                told = reply.prompt_tokens if GUESSED not in notes else 0
                self.shown[row] = Shown(characters(ask), told)
                self.transcripts[row].close_turn(ask.turn + reply.text)
        return replies

    def likelihoods(
        self, texts: Sequence[Sequence[str] | None]
    ) -> Sequence[Sequence[Likelihood] | None]:
        rows = [row for row, mine in enumerate(texts) if mine]
        work = [self._likelihoods(row, texts[row] or ()) for row in rows]
        found = self.served.server.run(together(work))
        result: list[Sequence[Likelihood] | None] = [None if t is None else [] for t in texts]
        for row, each in zip(rows, found, strict=True):
            result[row], self.likelihood_notes[row] = each.found, each.notes
        return result

    async def _likelihoods(self, row: int, texts: Sequence[str]) -> Likelihoods:
        earlier, spoken = self.transcripts[row].open_turn()
        begun = "" if self.served.able.prompt else beginning(texts)
        rests = [text[len(begun) :] for text in texts]
        shown = render(earlier, spoken + begun).encode(errors="surrogatepass")
        seed = hashlib.blake2b(shown, digest_size=4).digest()
        able = self.served.able
        given = able.prompt or (able.prefill and (spoken or begun))  # so that no thought comes
        thinking = 0 if given else self.served.thinking
        ask = Ask(earlier, spoken, begun, seed=int.from_bytes(seed), thinking=thinking)
        try:
            return _with_costs(await likelihoods(self.served, ask, rests, must=True))
        except TooLongError:
            return Likelihoods((), (_TOO_LONG,))

    def _check_images(self, messages: Iterable[Message]) -> None:
        for each in messages:
            if each.images:
                self.extras.check_images(each.images)

    def _check_samples(self) -> None:
        if not self.served.able.varies:
            raise UserError(
                f"{ONE_REPLY}, so there are no samples; have the server, or what stands before it, "
                "not keep replies."
            )

    def _ask(self, row: int, request: Request) -> Ask:
        earlier, spoken = self.transcripts[row].open_turn()
        return Ask(
            earlier,
            spoken,
            request.prefill,
            request.max_tokens,
            request.temperature,
            request.seed,
            likely=bool(request.options),
            layers=states.layers(request.states, len(earlier)),
            thinking=self.served.thinking if request.thinks and not spoken else 0,
        )


def _with_costs(found: Likelihoods) -> Likelihoods:
    """Likelihoods the first of which has what they cost together, however they were found."""
    if not found.found or not found.used:
        return found
    first = replace(
        found.found[0],
        prompt_tokens=found.found[0].prompt_tokens or found.used[0].prompt,
        encoded=sum(usage.encoded for usage in found.used),
        reused=sum(usage.cached for usage in found.used),
        seconds=max(usage.seconds for usage in found.used),
    )
    return replace(found, found=(first, *found.found[1:]))


async def _reply_or_lost(served: Served, ask: Ask, request: Request, before: Shown) -> Reply:
    """As :func:`_reply`; what is of this dialogue alone leaves the others their replies."""
    try:
        return await _reply(served, ask, request, before)
    except LostError as lost:
        return Reply("", "lost", notes=(str(lost),))


async def _reply(served: Served, ask: Ask, request: Request, before: Shown) -> Reply:
    """One reply, with the likelihoods of its options and the samples beside it."""
    options, wanted, too_long = request.options, request.states, _TOO_LONG
    try:
        both: list[Any] = await together([served.ask(ask), samples(served, ask, request)])
        found: Completion = both[0][0]
        notes, (drawn, more) = both[0][1], both[1]
        used = found.usage
        # Where a server cuts a reply short at the window's end, another would refuse to begin it.
        if used.prompt + ask.max_tokens + ask.thinking > served.context:
            raise TooLongError(used.prompt, served.context)
        if found.told and await is_cut(served, ask, used.prompt, before):
            too_long = CUT
            raise TooLongError(None, None)
        plain = replace(ask, layers=())
        likely = (
            await likelihoods(served, plain, options, found.said, place=request.place)
            if options
            else Likelihoods(())
        )
    except TooLongError as error:
        served.context = error.limit or served.context
        tokens = error.tokens or estimate(render(ask.messages, ask.turn))
        return Reply("", "context", prompt_tokens=tokens, notes=(too_long,))
    first = found.said[0]
    thought = of_reply(first, used.completion)
    thinking = 0 if thought is None else thought.generated
    return Reply(
        text=first.text,
        finish="length" if first.finish == "length" else "stop",
        token_ids=tuple(token.id for token in first.tokens if token.id is not None),
        token_logps=first.logps or (),
        options=likely.found,
        prompt_tokens=used.prompt,
        encoded=used.encoded - thinking,
        reused=used.cached,
        generated=used.completion - thinking,
        states=await _states(served, ask, wanted, found) if wanted else {},
        samples=drawn,
        beside=sum(usage.encoded for usage in likely.used),
        notes=tuple(dict.fromkeys((*notes, *first.notes, *likely.notes, *more))),
        thought=thought,
        seconds=used.seconds,
    )


async def _states(
    served: Served, ask: Ask, sites: Sequence[Site], found: Completion
) -> Mapping[Site, torch.Tensor]:
    """The hidden states that came with a reply, at the sites that are wanted."""
    prompt = found.usage.prompt
    if not found.told:
        raise UserError(
            "the server reports no usage, so which of its hidden states are the reply's isn't "
            "known; have it report usage, or use a local model."
        )
    numbers = {site: message_index(site, len(ask.messages)) for site in sites}
    inner = {site: number for site, number in numbers.items() if number is not None}
    ends: Mapping[Site, int] = {}
    if inner:
        places, length = await served.ends(ask, list(inner.values()))
        if length != prompt:
            raise UserError(
                f"the server counts {prompt} tokens in a prompt that it tokenises into {length}, "
                "so where a message ends isn't known; read hidden states at before_answer or "
                "first_answer."
            )
        ends = dict(zip(inner, places, strict=True))
    return states.pick(found.stream, ask.layers, sites, prompt, ends)


def beginning(texts: Sequence[str]) -> str:
    """What all texts begin with: up to the end of a word, without a space after it, and less than
    the whole of any."""
    length = next(
        (n for n, letters in enumerate(zip(*texts, strict=False)) if len(set(letters)) > 1), None
    )
    begun = min(texts, key=len)[:length]
    while begun and (
        begun[-1].isspace()
        or begun in texts
        or any(begun[-1].isalnum() and t[len(begun)].isalnum() for t in texts)
    ):
        begun = begun[:-1]
    return begun
