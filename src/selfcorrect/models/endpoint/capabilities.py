"""What a server can do, as a probe found it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

#: What is found out, by name.
SYSTEM = "system messages"
BEGINNING = "a reply's beginning"
GIVEN = "likelihoods of given text"
LIKELIEST = "likeliest first tokens"
LIKELIHOODS = "likelihoods of a reply's tokens"
SEEDS = "seeds"
SEVERAL = "several replies a request"
TOKENIZER = "a tokenizer"
#: What isn't known of each, where a request met a busy moment.
QUESTIONS = {
    SYSTEM: "does it take them?",
    BEGINNING: "can it be given one?",
    GIVEN: "does it tell them?",
    LIKELIEST: "does it tell them, and of how many?",
    LIKELIHOODS: "does it tell them?",
    SEEDS: "does the same seed draw the same reply, and another one another?",
    SEVERAL: "does it draw them?",
    TOKENIZER: "does it count a text's tokens?",
}
#: Whatever isn't known is found out again whenever a server is opened.
ASKED_AGAIN = "a run asks again"
#: A reply that differs so often passes unseen in one of twenty probes with so many draws.
ONCE_IN, SAME = 10, 30


@dataclass(frozen=True, slots=True)
class Row:
    """Something that a server can do or not.

    Attributes:
        what: it is.
        can: whether, or how well, in a few words.
        then: what follows from it.
    """

    what: str
    can: str
    then: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do.

    Attributes:
        chat: it takes messages; else it completes text.
        system: it takes a system message.
        length: the name of the field that limits a reply.
        temperature: it takes one; else it draws at its own.
        coldest: the lowest temperature that it takes.
        seed: it takes one.
        settings: the names of the sampling settings it takes, which are set so that nothing but
            the temperature shapes the distribution.
        logprobs: it reports the likelihood of each token it generates.
        top: of how many of the likeliest tokens at each place.
        prompt: how it reports the likelihood of tokens that it is given; "" if it doesn't.
        n: it draws several replies for one request.
        prefill: how a reply is begun for it: by asking to ``continue`` the last message, by its
            being the ``last`` message, as ``text``; "" if it can't be.
        echoes: its reply repeats the beginning that it was given.
        seeds: the same seed draws the same reply, and another one another.
        repeated: told from so many draws of one seed.
        varies: what is drawn isn't the same reply every time.
        drawn: told from so many draws.
        tokenizer: it counts tokens.
        usage: it reports the tokens that a request used, and numbers that can be.
        doubts: what of it couldn't be found out, by the names of :meth:`rows`, and is taken as not
            there.
        doubt: what came in between.
        thinks: the model is to think before it replies.
        told: what it is sent with every request so that it does, or doesn't, as JSON.
        closed: how a reply begins so that no thought does.
    """

    chat: bool
    system: bool = True
    length: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    coldest: float = 0.0
    seed: bool = True
    settings: tuple[str, ...] = ()
    logprobs: bool = False
    top: int = 0
    prompt: Literal["", "prompt_logprobs", "echo"] = ""
    n: bool = False
    prefill: Literal["", "continue", "last", "text"] = ""
    echoes: bool = False
    seeds: bool = False
    repeated: int = 2
    varies: bool = True
    drawn: int = 4
    tokenizer: bool = False
    usage: bool = True
    doubts: tuple[str, ...] = ()
    doubt: str = ""
    thinks: bool = False
    told: str = ""
    closed: str = ""

    def sentences(self) -> list[str]:
        """In words: what it can and what follows from what it can't."""
        said = ["It is a chat server." if self.chat else "It completes text."]
        said.append(
            {
                "continue": "It continues an assistant's message that it is given, when asked to.",
                "last": "It continues an assistant's message that stands last.",
                "text": "A reply can be begun for it.",
                "": "A reply can't be begun for it: the beginning is asked for as an instruction.",
            }[self.prefill]
        )
        if self.prompt:
            said.append("It reports the likelihood of given text: options are read from it.")
        elif self.top:
            said.append(
                f"It reports its {self.top} likeliest tokens: options are read from the first "
                "token, where they are among them."
            )
        elif self.varies:
            said.append("It reports no likelihoods of options: they are estimated by sampling.")
        else:
            said.append("It reports no likelihoods of options, and none can be drawn.")
        if not self.logprobs:
            said.append("It reports no likelihood of the tokens it generates.")
        if not self.temperature:
            said.append("It takes no temperature.")
        if not self.settings:
            said.append("It takes no sampling settings: its own top-p and top-k apply.")
        if not self.system:
            said.append("It takes no system message: it is folded into the user's.")
        said.append(
            f"The same seed drew the same reply in each of {self.repeated} draws."
            if self.seeds
            else f"It drew the same reply in each of {self.drawn} draws: there are no samples."
            if not self.varies
            else "It keeps no seeds: samples can't be drawn again."
        )
        if self.doubts:
            said.append(self.doubted)
        return said

    @property
    def doubted(self) -> str:
        """What couldn't be found out, a sentence; "" where all could."""
        if not self.doubts:
            return ""
        return (
            f"Not found out, and done without: {', '.join(self.doubts)} ({self.doubt.rstrip('.')})."
        )

    def __str__(self) -> str:
        return " ".join(self.sentences())

    @property
    def decisive(self) -> str:
        """What decides how records come about, for the fingerprint."""
        thinking = f" {self.told}{self.closed}" if self.told or self.closed else ""
        return (
            f"{self.chat} {self.system} {self.prefill} {self.prompt} {self.top} {self.settings}"
            f"{thinking}"
        )

    def rows(self) -> Iterator[Row]:
        """What it can and can't, each with what is done then."""
        for row in self._rows():
            yield unknown(row, QUESTIONS[row.what]) if row.what in self.doubts else row

    def _rows(self) -> Iterator[Row]:
        yield Row(
            "messages",
            _yes(self.chat),
            "it is asked in chat requests"
            if self.chat
            else "it completes transcripts in a plain rendering, Title: text",
        )
        yield Row(
            SYSTEM,
            _yes(self.system),
            "they are sent" if self.system else "they are folded into the user's",
        )
        yield Row(
            BEGINNING,
            _yes(bool(self.prefill)),
            {
                "continue": "it continues the last message when it is asked to",
                "last": "it continues an assistant's message that stands last",
                "text": "it goes on where a text ends",
                "": "the beginning is asked for in words",
            }[self.prefill],
        )
        ways = {"prompt_logprobs": "yes (prompt_logprobs)", "echo": "yes (echo)"}
        yield Row(
            GIVEN,
            ways.get(self.prompt, "no"),
            "options are read from them, exactly" if self.prompt else "see the next",
        )
        beside = "exact where given text isn't needed" if self.prompt else "options are read there"
        yield Row(
            LIKELIEST,
            f"{self.top}" if self.top else "no",
            f"{beside}, where they are among them"
            if self.top
            else "not needed"
            if self.prompt
            else "options are estimated from drawn replies"
            if self.varies
            else "options have no likelihoods",
        )
        yield Row(
            LIKELIHOODS,
            _yes(self.logprobs),
            "they are recorded" if self.logprobs else "none are recorded",
        )
        yield Row(
            "temperature",
            "no" if not self.temperature else f"from {self.coldest:g}" if self.coldest else "yes",
            "it is set"
            if self.temperature and not self.coldest
            else "0 becomes that"
            if self.temperature
            else "it draws at its own, also where 0 is wanted",
        )
        yield Row(
            "sampling settings",
            ", ".join(self.settings) or "no",
            "set so that the temperature alone shapes what is drawn"
            if self.settings
            else "its own top-p and top-k apply",
        )
        yield Row(
            SEEDS,
            _yes(self.seeds),
            f"the same seed drew the same reply in {self.repeated} of {self.repeated} draws; "
            f"{_unseen(self.repeated)}"
            if self.seeds
            else f"every seed drew the same reply, in {self.drawn} draws (a cache?): samples are "
            f"refused; {_unseen(self.drawn)}"
            if not self.varies
            else f"samples can't be drawn again: of {self.repeated} draws of one seed some differ"
            if self.seed
            else "none is sent; samples can't be drawn again",
        )
        yield Row(
            SEVERAL,
            _yes(self.n),
            "samples are drawn at once" if self.n else "samples are asked for one by one",
        )
        yield Row(
            "numbers of tokens",
            _yes(self.usage),
            "costs are the server's" if self.usage else "costs are estimates",
        )
        yield Row(
            TOKENIZER,
            _yes(self.tokenizer),
            "texts are counted by it" if self.tokenizer else "4 characters count as a token",
        )
        yield Row("a reply's limit", self.length, "sent under that name")


def unknown(row: Row, question: str) -> Row:
    """The same of something that isn't known: nothing follows from it."""
    return replace(row, can="not known", then=f"{question} {ASKED_AGAIN}")


def _yes(can: bool) -> str:
    return "yes" if can else "no"


def _unseen(draws: int) -> str:
    """What so many draws that are the same can't tell: those after the first all are so with
    probability (1 - p)^(draws - 1), where each differs with probability p."""
    share = 100 * (1 - 1 / ONCE_IN) ** (draws - 1)
    return f"replies that differ once in {ONCE_IN} would be missed by {share:.0f} % of such probes"
