"""Options that take several values: `--truth a.root b.root`, which click does not know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["MERGE", "OF_FILES", "OF_IMAGES", "OF_MENU", "SHOWN", "expanded", "routed", "swallowed"]

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


SHOWN = {OF_MENU: "rates", MERGE: "rates merge", OF_IMAGES: "evaluate cicada"}
"""What users write for these, as usage and help show it."""


def _first_word(arguments: Sequence[str], command: Any) -> int | None:
    """Where the first argument is that is neither an option of a command nor a value of one."""
    options = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts)}
    many = _many(command)
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if not argument.startswith("-"):
            return position
        position += 1
        if argument in many and command.name in SHOWN:  # a group takes one value an option
            while position < len(arguments) and not arguments[position].startswith("-"):
                position += 1
        elif argument in options and not getattr(options[argument], "is_flag", False):
            position += 1
    return None


def routed(arguments: Sequence[str], group: Any) -> list[str]:
    """Tell the forms of `rates` and `evaluate` apart.

    Behind `rates` comes a menu, the word merge, or neither; behind `evaluate` the word cicada, or
    files. Options of the group may stand before the verb, options of the verb before the word.
    """
    given, commands = list(arguments), group.commands
    verb = _first_word(given, group)
    if verb is None:
        return given
    rest = given[verb + 1 :]
    forms = [x for x in (OF_IMAGES, MERGE, OF_MENU) if SHOWN[x].split()[0] == given[verb]]
    for form in forms:
        if form not in commands or (at := _first_word(rest, commands[form])) is None:
            continue
        _, *word = SHOWN[form].split()
        if word == [rest[at]]:
            return [*given[:verb], form, *rest[:at], *rest[at + 1 :]]
        if not word:
            from l1kd.trigger.menus import is_menu  # the readers of menus cost time

            if is_menu(rest[at]):
                return [*given[:verb], form, *rest]
    return given


def _many(command: Any) -> dict[str, bool]:
    """Options of a verb that take several values, and whether commas separate these, too."""
    found: dict[str, bool] = {}
    for parameter in command.params:
        if getattr(parameter, "multiple", False):
            found |= {option: option not in OF_FILES | OF_TYPES for option in parameter.opts}
    return found


def expanded(arguments: Sequence[str], group: Any) -> list[str]:
    """Give every value of an option with many values the option's name, as click wants it."""
    verb = _first_word(arguments, group)  # --plugin FILE may come before
    if verb is None or arguments[verb] not in group.commands:
        return list(arguments)
    many = _many(group.commands[arguments[verb]])
    result = list(arguments[: verb + 1])
    option = None
    for position, argument in enumerate(arguments[verb + 1 :], verb + 1):
        name, joined, values = argument.partition("=")
        if argument == "--":
            return result + list(arguments[position:])
        if argument in many:
            option = argument
        elif argument.startswith("-"):
            option = None
            split = values.split(",") if joined and many.get(name) else ()
            result += [f"{name}={value}" for value in split if value] or [argument]
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
