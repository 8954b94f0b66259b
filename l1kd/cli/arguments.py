"""Options that take several values: `--truth a.root b.root`, which click does not know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["MERGE", "OF_FILES", "OF_IMAGES", "OF_MENU", "expanded", "routed", "swallowed"]

OF_FILES = {
    "--truth", "--minbias", "--events", "--background", "--signal", "--zero-bias", "--pileup",
}  # fmt: skip
"""Options whose values are files; a comma is part of a path."""

OF_TYPES = {"--precision"}
"""Options whose values are types of C++, which have commas inside."""

OF_MENU, MERGE = "rates-of-menu", "rates-merge"
"""What `rates MENU FILES...` and `rates merge RECORDS...` are called inside."""


OF_IMAGES = "evaluate-cicada"
"""What `evaluate cicada LIBRARIES...` is called inside."""


def routed(arguments: Sequence[str]) -> list[str]:
    """Tell the forms of `rates` and `evaluate` apart.

    Behind `rates` comes a menu, the word merge, or neither; behind `evaluate` the word cicada, or
    files.
    """
    if list(arguments[:2]) == ["evaluate", "cicada"]:
        return [OF_IMAGES, *arguments[2:]]
    if len(arguments) > 1 and arguments[0] == "rates":
        if arguments[1] == "merge":
            return [MERGE, *arguments[2:]]
        from l1kd.trigger.menus import is_menu  # the readers of menus cost time

        if is_menu(arguments[1]):
            return [OF_MENU, *arguments[1:]]
    return list(arguments)


def _many(command: Any) -> dict[str, bool]:
    """Options of a verb that take several values, and whether commas separate these, too."""
    found: dict[str, bool] = {}
    for parameter in command.params:
        if getattr(parameter, "multiple", False):
            found |= {option: option not in OF_FILES | OF_TYPES for option in parameter.opts}
    return found


def expanded(arguments: Sequence[str], commands: Mapping[str, Any]) -> list[str]:
    """Give every value of an option with many values the option's name, as click wants it."""
    verb = next((a for a in arguments if a in commands), None)  # --plugin FILE may come before
    if verb is None:
        return list(arguments)
    many = _many(commands[verb])
    result: list[str] = []
    option = None
    for position, argument in enumerate(arguments):
        if argument == "--":
            return result + list(arguments[position:])
        if argument in many:
            option = argument
        elif argument.startswith("-"):
            option = None
            result.append(argument)
        elif option is None:
            result.append(argument)
        elif many[option]:
            for value in filter(None, argument.split(",")):
                result += [option, value]
        else:
            result += [option, argument]
    return result


def swallowed(values: Mapping[str, object]) -> str:
    """Say which options may have taken the files that are missing, as the end of a message.

    `values` are what the options with many values were given.
    """
    taken = [
        f"--{name.replace('_', '-')} took {', '.join(map(str, given))}"
        for name, given in values.items()
        if isinstance(given, list)
        and name != "command"
        and any(Path(str(value)).suffix for value in given)
    ]
    return f"; {' and '.join(taken)}: put files before options" if taken else ""
