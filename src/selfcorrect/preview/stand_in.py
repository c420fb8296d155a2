"""A stand-in for a model: it notes what it is shown, and replies with a placeholder."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfcorrect.messages import Message, Transcript, message, restart_all, say_all
from selfcorrect.models.base import InProcess, Likelihood, Reply, Request, Sample
from selfcorrect.preview.prompts import PLACEHOLDER, PLACEHOLDERS, Prompt, Trace
from selfcorrect.preview.rendering import Rendering

THINKS = "up to {:,} tokens of thought come before the reply"


@dataclass
class StandIn(InProcess):
    """See :class:`selfcorrect.models.base.Model`; it has no weights.

    Attributes:
        rendering: how the model is shown a transcript.
        trace: where it writes down what it is shown.
    """

    name: str
    rendering: Rendering
    trace: Trace
    dtype: str = "none"
    device: str = "none"

    @property
    def fingerprint(self) -> str:
        return self.rendering.fingerprint

    @property
    def context(self) -> int:
        return self.rendering.context

    def open(self, dialogues: int) -> StandInConversation:
        return StandInConversation(
            self.name,
            self.rendering,
            self.trace,
            [Transcript() for _ in range(dialogues)],
            [_Encoded() for _ in range(dialogues)],
        )

    def count(self, text: str) -> int:
        return _count(self.rendering, text)


@dataclass(frozen=True, slots=True)
class _Encoded:
    """What of a dialogue is encoded, as text and as tokens; ``more`` are those that its
    placeholders stand for beside their own."""

    text: str = ""
    tokens: Sequence[Hashable] = ()
    more: int = 0


@dataclass
class StandInConversation:
    """See :class:`selfcorrect.models.base.Conversation`: it notes prompts, and asks no model."""

    name: str
    rendering: Rendering
    trace: Trace
    transcripts: list[Transcript]
    encoded: list[_Encoded]
    copies: int = 1
    lengths: dict[str, int] = field(default_factory=dict)  # of placeholders, in tokens

    def say(self, messages: Sequence[Message | None]) -> None:
        say_all(self.transcripts, messages)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        restart_all(self.transcripts, messages)

    def branch(self, copies: int = 1) -> StandInConversation:
        transcripts = [each.branch() for each in self.transcripts for _ in range(copies)]
        encoded = [each for each in self.encoded for _ in range(copies)]
        return StandInConversation(
            self.name, self.rendering, self.trace, transcripts, encoded, copies
        )

    def close(self, which: Sequence[int]) -> None:
        for row in which:
            self.transcripts[row], self.encoded[row] = Transcript(), _Encoded()

    def render(self, index: int, turn: str | None = None) -> str:
        return self.rendering.render(self.transcripts[index].messages, turn).text

    def elicit(self, requests: Sequence[Request | None]) -> Sequence[Reply | None]:
        self.trace.replies += 1
        return [
            None if request is None else self._reply(row, request)
            for row, request in enumerate(requests)
        ]

    def likelihoods(
        self, texts: Sequence[Sequence[str] | None]
    ) -> Sequence[Sequence[Likelihood] | None]:
        return [
            None if options is None else self._likelihoods(row, options)
            for row, options in enumerate(texts)
        ]

    def _likelihoods(self, row: int, options: Sequence[str]) -> list[Likelihood]:
        """How often steps depend on an option stands for its likelihood: the most goes on."""
        trace = self.trace
        weights = [trace.preferred[_last_word(option, trace.preferred)] for option in options]
        asked = self.rendering.served
        begun = asked.begun(options) if asked else ""
        prompt = self._prompt(row, begun, 0, tuple(options))
        if not prompt.fits:
            return []
        if row == 0:
            trace.assumed.append(
                f"in round {trace.round} the reply is taken to be "
                f"{options[weights.index(max(weights))]!r}, of {', '.join(map(repr, options))}"
            )
        encoded = self._asked(prompt, options, 0, must=True) if asked else prompt.encoded
        return [
            Likelihood(float(weight), 1, encoded=0 if k else encoded)
            for k, weight in enumerate(weights)
        ]

    def _asked(self, prompt: Prompt, options: Sequence[str], most: int, *, must: bool) -> int:
        """The most tokens that a server takes to tell likelihoods of options after a prompt, of
        whose reply ``most`` tokens may be its own."""
        if self.rendering.served is None or not options:
            return 0
        lengths = [self._bare(option) for option in options]
        first = prompt.max_tokens - most
        return self.rendering.served.tokens(prompt.tokens, lengths, first, must=must)

    def _reply(self, row: int, request: Request) -> Reply:
        prompt = self._prompt(row, request.prefill, request.max_tokens, ())
        if not prompt.fits:
            return Reply("", "context", prompt_tokens=prompt.tokens, notes=prompt.notes)
        thought = self._thought(row, request)
        kept = thought if self.rendering.kept else 0
        served = self.rendering.served is not None
        # a server that is asked in words for the beginning of a reply has room to say it, too
        spoken = prompt.max_tokens if served else request.max_tokens
        self.trace.longest[prompt.reply] = spoken + kept
        earlier, turn = self.transcripts[row].open_turn()
        turn += request.prefill
        options = self._options(row, earlier, turn, request.options)
        self.transcripts[row].close_turn(turn + prompt.reply)
        shown = self.rendering.render(earlier, turn + prompt.reply)
        # the reply counts as new when it is read again: its text may have other tokens
        self.encoded[row] = replace(self.encoded[row], text=shown.text)
        wrong = self.rendering.wrong(prompt.max_tokens)
        wrong += self.rendering.wrong(thought) if thought else 0
        self.trace.spare += wrong + prompt.max_tokens
        # a server reads the prompt again for each
        again = prompt.tokens if served else 1 + thought
        return Reply(
            prompt.reply,
            "stop",
            prompt_tokens=prompt.tokens,
            # a prefill's last token may merge with the reply's first
            encoded=prompt.encoded
            + thought
            + wrong
            + options
            + bool(request.prefill and not served),
            generated=prompt.max_tokens + thought,
            drafted=wrong,
            beside=self._asked(prompt, request.options, request.max_tokens, must=False),
            samples=tuple(
                Sample(prompt.reply, request.max_tokens, encoded=again + spoken + thought)
                for _ in request.samples
            ),
        )

    def _options(
        self, row: int, earlier: Sequence[Message], turn: str, options: Sequence[str]
    ) -> int:
        """Tokens read for the likelihoods of options; none where each is one token."""
        prompt = self.encoded[row].tokens
        if self.rendering.served or not self.rendering.wrong(1):
            return 0
        whole = [self.rendering.render(earlier, turn + option).tokens for option in options]
        if all(each[:-1] == prompt for each in whole):
            return 0
        fork = min(_common(prompt, each) for each in whole)
        return 1 + sum(len(each) - fork + 1 for each in whole)

    def _thought(self, row: int, request: Request) -> int:
        """Tokens that may be thought before a reply, whose turn mustn't have begun."""
        begun = self.transcripts[row].open_turn()[1]
        return 0 if begun or not request.thinks else self.rendering.thought

    def _prompt(self, row: int, prefill: str, max_tokens: int, choices: tuple[str, ...]) -> Prompt:
        """The prompt of a dialogue's next reply, noted if the dialogue is the first."""
        earlier, turn = self.transcripts[row].open_turn()
        if prefill and self.rendering.in_words:
            wished, first = self.rendering.in_words(earlier, turn, prefill)
            shown = self.rendering.render(wished, "")
            max_tokens += first
        else:
            shown = self.rendering.render(earlier, turn + prefill)
        length = len(shown.tokens)
        whole = self.rendering.served is not None  # nothing that it keeps is known here
        known = 0 if whole else min(_common(self.encoded[row].tokens, shown.tokens), length - 1)
        placeholders = PLACEHOLDERS.findall(shown.text)
        more = sum(self.trace.longest[p] - self._length(p) for p in placeholders)
        tokens = length + more
        held = not whole and known >= len(self.encoded[row].tokens) - 1
        there = self.encoded[row].more if held else 0
        rendered = (self.rendering.render(earlier, turn + choice) for choice in choices)
        thought = 0 if turn else self.rendering.thought
        fits = tokens + thought + max_tokens <= self.rendering.context
        prompt = Prompt(
            round=self.trace.round,
            speaker=self.name,
            text=shown.text,
            known=0 if whole else _common(self.encoded[row].text, shown.text),
            tokens=tokens,
            exact=not placeholders,
            whole=whole,
            encoded=length
            - known
            + more
            - there
            + max_tokens
            + sum(len(s.tokens) - length + 1 for s in rendered),
            reply=PLACEHOLDER.format(self.trace.replies),
            max_tokens=max_tokens,
            samples=self.copies,
            choices=choices,
            notes=(
                *shown.notes,
                *([THINKS.format(thought)] if thought else []),
                *([] if fits else ["the transcript won't fit the context window"]),
            ),
            fits=fits,
        )
        self.encoded[row] = _Encoded(shown.text, shown.tokens, more)
        if row == 0:
            self.trace.prompts.append(prompt)
        return prompt

    def _length(self, placeholder: str) -> int:
        if placeholder not in self.lengths:
            self.lengths[placeholder] = self._bare(placeholder)
        return self.lengths[placeholder]

    def _bare(self, text: str) -> int:
        """The tokens of a text without what stands around it."""
        return _count(self.rendering, text) - _count(self.rendering, "")


def _count(rendering: Rendering, text: str) -> int:
    return len(rendering.render([message("user", text)], None).tokens)


def _last_word(option: str, known: Mapping[str, int]) -> str:
    """The choice in an option, which may have a prefill before it."""
    return next((name for name in known if option.endswith(name)), option)


def _common(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Length of the longest common prefix."""
    pairs = zip(a, b, strict=False)
    return next((n for n, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))
