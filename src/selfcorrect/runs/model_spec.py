"""Which model a spec names, and how it is computed or asked."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from selfcorrect.models.endpoint.keys import known_keys
from selfcorrect.models.kinds import SERVED, kind_of
from selfcorrect.models.thought import MOST, Thinking
from selfcorrect.runs.settings import named

_ASKED = (
    "base_url",
    "in_flight",
    "timeout",
    "wait",
    "draws",
    "price",
    "budget_tokens",
    "budget_money",
    "headers",
)
#: What a million tokens cost: of a prompt, of those that are cached, generated.
Rates = tuple[float, float, float]
#: Of a header, and of an environment variable.
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Part(BaseModel):
    """A table of a spec."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


def _headers(value: Any) -> Any:
    """A table of headers as pairs, which can be hashed. What it holds is never shown: somebody may
    have put a key there."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict):
        raise ValueError("model.headers is a table of header = ENVIRONMENT_VARIABLE")
    for name, variable in value.items():
        if not _HEADER.fullmatch(name):
            raise ValueError(f"there can be no header {name!r}")
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            raise ValueError(
                f"model.headers.{name} is the name of an environment variable, such as "
                "AZURE_OPENAI_API_KEY, which holds the value: put it there"
            )
    return tuple(sorted(value.items()))


#: Header → environment variable, as pairs.
Headers = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_headers), PlainSerializer(dict)]


class ModelSpec(Part):
    """Which model, and how it is computed or asked.

    Attributes:
        name: ``openai:NAME`` is one behind a server; what follows ``device`` is for those.
        dtype, device: ``auto`` is resolved on the machine that runs it.
        thinking: whether it thinks before it replies; ``auto`` is resolved by its template, and
            where that doesn't say by one reply.
        max_thinking: tokens that a thought may have.
        trust_remote_code: the Python in its folder is run. Whoever runs a spec says so themselves
            (:func:`selfcorrect.runs.spec.read_spec`).
        base_url: of the server.
        in_flight: so many dialogues at most are under way at a time.
        timeout: seconds after which a request counts as failed.
        wait: for so many seconds a server may give no answer before the run stops.
        draws: so many replies are drawn where likelihoods can only be estimated.
        price: of a million prompt tokens, of a million of those that the server had in its cache
            (left out: they cost what the others do), and of a million generated ones.
        budget_tokens, budget_money: at most so much may be spent by one command.
        headers: sent along, each with the environment variable that holds its value.
    """

    name: str = Field(default="smollm2", min_length=1)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    thinking: Thinking = "auto"
    max_thinking: int = Field(default=MOST, ge=1, le=1_000_000, strict=True)
    trust_remote_code: bool = Field(default=False, strict=True)
    base_url: str | None = None
    in_flight: int = Field(default=64, ge=1, le=4096, strict=True)
    timeout: float = Field(default=600, gt=0, le=86_400)
    wait: float = Field(default=900, gt=0, le=604_800)
    draws: int = Field(default=20, ge=1, le=10_000, strict=True)
    price: tuple[float, float] | tuple[float, float, float] | None = None
    budget_tokens: int | None = Field(default=None, ge=1, le=10**15, strict=True)
    budget_money: float | None = Field(default=None, gt=0, le=10**15)
    headers: Headers = ()

    @property
    def is_served(self) -> bool:
        """Whether it is behind a server."""
        return kind_of(self.name) == "served"

    @property
    def rates(self) -> Rates | None:
        """Its price as prompt, cached and generated; ``None`` where it isn't stated, 0 of a model
        that isn't behind a server."""
        if self.price is None:
            return None if self.is_served else (0.0, 0.0, 0.0)
        prompt, generated = self.price[0], self.price[-1]
        return prompt, self.price[1] if len(self.price) == 3 else prompt, generated

    @property
    def served(self) -> dict[str, Any]:
        """How it is asked: the settings that :func:`selfcorrect.models.load` takes for it."""
        told = {key: getattr(self, key) for key in _ASKED} if self.is_served else {}
        return {**told, "headers": dict(self.headers)} if told else {}

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is only for servers, unless it is behind one, without what says nothing
        of thinking, and without a key in the address."""
        left = set(() if self.is_served else _ASKED)
        left |= set() if self.trust_remote_code else {"trust_remote_code"}
        left |= {"thinking"} if self.thinking == "auto" else set()
        left |= {"max_thinking"} if self.max_thinking == MOST else set()
        table: dict[str, Any] = write(self)
        if not table.get("headers"):
            table.pop("headers", None)
        if table.get("base_url"):
            table["base_url"] = known_keys(dict(self.headers)).hide(table["base_url"])
        return {k: v for k, v in table.items() if k not in left}

    @model_validator(mode="after")
    def _fits(self) -> ModelSpec:
        if not self.is_served and (told := self.model_fields_set.intersection(_ASKED)):
            raise ValueError(f"{min(told)} is for a model behind a server: name it {SERVED}NAME")
        if self.is_served and (self.dtype, self.device) != ("auto", "auto"):
            raise ValueError("dtype and device are the server's: leave them out")
        if self.trust_remote_code and kind_of(self.name) != "local":
            raise ValueError("trust_remote_code is for a model in a folder or of the hub")
        if self.budget_money is not None and not any(self.price or ()):
            raise ValueError("budget_money needs a price: that of a million prompt tokens and of "
                             "a million generated ones")  # fmt: skip
        if (rates := self.rates) is not None and rates[1] > rates[0]:
            raise ValueError("price says that cached tokens cost more than others: it is PROMPT,"
                             "GENERATED or PROMPT,CACHED,GENERATED")  # fmt: skip
        if not all(0 <= each <= 10**9 for each in self.price or ()):
            raise ValueError("a price is no number from 0 to 1,000,000,000")
        return self

    @field_validator("thinking", mode="before")
    @classmethod
    def _on_or_off(cls, value: Any) -> Any:
        """``true`` and ``false`` say it, too."""
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value

    @field_validator("price", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        """``0.15,0.6`` is two numbers, too."""
        if isinstance(value, str):
            plain = value.isascii() and "_" not in value  # Python would take 1_0 for 10
            try:
                value = tuple(float(part) for part in value.split(",")) if plain else ()
            except ValueError:
                value = ()
        if value is not None and (not isinstance(value, list | tuple) or len(value) not in (2, 3)):
            raise ValueError("price is two numbers, such as 0.15,0.6, or three, the second of "
                             "cached tokens, such as 0.15,0.075,0.6")  # fmt: skip
        return value


def asked_where(spec: Any) -> Any:
    """A spec's table in which further models that are behind a server and don't say where have the
    address given for its own model, and its headers; and that one only if it is behind a server,
    too."""
    if not isinstance(spec, dict):
        return spec
    own, others = spec.get("model"), spec.get("models")
    if not isinstance(own, dict) or not isinstance(others, dict):
        return spec
    where = own.get("base_url")
    if where is None:
        return spec
    there = {name: own[name] for name in ("base_url", "headers") if name in own}
    placed = {name: _placed(table, there) for name, table in others.items()}
    if placed == others:
        return spec
    if not _served(own):
        own = {key: value for key, value in own.items() if key not in there}
    return {**spec, "model": own, "models": placed}


def _placed(model: Any, there: dict[str, Any]) -> Any:
    table = named(model)
    if not isinstance(table, dict) or not _served(table) or table.get("base_url") is not None:
        return model
    return {**there, **{key: value for key, value in table.items() if value is not None}}


def _served(table: dict[str, Any]) -> bool:
    name = table.get("name")
    return isinstance(name, str) and kind_of(name) == "served"
