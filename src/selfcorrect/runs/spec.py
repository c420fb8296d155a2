"""What is to be run: the spec, read from TOML with dotted overrides and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails

from selfcorrect import strategies, tasks, toml_lines
from selfcorrect.concepts import names as concept_names
from selfcorrect.errors import UserError, nearest
from selfcorrect.models.kinds import SERVED, kind_of
from selfcorrect.runs.settings import NAMED, counted, named, put
from selfcorrect.strategies import steering
from selfcorrect.toml_lines import TomlError, key_lines, line_of

_ASKED = (
    "base_url",
    "in_flight",
    "timeout",
    "wait",
    "draws",
    "price",
    "budget_tokens",
    "budget_money",
)


#: name → file of concepts.
ConceptFiles = Annotated[
    dict[str, str], BeforeValidator(concept_names.listed), AfterValidator(concept_names.checked)
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ModelSpec(_Part):
    """Which model, and how it is computed or asked.

    Attributes:
        name: ``openai:NAME`` is one behind a server; what follows ``device`` is for those.
        dtype, device: ``auto`` is resolved on the machine that runs it.
        base_url: of the server.
        in_flight: so many dialogues at most are under way at a time.
        timeout: seconds after which a request counts as failed.
        wait: for so many seconds a server may give no answer before the run stops.
        draws: so many replies are drawn where likelihoods can only be estimated.
        price: of a million prompt tokens and of a million generated ones.
        budget_tokens, budget_money: at most so much may be spent by one command.
    """

    name: str = Field(default="smollm2", min_length=1)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    base_url: str | None = None
    in_flight: int = Field(default=64, ge=1, le=4096, strict=True)
    timeout: float = Field(default=600, gt=0, le=86_400)
    wait: float = Field(default=900, gt=0, le=604_800)
    draws: int = Field(default=20, ge=1, le=10_000, strict=True)
    price: tuple[float, float] | None = None
    budget_tokens: int | None = Field(default=None, ge=1, strict=True)
    budget_money: float | None = Field(default=None, gt=0)

    @property
    def is_served(self) -> bool:
        """Whether it is behind a server."""
        return kind_of(self.name) == "served"

    @property
    def served(self) -> dict[str, Any]:
        """How it is asked: the settings that :func:`selfcorrect.models.load` takes for it."""
        return {key: getattr(self, key) for key in _ASKED} if self.is_served else {}

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is only for servers, unless it is behind one."""
        table: dict[str, Any] = write(self)
        return table if self.is_served else {k: v for k, v in table.items() if k not in _ASKED}

    @model_validator(mode="after")
    def _fits(self) -> ModelSpec:
        if not self.is_served and (told := self.model_fields_set.intersection(_ASKED)):
            raise ValueError(f"{min(told)} is for a model behind a server: name it {SERVED}NAME")
        if self.is_served and (self.dtype, self.device) != ("auto", "auto"):
            raise ValueError("dtype and device are the server's: leave them out")
        if self.budget_money is not None and not any(self.price or ()):
            raise ValueError("budget_money needs a price: that of a million prompt tokens and of "
                             "a million generated ones")  # fmt: skip
        if min(self.price or (0, 0)) < 0:
            raise ValueError("a price is below 0")
        return self

    @field_validator("price", mode="before")
    @classmethod
    def _both(cls, value: Any) -> Any:
        """``0.15,0.6`` is a pair, too."""
        if isinstance(value, str):
            plain = value.isascii() and "_" not in value  # Python would take 1_0 for 10
            try:
                value = tuple(float(part) for part in value.split(",")) if plain else ()
            except ValueError:
                value = ()
        if value is not None and (not isinstance(value, list | tuple) or len(value) != 2):
            raise ValueError("price is two numbers, such as 0.15,0.6")
        return value


class TaskSpec(_Part):
    """Which task, and its data."""

    name: str = Field(default="sample", min_length=1)
    data: str | None = None
    categories: tuple[str, ...] = ()
    options: dict[str, Any] = {}

    @field_validator("categories", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """``Age`` and ``Age,Religion`` are lists, too."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class StrategySpec(_Part):
    """Which strategy (a built-in name or a path), and its parameters."""

    name: str = Field(default="intrinsic", min_length=1)
    parameters: dict[str, Any] = {}


class ScorerSpec(_Part):
    """Which scorer grades the answers, and its options; without a name that of the task."""

    name: str = ""
    options: dict[str, Any] = {}


class SamplesSpec(_Part):
    """What is drawn beside every answer, to see how uncertain the model is.

    Attributes:
        k: so many replies to the same prompt; 0: none.
        temperature: at which they are drawn.
        p_true: the model is also asked whether its answer is right.
    """

    k: int = Field(default=0, ge=0, le=1000, strict=True)
    temperature: float = Field(default=1.0, gt=0, le=100, allow_inf_nan=False)
    p_true: bool = Field(default=False, strict=True)

    @field_validator("k")
    @classmethod
    def _several(cls, value: int) -> int:
        if value == 1:
            raise ValueError("samples.k is 1, and one sample says nothing of uncertainty: give at "
                             "least 2, such as 5, or 0 for none")  # fmt: skip
        return value


class RunSpec(_Part):
    """One model × task × strategy × seed.

    Attributes:
        rounds: rounds of a dialogue, the first answer included; at least 1.
        limit: only so many examples, spread over the clusters; ``None`` is all.
        seed: of the order of the examples and of whatever is drawn.
        system: a system message before everything else, or ``None``.
        chunk: dialogues that go through their rounds together, and are saved together.
        skip_bad: leave out malformed lines of the data (they are counted) instead of stopping.
        models: further models, by the name that a strategy's ``from`` uses.
        margins: measure → up to what size a change counts as none, fixed before a run and never
            from its data; those not named are the task's and the catalogue's own. They change no
            record.
        scorer: who grades answers that the task itself doesn't; ``none``: nobody, for now. It
            changes no record.
        samples: what is drawn beside every answer.
        concepts: name → file of a concept that is read where the model answers; "" is the one
            trained under that name on the model, or is trained from the package's texts.
        steer: what every reply of the model is steered by; a step's own steer stays.
        meanings: by what samples count as saying the same; without a name as fits the task;
            ``none``: nobody decides that, for now. It changes no record.
    """

    model: ModelSpec = ModelSpec()
    task: TaskSpec = TaskSpec()
    strategy: StrategySpec = StrategySpec()
    rounds: int = Field(default=5, ge=1, le=1000, strict=True)
    limit: int | None = Field(default=None, ge=1, strict=True)
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)  # what a TOML integer holds
    system: str | None = None
    chunk: int = Field(default=64, ge=1, le=4096, strict=True)
    skip_bad: bool = Field(default=False, strict=True)
    models: dict[str, ModelSpec] = {}
    scorer: ScorerSpec = ScorerSpec()
    samples: SamplesSpec = SamplesSpec()
    concepts: ConceptFiles = {}
    steer: Annotated[dict[str, Any] | None, BeforeValidator(steering.of_spec)] = None
    meanings: ScorerSpec = ScorerSpec()
    margins: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}

    @field_validator(*NAMED, mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return named(value)

    @field_validator("samples", mode="before")
    @classmethod
    def _counted(cls, value: Any) -> Any:
        """``samples = 5`` is their number."""
        return counted(value)

    @field_validator("models", mode="before")
    @classmethod
    def _named_models(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {k: named(v) for k, v in value.items()}

    def toml(self) -> dict[str, Any]:
        """The spec as a table that TOML can hold (it has no null: such keys are left out)."""
        return self.model_dump(mode="json", exclude_none=True)


def read_spec(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> RunSpec:
    """Read a spec from a TOML file, then apply overrides.

    Args:
        path: the file; ``None`` starts from the defaults.
        overrides: ``a.b=value`` each; the value is read as TOML, or else taken as a string. What
            stands for a table sets what it says and leaves the rest: a string for ``model``,
            ``task`` or ``strategy`` the name, ``"kind:4"`` for ``steer`` concept and dose.
        values: the same with values that are typed already (``{"task.data": "x.jsonl"}``).
            They win over ``overrides``.

    Raises:
        UserError: the file can't be read (with file and line), an unknown key (with the nearest
            names), or a value out of range.
    """
    text, table = "", {}
    if path is not None:
        path = Path(path)
        text = _text(path)
        table = _table(text, path)
        # before the overrides, so that the line is the file's
        _check_names(_check(table, str(path), text), str(path), text)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise UserError(f"an override is KEY=VALUE, such as rounds=3, not {override!r}.")
        put(table, key.strip(), read_value(value.strip()), f"in the override {override!r}")
    for key, value in (values or {}).items():
        put(table, key, value, f"in {key}")
    return _check(table, None, "")


def make_spec(table: Mapping[str, Any]) -> RunSpec:
    """A spec from a table such as a spec file holds.

    Raises:
        UserError: an unknown key (with the nearest names), or a value out of range.
    """
    return _check(table, None, "")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"there is no spec file {path}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: a spec must be text in UTF-8.") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise UserError(f"cannot read the spec {path}: {error}.") from None


def _table(text: str, path: Path) -> dict[str, Any]:
    try:
        return toml_lines.parse(text)
    except TomlError as error:
        raise UserError(f"{path}:{error.line}: not valid TOML: {error.reason}.") from None


def read_value(text: str) -> Any:
    """A TOML value, or else the text itself: ``3`` is a number, ``../data`` a string."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text


def _check(table: Mapping[str, Any], file: str | None, text: str) -> RunSpec:
    try:
        return RunSpec.model_validate(dict(table))
    except ValidationError as error:
        details = error.errors()[0]
        if file is None:
            raise UserError(_sentence(details)) from None
        line = line_of(key_lines(text), tuple(details["loc"]))
        raise UserError(f"{file}:{line}: {_sentence(details)}") from None


def _check_names(spec: RunSpec, file: str, text: str) -> None:
    """Raises UserError with the line where a task or a built-in strategy is misnamed."""
    try:
        part = "task"
        tasks.check_name(spec.task.name)
        part = "strategy"
        strategies.path_of(spec.strategy.name)
    except UserError as error:
        line = line_of(key_lines(text), (part, "name"))
        raise UserError(f"{file}:{line}: {error}") from None


def _sentence(details: ErrorDetails) -> str:
    key = ".".join(str(part) for part in details["loc"])
    given, limits = details["input"], details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            *parents, last = (str(part) for part in details["loc"])
            return f"there is no key {key!r}: {nearest(last, _keys(parents))}."
        case "greater_than_equal":
            return f"{key} must be at least {limits['ge']}, not {given}."
        case "less_than_equal":
            return f"{key} must be at most {limits['le']}, not {given}."
        case "less_than":
            return f"{key} must be below {limits['lt']}, not {given}."
        case "greater_than":
            return f"{key} must be above {limits['gt']:g}, not {given}."
        case "literal_error":
            known = ModelSpec.model_fields[str(details["loc"][-1])].annotation.__args__  # type: ignore[union-attr]
            return (
                f"there is no {details['loc'][-1]} {given!r} ({key}): {nearest(str(given), known)}."
            )
        case "string_pattern_mismatch":
            return f"{key} must be auto, cpu, mps, cuda or cuda:NUMBER, not {given!r}."
        case "int_type" | "bool_type":
            kind = "a whole number" if details["type"] == "int_type" else "true or false"
            return f"{key} must be {kind}, not {given!r}."
        case "string_too_short":
            return f"{key} must not be empty."
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{key} must be a table, not {given!r}."
        case "value_error":
            return f"{details['msg'].removeprefix('Value error, ')}."
        case "float_parsing" | "float_type":
            return f"{key} must be a number, not {given!r}."
    message = details["msg"].removeprefix("Input ").rstrip(".")
    return f"{key} {message[:1].lower()}{message[1:]}, not {given!r}."


def _keys(parents: Sequence[str]) -> list[str]:
    parts: dict[str, type[BaseModel]] = {
        "model": ModelSpec,
        "task": TaskSpec,
        "strategy": StrategySpec,
        "scorer": ScorerSpec,
        "samples": SamplesSpec,
        "meanings": ScorerSpec,
        "models": ModelSpec,
    }
    return list((parts[parents[0]] if parents else RunSpec).model_fields)
