"""The body of the top function: tensors, aliases and the ordered calls of the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from l1kd.emulators.network.cpp.expressions import parse_expression, split_arguments
from l1kd.emulators.network.cpp.model import Call, CppType, Function, Tensor
from l1kd.emulators.network.cpp.scope import Scope
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Token, join

__all__ = ["EXPRESSION", "Body", "is_expression", "read_body"]

EXPRESSION = "expression"
"""Name of the call that stands for a function of assignments."""

# Copies one stream into several: every tensor after the first is written.
_COPIES = ("clone_stream",)
_PRINTS = ("cout", "cerr")
_PRINTING = ("printf", "fprintf", "puts")
_EFFECTS = {"=", "(", "++", "--", "+=", "-="}
# Prints or stores a layer's output and changes nothing.
_SILENT = ("save_layer_output", "save_output_array")


@dataclass
class Body:
    """What the top function declares and does."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    ports: dict[str, Tensor] = field(default_factory=dict)
    """Arrays of weights that the top function takes as arguments."""


@dataclass
class _State:
    scope: Scope
    comments: Mapping[tuple[str, int], str]
    arguments: dict[str, Tensor] = field(default_factory=dict)
    scalars: set[str] = field(default_factory=set)
    internal: dict[str, Tensor] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    ports: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)

    def follow(self, name: str) -> str:
        while name in self.aliases:
            name = self.aliases[name]
        return name


def _fail(message: str, tokens: Sequence[Token]) -> FirmwareSourceError:
    return FirmwareSourceError(message, tokens[0].location, join(tokens))


def read_body(function: Function, scope: Scope, comments: Mapping[tuple[str, int], str]) -> Body:
    """Read the top function.

    A tensor that is first met as an argument of a call is written by it when it is internal;
    among the function's own arguments the last one not met before is written if nothing else is.
    This holds for every function of hls4ml's library, whose outputs follow their inputs.

    Raises
    ------
    FirmwareSourceError
        For statements other than declarations, aliases and calls (loops, conditions).
    """
    state = _State(scope, comments)
    for parameter in function.parameters:
        _parameter(parameter, state)
    if is_expression(function):
        _expression(function, state)
        return _finish(function, state)
    statement: list[Token] = []
    for token in function.tokens:
        if token.kind == "symbol" and token.text in ("{", "}"):
            raise _fail("statement not understood", [*statement, token])
        if token.text != ";" or token.kind != "symbol":
            statement.append(token)
        elif statement:
            _statement(statement, state)
            statement = []
    if statement:
        raise _fail("statement without an end", statement)
    return _finish(function, state)


def is_expression(function: Function) -> bool:
    """Tell whether a function only assigns to elements of an array: symbolic regression."""
    tokens, start, found = function.tokens, True, 0
    for position, token in enumerate(tokens):
        if start and token.text != ";":
            texts = [after.text for after in tokens[position : position + 5]]
            if token.kind != "name" or texts[1:2] + texts[3:] != ["[", "]", "="]:
                return False
            found += 1
        start = token.text == ";"
    return found > 0


def _expression(function: Function, state: _State) -> None:
    """Take the whole function as one call: of its first argument, into its last."""
    names = list(state.arguments)
    if len(names) != 2:
        raise FirmwareSourceError(
            "expressions of one input and one output are read", function.location, function.name
        )
    state.read.add(names[0])
    state.written.add(names[1])
    call = Call(EXPRESSION, (), "", (names[0],), (names[1],), (), (), function.location)
    state.calls.append(call)


def _finish(function: Function, state: _State) -> Body:
    body = Body(calls=state.calls)
    for name, tensor in state.arguments.items():
        if name in state.ports:
            body.ports[name] = tensor
            continue
        role = "output" if name in state.written else "input"
        if role == "input" and name not in state.read:
            message = f"the argument {name} is never used"
            raise FirmwareSourceError(message, tensor.location, function.name)
        (body.outputs if role == "output" else body.inputs).append(name)
        body.tensors[name] = Tensor(name, tensor.type, tensor.size, role, tensor.location)
    body.tensors.update(state.internal)
    if not (body.calls and body.inputs and body.outputs):
        message = "the function has no input, no output or no layers"
        raise FirmwareSourceError(message, function.location, function.name)
    return body


def _parameter(tokens: Sequence[Token], state: _State) -> None:
    words = list(tokens)
    bracket = next((i for i, token in enumerate(words) if token.text == "["), len(words))
    if bracket < 2 or words[bracket - 1].kind != "name":
        raise _fail("argument not understood", words)
    name, kind = words[bracket - 1], words[: bracket - 1]
    reference = kind[-1].text == "&"
    kind = kind[:-1] if reference else kind
    if bracket < len(words):
        tensor = _array(name, kind, words[bracket:], "input", state)
    elif reference and state.scope.built_in(kind):
        # Old versions of hls4ml report sizes through arguments such as `unsigned short &size`.
        state.scalars.add(name.text)
        return
    elif reference:
        tensor = _stream(name, kind, "input", state)
    else:
        raise _fail("argument not understood", words)
    if name.text in state.arguments:
        raise _fail("argument declared twice", words)
    state.arguments[name.text] = tensor


def _array(
    name: Token, kind: Sequence[Token], brackets: Sequence[Token], role: str, state: _State
) -> Tensor:
    if brackets[-1].text != "]" or sum(token.text == "[" for token in brackets) != 1:
        raise _fail("array not understood", [*kind, name, *brackets])
    size = state.scope.size(brackets[1:-1], None, name)
    element = state.scope.type(kind, None, name)
    return Tensor(name.text, element, size, role, name.location)


def _stream(name: Token, kind: Sequence[Token], role: str, state: _State) -> Tensor:
    words = [token for token in kind if token.text not in ("const", "static")]
    head = "".join(token.text for token in words[:4])
    if head != "hls::stream<" or words[-1].text != ">":
        raise _fail("declaration not understood", [*kind, name])
    inside = split_arguments(words[4:-1])
    if len(inside) != 1:
        raise _fail("stream not understood", [*kind, name])
    element = state.scope.type(inside[0], None, name)
    return Tensor(name.text, element, None, role, name.location)


def _statement(tokens: list[Token], state: _State) -> None:
    texts = [token.text for token in tokens]
    if texts[:2] == ["auto", "&"] and len(tokens) == 5 and texts[3] == "=":
        _alias(tokens[2], tokens[4], state)
    elif _idle(texts, state):
        return
    elif texts[-1] == ")" and not _is_stream(texts):
        _call(tokens, state)
    elif _is_stream(texts):
        _declare(_stream_statement(tokens, state), state)
    elif texts[-1] == "]":
        bracket = texts.index("[") if "[" in texts else 0
        if bracket < 2 or tokens[bracket - 1].kind != "name":
            raise _fail("statement not understood", tokens)
        name, kind = tokens[bracket - 1], tokens[: bracket - 1]
        _declare(_array(name, kind, tokens[bracket:], "internal", state), state)
    else:
        raise _fail("statement not understood", tokens)


def _idle(texts: Sequence[str], state: _State) -> bool:
    """Tell whether a statement reports a size or prints, and nothing else."""
    if texts[0] in state.scalars:
        return texts[1:2] == ["="]
    words = list(texts[2:] if list(texts[:2]) == ["std", "::"] else texts)
    if words[0] in _PRINTS and len(words) < len(texts):
        return not _EFFECTS & set(_without_conversions(words))
    if words[0] in _PRINTING and words[1:2] == ["("] and words[-1] == ")":
        # %n writes to memory
        inside = _without_conversions(words[2:-1])
        return not _EFFECTS & set(inside) and not any("%n" in text for text in inside)
    return False


def _without_conversions(texts: Sequence[str]) -> list[str]:
    """Leave ``.to_double()`` and its like out, which change nothing."""
    kept: list[str] = []
    for text in texts:
        kept.append(text)
        if kept[-2:] == ["(", ")"] and kept[-4:-3] == ["."] and kept[-3].startswith("to_"):
            del kept[-4:]
    return kept


def _is_stream(texts: Sequence[str]) -> bool:
    words = [text for text in texts[:5] if text not in ("static", "const")]
    return words[:4] == ["hls", "::", "stream", "<"]


def _stream_statement(tokens: list[Token], state: _State) -> Tensor:
    """``hls::stream<layer2_t> layer2_out("layer2_out")``, or without the label."""
    if tokens[-1].text == ")":
        if len(tokens) < 6 or tokens[-2].kind != "string" or tokens[-3].text != "(":
            raise _fail("stream not understood", tokens)
        tokens = tokens[:-3]
    if tokens[-1].kind != "name":
        raise _fail("stream not understood", tokens)
    return _stream(tokens[-1], tokens[:-1], "internal", state)


def _declare(tensor: Tensor, state: _State) -> None:
    known = (state.arguments, state.internal, state.aliases)
    if any(tensor.name in names for names in known):
        raise FirmwareSourceError("tensor declared twice", tensor.location, tensor.name)
    state.internal[tensor.name] = tensor


def _alias(name: Token, target: Token, state: _State) -> None:
    end = state.follow(target.text)
    if end not in state.arguments and end not in state.internal:
        raise _fail("alias of an unknown tensor", [name, target])
    if any(name.text in names for names in (state.arguments, state.internal, state.aliases)):
        raise _fail("tensor declared twice", [name])
    state.aliases[name.text] = end


def _call(tokens: list[Token], state: _State) -> None:
    end = 0
    while end < len(tokens) and (tokens[end].kind == "name" or tokens[end].text == "::"):
        end += 1
    function = "".join(token.text for token in tokens[:end])
    opening, template = end, list[list[Token]]()
    if end < len(tokens) and tokens[end].text == "<":
        depth = 0
        while opening < len(tokens):
            depth += {"<": 1, ">": -1}.get(tokens[opening].text, 0)
            opening += 1
            if depth == 0:
                break
        template = split_arguments(tokens[end + 1 : opening - 1])
    if not function or opening >= len(tokens) or tokens[opening].text != "(":
        raise _fail("statement not understood", tokens)
    if function.rsplit("::", 1)[-1] in _SILENT:
        return
    tensors, weights, literals = _arguments(tokens, opening, state)
    outputs = _written(function.rsplit("::", 1)[-1], tensors, tokens, state)
    inputs = tuple(name for name in tensors if name not in outputs)
    for name in inputs:
        if name in state.internal and name not in state.written:
            raise _fail(f"{name} is read before it is written", tokens)
    state.read.update(inputs)
    state.written.update(outputs)
    arguments = tuple(_template_argument(part, tokens[0], state) for part in template)
    configs = [argument for argument in arguments if isinstance(argument, str)]
    if len(configs) > 1:
        raise _fail("call with several configurations", tokens)
    call = Call(
        function=function,
        template_arguments=arguments,
        config=configs[0] if configs else "",
        inputs=inputs,
        outputs=outputs,
        weights=weights,
        literals=literals,
        location=tokens[0].location,
        comment=state.comments.get((tokens[-1].path, tokens[-1].line), ""),
    )
    state.calls.append(call)


def _arguments(
    tokens: list[Token], opening: int, state: _State
) -> tuple[list[str], tuple[str, ...], tuple[int | float, ...]]:
    """Sort the arguments into tensors (aliases followed), weights and literals."""
    tensors: list[str] = []
    weights: list[str] = []
    literals: list[int | float] = []
    for part in split_arguments(tokens[opening + 1 : -1], closers=")]}"):
        name = state.scope.bare(join(part))
        end = state.follow(name)
        if end in state.internal or (end in state.arguments and end not in state.ports):
            if _is_port(end, part[0], state, bool(tensors)):
                state.ports.add(end)
                weights.append(end)
            else:
                tensors.append(end)
        elif end in state.ports or name in state.scope.arrays:
            weights.append(end)
        elif len(part) == 1 and part[0].kind == "name":
            raise _fail("argument of a call is neither tensor nor array", part)
        else:
            parse_expression(part)
            literals.append(state.scope.number(part, None, part[0]).value)
    return tensors, tuple(weights), tuple(literals)


def _is_port(name: str, token: Token, state: _State, after_tensor: bool) -> bool:
    """Whether an argument of the top function is an array of weights with a header of its own."""
    fresh = name not in state.read and name not in state.written
    return after_tensor and fresh and name in state.arguments and name in state.scope.arrays


def _written(
    function: str, tensors: list[str], tokens: list[Token], state: _State
) -> tuple[str, ...]:
    if function in _COPIES:
        return tuple(tensors[1:])
    fresh = [name for name in tensors if name not in state.written and name not in state.read]
    internal = [name for name in fresh if name in state.internal]
    if len(internal) > 1:
        raise _fail("call that writes several tensors", tokens)
    if internal:
        return (internal[0],)
    candidates = [name for name in fresh if name in state.arguments]
    if not candidates or len(tensors) < 2:
        raise _fail("call that writes no tensor", tokens)
    return (candidates[-1],)


def _template_argument(part: list[Token], at: Token, state: _State) -> CppType | str | int:
    if not part:
        raise FirmwareSourceError("empty template argument", at.location, join([at]))
    if part[0].kind == "number" or part[0].text in ("-", "("):
        return state.scope.integer(part, None, at)
    if all(token.kind == "name" or token.text == "::" for token in part):
        bare = state.scope.bare(join(part))
        if bare in state.scope.constants:
            return state.scope.integer(part, None, at)
        if bare.startswith("softmax_config") and bare not in state.scope.structs:
            # hls4ml 1.3 calls the structure of a Keras layer `Softmax` after the layer's class and
            # asks for it by the function's name. No compiler takes that; the meaning is plain.
            misnamed = "S" + bare[1:]
            if misnamed in state.scope.structs:
                return misnamed
    return state.scope.type_or_struct(part, None, at)
