"""What every command ends with: a result, or one sentence and a status."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from selfcorrect.cli.limits import guarded
from selfcorrect.errors import INTERRUPTED, UserError, nearest
from selfcorrect.runs import Interrupted
from selfcorrect.text import clipped, visible

#: Of its errors about usage typer exports only the one under this.
_UsageError: type[Any] = typer.BadParameter.__mro__[1]


#: How the compiled parts of tokenizers and polars fail on what they didn't expect. It is none of
#: Python's exceptions, and each of them has its own class.
_PANIC = "PanicException"


class Listed(TyperGroup):
    """A group whose help says what each command does in a whole sentence, over several lines, and
    which lists its commands where one is asked for that it hasn't got."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            every = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
            known = [name for name, each in every.items() if each is not None and not each.hidden]
            raise UserError(
                f"{ctx.command_path} has no command {args[0]!r}: {nearest(args[0], known)}; see "
                f"{ctx.command_path} --help."
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        every = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [
            (name, command.get_short_help_str(limit=1_000))  # by default it is cut off at 45
            for name, command in every.items()
            if command is not None and not command.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


class Commands(Listed):
    """Whatever a user can mend is one sentence and status 2; Ctrl-C is status 130."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        return None if found is None else guarded(found)

    def invoke(self, ctx: Any) -> Any:
        details: Sequence[str] = ()
        try:
            result = super().invoke(ctx)
        except UserError as error:
            sentence, details = str(error.args[0]), error.details
            if error.trace:
                typer.echo(visible(error.trace, lines=True), err=True)
        except _UsageError as error:
            # a group without a command shows its help; its class is private to typer
            if not error.args or type(error).__name__ == "NoArgsIsHelpError":
                raise
            where = error.ctx.command_path if error.ctx else "selfcorrect"
            sentence = f"{error.format_message().rstrip('.')}; see {where} --help."
            if "--no-baseline" in sentence:
                sentence = "the option --no-baseline is called --no-controls now."
        except UnicodeEncodeError:
            sentence = "a text or a name that was given is not valid UTF-8; write it in UTF-8."
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read our output has enough
                raise
            place = f"{error.filename}: " if error.filename else ""
            reason = (error.strerror or str(error)).lower()
            sentence = f"{place}{reason}; give another place, or change what stands in the way."
        except RuntimeError as error:
            if "home directory" not in str(error):
                raise
            sentence = "there is no such user as a path beginning with ~ names; write it out."
        except Interrupted as interrupted:
            typer.echo(
                f"selfcorrect: interrupted: what was finished is kept in {interrupted.folder}; "
                "run the same command again to go on from there.",
                err=True,
            )
            raise typer.Exit(130) from None
        except KeyboardInterrupt:
            typer.echo(INTERRUPTED, err=True)
            raise typer.Exit(130) from None
        except BaseException as error:
            if type(error).__name__ != _PANIC:
                raise
            said = next(iter(str(error).splitlines()), "no reason given")
            sentence = f"a library failed on a file or a text ({said:.200}); give another one."
        else:
            return result
        typer.echo(f"selfcorrect: error: {visible(clipped(sentence))}", err=True)
        for each in details:
            typer.echo(f"  {visible(clipped(each, 500))}", err=True)
        raise typer.Exit(2)
