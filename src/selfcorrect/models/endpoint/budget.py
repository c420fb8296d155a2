"""What has been spent, and a limit that no request may pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from selfcorrect.errors import UserError

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request used.

    Attributes:
        prompt, cached, completion: tokens; ``cached`` are the prompt's that the server had.
        seconds: from when it was first sent until the answer that could be used.
    """

    prompt: int
    cached: int
    completion: int
    seconds: float = field(default=0.0, compare=False)

    @property
    def encoded(self) -> int:
        return self.prompt - self.cached + self.completion


class BudgetError(UserError):
    """The next request could exceed the budget. What was finished is kept."""

    def __init__(self, meter: Meter, limit: str) -> None:
        super().__init__(
            f"the next request could exceed the budget of {limit} ({meter.so_far} are spent), so "
            "the run stopped; the same command with a larger budget goes on."
        )
        self.meter, self.limit = meter, limit

    def at_last(self) -> BudgetError:
        """The same with what is spent by now: requests under way were waited for."""
        return BudgetError(self.meter, self.limit)


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits, each ``None`` if there is none.

    Counted is what the server reports with its answers, and no less than their texts must have
    taken; of answers that can't be used, all that was asked for. What it charges for answers that
    were lost on the way isn't known here.

    Attributes:
        tokens: at most so many, prompts and replies together.
        money: at most so much, in the currency of the prices.
        prompt_price, completion_price: of a million tokens.
        cached_price: of those of prompts that the server says it had; before a request nobody
            knows how many they will be. ``None``: as others.
    """

    tokens: int | None = None
    money: float | None = None
    prompt_price: float = 0.0
    completion_price: float = 0.0
    cached_price: float | None = None

    def __post_init__(self) -> None:
        prices = (self.prompt_price, self.completion_price)
        if self.money is not None and not any(prices):
            raise UserError(
                "a budget in money needs prices; give those of a million prompt and completion "
                "tokens."
            )
        if min(*prices, self.cached_price or 0, self.tokens or 0, self.money or 0) < 0:
            raise UserError("a budget or a price is below 0; give numbers from 0.")

    @property
    def paid(self) -> bool:
        """Whether there are prices."""
        return bool(self.prompt_price or self.completion_price)

    def price(self, prompt: int, completion: int, cached: int = 0) -> float:
        """What so many tokens cost, ``cached`` of the prompt among them."""
        discount = 0.0 if self.cached_price is None else self.prompt_price - self.cached_price
        paid = prompt * self.prompt_price + completion * self.completion_price - cached * discount
        return paid / _MILLION


@dataclass(slots=True)
class Meter:
    """What the requests of one model have used, as its server reports it.

    Attributes:
        budget: the limits.
        prompt, cached, completion: tokens; ``cached`` are the prompts' that the server had.
        requests: answered ones.
    """

    budget: Budget
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    requests: int = 0
    _held: list[int] = field(default_factory=lambda: [0, 0])
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def tokens(self) -> int:
        return self.prompt + self.completion

    @property
    def money(self) -> float:
        """Spent, in the currency of the prices; 0 without prices."""
        return self.budget.price(self.prompt, self.completion, self.cached)

    def _exceeded(self, prompt: int, completion: int) -> str:
        """Which limit so much more would pass, in words."""
        b = self.budget
        if b.tokens is not None and self.tokens + prompt + completion > b.tokens:
            return f"{b.tokens:,} tokens"
        if b.money is not None and self.money + b.price(prompt, completion) > b.money:
            return f"{b.money:g}"
        return ""

    @property
    def so_far(self) -> str:
        """In words: ``12,340 tokens``, with prices ``12,340 tokens, .0123``."""
        return f"{self.tokens:,} tokens" + (f", {self.money:.4g}" if self.budget.paid else "")

    def spent(self) -> str:
        """The same, of the budget where it is one of money; empty before anything is used."""
        b = self.budget
        return (
            self.so_far + (f" of {b.money:g}" if b.money is not None else "") if self.tokens else ""
        )

    async def hold(self, prompt: int, completion: int) -> None:
        """Set aside what a request may use at most. Waits while requests under way hold what it
        needs: they rarely use all of it.

        Raises:
            BudgetError: not even an end of those would make room.
        """
        async with self._changed:
            await self._room(prompt, completion)
            self._held[0] += prompt
            self._held[1] += completion

    async def lose(self, prompt: int, completion: int) -> None:
        """Enter what an answer that can't be used may have cost, all that was held for it, and
        hold as much for the next one.

        Raises:
            BudgetError: as :meth:`hold`; what was held still is.
        """
        async with self._changed:
            self.prompt += prompt
            self.completion += completion
            self._held[0] -= prompt
            self._held[1] -= completion
            try:
                await self._room(prompt, completion)
            finally:
                self._held[0] += prompt
                self._held[1] += completion

    async def _room(self, prompt: int, completion: int) -> None:
        while True:
            held, spoken = self._held
            if not self._exceeded(held + prompt, spoken + completion):
                return
            if limit := self._exceeded(prompt, completion):
                raise BudgetError(self, limit)
            await self._changed.wait()

    async def release(self, prompt: int, completion: int) -> None:
        """Give back what was held."""
        async with self._changed:
            self._held[0] -= prompt
            self._held[1] -= completion
            self._changed.notify_all()

    def count(self, used: Usage) -> None:
        """Enter what a request used."""
        self.prompt += used.prompt
        self.cached += used.cached
        self.completion += used.completion
        self.requests += 1
