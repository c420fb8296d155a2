"""What is to be run: the spec, read from TOML with dotted overrides and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from selfcorrect import strategies, tasks, toml_lines
from selfcorrect.concepts import names as concept_names
from selfcorrect.errors import UserError, nearest
from selfcorrect.models.function import register
from selfcorrect.models.kinds import kind_of
from selfcorrect.regular import SMALL, read_file
from selfcorrect.runs.model_spec import ModelSpec, Part, asked_where
from selfcorrect.runs.said import check_said
from selfcorrect.runs.settings import NAMED, counted, each_most, named, put
from selfcorrect.strategies import KINDS, steering
from selfcorrect.toml_lines import TomlError, key_lines, line_of

#: name → file of concepts.
ConceptFiles = Annotated[
    dict[str, str], BeforeValidator(concept_names.listed), AfterValidator(concept_names.checked)
]


def _kinds(value: dict[str, int]) -> dict[str, int]:
    """Raises ValueError for tokens of something that is never elicited."""
    for kind in value:
        if kind not in KINDS:
            raise ValueError(f"max_tokens.{kind} is of nothing elicited: {nearest(kind, KINDS)}")
    return value


class TaskSpec(Part):
    """Which task, and its data."""

    name: str = Field(default="sample", min_length=1)
    data: str | None = None
    categories: tuple[str, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("categories", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """``Age`` and ``Age,Religion`` are lists, too."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class StrategySpec(Part):
    """Which strategy (a built-in name or a path), and its parameters."""

    name: str = Field(default="intrinsic", min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)


class ScorerSpec(Part):
    """Which scorer grades the answers, and its options; without a name that of the task."""

    name: str = ""
    options: dict[str, Any] = Field(default_factory=dict)


class SamplesSpec(Part):
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


class RunSpec(Part):
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
        max_tokens: of a reply, by what is elicited (answer, rationale, critique, feedback), where
            a strategy's step doesn't say; by default what the task says.
        max_failed: so large a share of dialogues may be set aside, because a server doesn't give
            them their replies, before the run stops. It changes no record.
        meanings: by what samples count as saying the same; without a name as fits the task;
            ``none``: nobody decides that, for now. It changes no record.
    """

    model: ModelSpec = ModelSpec()
    task: TaskSpec = TaskSpec()
    strategy: StrategySpec = StrategySpec()
    rounds: int = Field(default=5, ge=1, le=1000, strict=True)
    limit: int | None = Field(default=None, ge=1, le=10**9, strict=True)
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)  # what a TOML integer holds
    system: str | None = None
    chunk: int = Field(default=64, ge=1, le=4096, strict=True)
    skip_bad: bool = Field(default=False, strict=True)
    models: dict[str, ModelSpec] = Field(default_factory=dict)
    scorer: ScorerSpec = ScorerSpec()
    samples: SamplesSpec = SamplesSpec()
    concepts: ConceptFiles = Field(default_factory=dict)
    steer: Annotated[dict[str, Any] | None, BeforeValidator(steering.of_spec)] = None
    max_tokens: Annotated[
        dict[str, Annotated[int, Field(ge=1, le=1_000_000, strict=True)]],
        BeforeValidator(each_most),
        AfterValidator(_kinds),
    ] = Field(default_factory=dict)
    meanings: ScorerSpec = ScorerSpec()
    max_failed: float = Field(default=0.05, ge=0, le=1, allow_inf_nan=False)
    margins: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )

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
        return {k: named(register(v) if callable(v) else v) for k, v in value.items()}

    @model_validator(mode="after")
    def _goes_on(self) -> RunSpec:
        """Where the task gives the first answer, the default strategy goes on from it."""
        if "strategy" not in self.model_fields_set and (
            on := tasks.offers(self.task.name).continued_by
        ):
            self.__dict__["strategy"] = StrategySpec(name=on)
        return self

    @model_validator(mode="before")
    @classmethod
    def _at_one_address(cls, data: Any) -> Any:
        """Further models behind a server are asked where the run's model is, unless they say."""
        return asked_where(data)

    @field_validator("model")
    @classmethod
    def _answers(cls, value: ModelSpec) -> ModelSpec:
        if kind_of(value.name) == "function":
            raise ValueError("model is a function, which gives feedback only: name a model")
        return value

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
        said = {each.partition("=")[0].strip() for each in overrides} | set(values or {})
        check_said(table, said, path)
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
        return read_file(path, SMALL).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"there is no spec file {path}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: a spec must be text in UTF-8.") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read the spec {path}: {reason}.") from None


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
            number = "a whole number or " if key == "samples" else ""
            return f"{key} must be {number}a table, not {given!r}."
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
