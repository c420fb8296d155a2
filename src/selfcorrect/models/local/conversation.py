"""A batch of dialogues on a local model.

At each step every transcript is rendered and tokenised whole; the longest common prefix with what
is cached stays, and only the rest is encoded. Tokens that several dialogues begin with are encoded
once and copied. What is common is told by the tokens' keys (see ``prompts.py``). Greedy replies are
drafted ahead (a later round mostly repeats the earlier one) and checked in the pass that encodes
the new message anyway, so the answer is the one that token-by-token decoding gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from selfcorrect.messages import Message, Transcript, restart_all, say_all
from selfcorrect.models.base import Likelihood, Reply, Request, Site, Steer
from selfcorrect.models.local.decoding import decode
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.jobs import Job, plan
from selfcorrect.models.local.likelihoods import Texts, likelihoods, texts
from selfcorrect.models.local.pages import Cache
from selfcorrect.models.local.prompts import Prompt, common
from selfcorrect.models.local.states import Reader
from selfcorrect.models.local.template import Rendered
from selfcorrect.models.local.thoughts import Made, think, without_thought
from selfcorrect.models.local.vision.seen import Seen
from selfcorrect.models.local.vocabulary import Vocabulary
from selfcorrect.models.sites import message_index

_TOO_LONG = "the transcript is longer than the model's context window"
_OVERFLOW = "hidden states under the steer were not finite: this reply is left out"
_REENCODED = "this model's past can't be kept: the transcript was encoded again"


class LocalConversation:
    """See :class:`selfcorrect.models.base.Conversation`."""

    def __init__(self, engine: Engine, vocabulary: Vocabulary, dialogues: int) -> None:
        self.engine = engine
        self.vocabulary = vocabulary
        self.cache = Cache(engine.pool, dialogues)
        self.transcripts = [Transcript() for _ in range(dialogues)]
        # Per dialogue the latest reply to each (prefill, length): the draft of the next one.
        self.spoken: list[dict[tuple[str, int], list[int]]] = [{} for _ in range(dialogues)]
        self.conditions: list[tuple[tuple[int, str], ...]] = [()] * dialogues
        # What each shows: images are kept as long as the dialogue is open.
        self.seen: list[Seen | None] = [None] * dialogues

    def say(self, messages: Sequence[Message | None]) -> None:
        say_all(self.transcripts, messages)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        restart_all(self.transcripts, messages)
        for row, new in enumerate(messages):
            if new is not None:
                self.conditions[row] = ()

    def branch(self, copies: int = 1) -> LocalConversation:
        rows = [row for row in range(len(self.transcripts)) for _ in range(copies)]
        other = LocalConversation(self.engine, self.vocabulary, len(rows))
        other.cache = self.cache.branch(rows)
        other.transcripts = [self.transcripts[row].branch() for row in rows]
        other.spoken = [dict(self.spoken[row]) for row in rows]
        other.conditions = [self.conditions[row] for row in rows]
        other.seen = [self.seen[row] for row in rows]
        return other

    def close(self, which: Sequence[int]) -> None:
        for row in set(which):
            self.transcripts[row], self.spoken[row], self.conditions[row] = Transcript(), {}, ()
            self.seen[row] = None
            self.cache.clear(row)

    def add_condition(self, row: int, start: int, condition: str) -> None:
        """Say that a dialogue's keys and values depend on more than its tokens.

        Until the dialogue begins another transcript, nothing that it keeps or shares from the
        position on is used where the condition differs.

        Args:
            row: the dialogue's.
            start: the position of the first token that depends on it.
            condition: what it is: a text that differs where that does.
        """
        self.conditions[row] = (*self.conditions[row], (start, condition))

    def render(self, index: int, turn: str | None = None) -> str:
        if turn is None:
            return self._render(self.transcripts[index].messages, None).text
        earlier, begun = self.transcripts[index].open_turn()
        thought = self.transcripts[index].thought
        if self.vocabulary.template.thinks and not begun:
            thought = "…"  # stands where the model will think
        return self._render(earlier, begun + turn, thought).text

    def elicit(self, requests: Sequence[Request | None]) -> Sequence[Reply | None]:
        replies: list[Reply | None] = [None] * len(self.transcripts)
        jobs: list[Job] = []
        try:
            thoughts = think(self, requests)
            for row, request in enumerate(requests):
                if request is None:
                    continue
                own = thoughts[row][0] if row in thoughts else None
                job, earlier = self._begun(row, request, own)
                if own is not None and any(each.overflowed for each in thoughts[row]):
                    encoded = sum(each.job.encoded for each in thoughts[row])
                    replies[row] = _overflowed(job, encoded)
                elif own is not None and own.too_long:
                    replies[row] = _too_long(own.job.rendered)
                elif len(job.prompt) + request.max_tokens > self.engine.context:
                    replies[row] = _too_long(job.rendered)
                else:
                    jobs.append(self._job(job, earlier))
            drawn = {job.row: self._samples(job, thoughts.get(job.row)) for job in jobs}
            every = [*jobs, *(sample for samples in drawn.values() for sample in samples)]
            plan(every, self.cache, keeps=self.engine.packed)
            decode(self.engine, self.vocabulary, self.cache, every, self._reader(every))
        finally:
            self.cache.drop(len(self.transcripts))
        self._add_likelihoods([job for job in jobs if job.request.options and not job.option_ids])
        for job in jobs:
            if any(each.finish == "overflow" for each in (job, *drawn[job.row])):
                encoded = job.encoded + sum(each.encoded for each in drawn[job.row])
                replies[job.row] = _overflowed(job, encoded)
                continue
            self.spoken[job.row][job.kind] = list(job.tokens)
            notes = () if self.engine.packed else (_REENCODED,)
            samples = tuple(each.sample(self.vocabulary) for each in drawn[job.row])
            reply = replace(job.reply(self.vocabulary, notes), samples=samples)
            made = thoughts[job.row][0] if job.row in thoughts else None
            reply = without_thought(reply, job.turn, made, self.vocabulary)
            thought = "" if reply.thought is None else reply.thought.text
            self.transcripts[job.row].close_turn(job.turn + reply.text, thought)
            replies[job.row] = reply
        return replies

    def _begun(self, row: int, request: Request, own: Made | None) -> tuple[Job, Sequence[Message]]:
        """A reply that is to be made, after a thought or none, and the messages before it."""
        earlier, turn = self.transcripts[row].open_turn()
        turn += request.prefill
        thought = self.transcripts[row].thought if own is None else own.text
        rendered = self._render(earlier, turn, thought)
        self.seen[row] = rendered.prompt.seen
        first = None if own is None else len(own.job.prompt) - 1
        prompt = self._steered(self._under(row, rendered.prompt), request.steer, first)
        return Job(row, request, rendered, prompt, turn, thought=thought), earlier

    def _samples(self, job: Job, thoughts: Sequence[Made] | None) -> list[Job]:
        """Replies that are drawn from the prompt of another, each after a thought of its own, in
        rows of the cache that go again; they have their place in the passes that the other needs
        anyway."""
        asked, found = job.request, []
        for number, seed in enumerate(asked.samples, start=1):
            request = Request(
                asked.prefill, asked.max_tokens, asked.sample_temperature, seed, steer=asked.steer
            )
            if thoughts is None:
                row = self.cache.add(job.row)
                sample = Job(row, request, job.rendered, job.prompt, job.turn)
            else:
                sample, _ = self._begun(job.row, request, thoughts[number])
                sample.row, sample.encoded = thoughts[number].job.row, thoughts[number].job.encoded
            sample.generator = torch.Generator().manual_seed(seed)
            found.append(sample)
        return found

    def likelihoods(
        self, texts: Sequence[Sequence[str] | None]
    ) -> Sequence[Sequence[Likelihood] | None]:
        rows = [row for row, mine in enumerate(texts) if mine]
        items = [
            self._texts(
                row,
                self.transcripts[row].open_turn()[1],
                texts[row] or (),
                thought=self.transcripts[row].thought,
            )
            for row in rows
        ]
        result: list[Sequence[Likelihood] | None] = [None if t is None else [] for t in texts]
        for row, each in zip(rows, likelihoods(self.engine, self.cache, items), strict=True):
            result[row] = each or []
        return result

    def _job(self, job: Job, earlier: Sequence[Message]) -> Job:
        """Complete a reply to be made after these messages."""
        if job.request.options:
            job.option_ids = self._single_tokens(earlier, job)
        for site in job.request.states:
            self._find(job, site, earlier)
        if job.request.temperature > 0:
            job.generator = torch.Generator().manual_seed(job.request.seed)
        else:
            before = self.spoken[job.row].get(job.kind, [])
            job.begin(before, len(self.transcripts), self.vocabulary)
        return job

    def prompt(self, row: int, prefill: str) -> Prompt:
        """A dialogue's prompt where its reply begins so."""
        return self._begun(row, Request(prefill), None)[0].prompt

    def option_tokens(self, row: int, request: Request) -> list[int] | None:
        """The tokens of a request's options where each is one token; else ``None``."""
        job, earlier = self._begun(row, request, None)
        job.prompt = job.rendered.prompt
        return self._single_tokens(earlier, job)

    def _single_tokens(self, earlier: Sequence[Message], job: Job) -> list[int] | None:
        """The options' tokens if each is one token after the very same prompt, else None."""
        found: list[int] = []
        for option in job.request.options:
            longer = self._continued(earlier, job.rendered.prompt, job.turn, option, job.thought)
            if longer.keys[:-1] != job.rendered.prompt.keys:
                return None
            found.append(longer.ids[-1])
        return found

    def _find(self, job: Job, site: Site, earlier: Sequence[Message]) -> None:
        """Find the token at which the message of an ``end_of_message`` site ends."""
        number = message_index(site, len(earlier))
        if number is None:
            return
        upto = self._render(earlier[: number + 1], None).prompt
        job.places[site] = max(common(upto.ids, job.prompt.ids) - 1, 0)

    def _reader(self, jobs: Sequence[Job]) -> Reader:
        engine = self.engine
        sites = [job.request.states for job in jobs]
        return Reader(engine.name, engine.decoder, sites, packed=engine.packed)

    def _add_likelihoods(self, jobs: Sequence[Job]) -> None:
        """Likelihoods of options that are longer than a token, in a pass of their own."""
        items = [
            self._texts(
                job.row,
                job.turn,
                job.request.options,
                job.request.steer,
                job.thought,
                job.prompt.steer[0] if job.prompt.steer and job.thought else None,
            )
            for job in jobs
        ]
        for job, each in zip(jobs, likelihoods(self.engine, self.cache, items), strict=True):
            if each is None:
                job.finish = "overflow"
                continue
            job.options = each
            job.encoded += sum(one.encoded for one in each)

    def _texts(
        self,
        row: int,
        turn: str,
        given: Sequence[str],
        steer: Steer | None = None,
        thought: str = "",
        reply: int | None = None,
    ) -> Texts:
        earlier, _ = self.transcripts[row].open_turn()
        prompt = self._render(earlier, turn, thought).prompt
        whole = [self._continued(earlier, prompt, turn, text, thought) for text in given]
        under = [self._under(row, each) for each in whole]
        return texts(row, self._under(row, prompt), under, steer, reply)

    def _continued(
        self, earlier: Sequence[Message], prompt: Prompt, turn: str, text: str, thought: str
    ) -> Prompt:
        """The transcript with more text in its open turn, as yet under no condition."""
        known = self.vocabulary.continued(prompt, turn, text)
        return known or self._render(earlier, turn + text, thought).prompt

    def _under(self, row: int, prompt: Prompt) -> Prompt:
        """A dialogue's prompt under the dialogue's conditions."""
        for start, condition in self.conditions[row]:
            prompt = prompt.under(start, condition)
        return prompt

    def _steered(self, prompt: Prompt, steer: Steer | None, first: int | None = None) -> Prompt:
        """A prompt whose reply is made under a steer; the reply's thought begins at ``first``."""
        if steer is None:
            return prompt
        self.engine.check_steer(steer)
        start = len(prompt) - 1 if first is None else first
        return prompt.steered(0 if steer.at == "transcript" else start, steer)

    def _render(
        self, messages: Sequence[Message], turn: str | None, thought: str | None = ""
    ) -> Rendered:
        with self.engine.within_memory():  # an image may be encoded
            return self.vocabulary.template.render(messages, turn, thought)

    def thinking(self, row: int, request: Request, seed: int | None = None) -> Job:
        """A thought that is to be made before a reply; with a seed, before one of its samples."""
        earlier, _ = self.transcripts[row].open_turn()
        rendered = self._render(earlier, "", None)
        heat = request.temperature if seed is None else request.sample_temperature
        most = self.vocabulary.most
        asked = Request("", most, heat, request.seed if seed is None else seed, steer=request.steer)
        prompt = self._steered(self._under(row, rendered.prompt), request.steer)
        return Job(row, asked, rendered, prompt, "", thinking=True)


def _overflowed(job: Job, encoded: int) -> Reply:
    prompt = len(job.prompt)
    notes = (*job.rendered.notes, _OVERFLOW)
    return Reply(
        "", "overflow", prompt_tokens=prompt, encoded=encoded, reused=job.start, notes=notes
    )


def _too_long(rendered: Rendered) -> Reply:
    return Reply("", "context", prompt_tokens=len(rendered.prompt), notes=(_TOO_LONG,))
