"""Declarations at namespace scope: aliases, configurations, arrays, constants and functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from l1kd.emulators.network.cpp.arrays import read_values
from l1kd.emulators.network.cpp.constants import convert
from l1kd.emulators.network.cpp.expressions import Number, split_arguments
from l1kd.emulators.network.cpp.members import read_members
from l1kd.emulators.network.cpp.model import CppType, Function
from l1kd.emulators.network.cpp.scope import Array, OpenStruct, Scope
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Token, join

__all__ = ["read_declarations"]

_SPECIFIERS = ("extern", "static", "const", "constexpr", "inline", "volatile")
_OPEN = {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}


class _Reader:
    """Walks over the tokens of one translation unit."""

    def __init__(self, tokens: Sequence[Token], scope: Scope) -> None:
        self.tokens = tokens
        self.scope = scope
        self.position = 0
        self.open_scopes: list[list[str]] = []

    def fail(self, message: str, tokens: Sequence[Token]) -> FirmwareSourceError:
        at = tokens[0] if tokens else self.tokens[min(self.position, len(self.tokens) - 1)]
        return FirmwareSourceError(message, at.location, join(tokens) or at.text)

    def run(self) -> None:
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            match token.text if token.kind in ("name", "symbol") else "":
                case ";":
                    self.position += 1
                case "}":
                    if not self.open_scopes:
                        raise self.fail("closing brace without an opening one", [token])
                    self.open_scopes.pop()
                    self.position += 1
                case "namespace":
                    self._namespace()
                case "using":
                    self._using()
                case "typedef":
                    self._typedef()
                case "template":
                    self._template()
                case "struct":
                    self._struct()
                case "class":
                    self._class(())
                case _:
                    self._declaration()
        if self.open_scopes:
            raise self.fail("namespace without an end", self.tokens[-1:])

    def _until(self, *ends: str) -> list[Token]:
        """Take tokens up to one of `ends` outside brackets; the end stays to be read."""
        start, depth = self.position, 0
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token.kind == "symbol":
                if depth == 0 and token.text in ends:
                    return list(self.tokens[start : self.position])
                depth += _OPEN.get(token.text, 0)
                if depth < 0:
                    break
            self.position += 1
        raise self.fail(f"no {ends[0]} after this", self.tokens[start : start + 40])

    def _block(self) -> list[Token]:
        """Take a block in braces and return what is inside."""
        start, depth = self.position, 0
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token.kind == "symbol":
                depth += {"{": 1, "}": -1}.get(token.text, 0)
            self.position += 1
            if depth == 0:
                return list(self.tokens[start + 1 : self.position - 1])
        raise self.fail("brace without an end", self.tokens[start : start + 1])

    def _scope_names(self) -> list[str]:
        return [name for names in self.open_scopes for name in names]

    def _namespace(self) -> None:
        start = self.position
        self.position += 1
        head = self._until("{")
        names = [token.text for token in head if token.kind == "name"]
        if any(token.text != "::" for token in head if token.kind != "name"):
            raise self.fail("namespace not understood", self.tokens[start : self.position])
        if len(self.open_scopes) > 20:
            raise self.fail("namespaces nested too deeply", head)
        self.position += 1
        self.open_scopes.append(names)
        if names != ["nnet"]:
            self.scope.namespaces.update(names)

    def _using(self) -> None:
        start = self.position
        self.position += 1
        text = self._until(";")
        if len(text) > 2 and text[0].kind == "name" and text[1].text == "=":
            self._alias(text[0], text[2:])
        elif text[:1] and text[0].text != "namespace" and text[0].text != "nnet":
            raise self.fail("using not understood", self.tokens[start : self.position])

    def _alias(self, name: Token, tokens: Sequence[Token]) -> None:
        found = self.scope.type_or_struct(tokens, None, name)
        if isinstance(found, str):
            raise self.fail("alias of a structure", tokens)
        found = replace(found, name=name.text)
        if self.scope.types.setdefault(name.text, found) != found:
            raise self.fail("one name for two types", [name])

    def _typedef(self) -> None:
        start = self.position
        self.position += 1
        text = self._until(";")
        if text[:1] and text[0].text == "struct" and any(t.text == "{" for t in text):
            self._record(text)
            return
        if len(text) < 2 or text[-1].kind != "name":
            raise self.fail("typedef not understood", self.tokens[start : self.position])
        self._alias(text[-1], text[:-1])

    def _record(self, text: list[Token]) -> None:
        """``typedef struct name {type member; ...} name;``: compressed and exponent weights."""
        opening = next(i for i, token in enumerate(text) if token.text == "{")
        if opening > 2 or text[-1].kind != "name" or text[-2].text != "}":
            raise self.fail("record not understood", text)
        fields: list[tuple[str, CppType]] = []
        member: list[Token] = []
        for token in text[opening + 1 : -2]:
            if token.text != ";":
                member.append(token)
                continue
            if len(member) < 2 or member[-1].kind != "name":
                raise self.fail("member not understood", member or text)
            fields.append((member[-1].text, self.scope.type(member[:-1], None, member[0])))
            member = []
        if member or not fields:
            raise self.fail("record not understood", text)
        name = text[-1].text
        self.scope.types[name] = CppType("struct", (), name, 0, tuple(fields))

    def _template(self) -> None:
        start = self.position
        if self.position + 1 == len(self.tokens) or self.tokens[start + 1].text != "<":
            raise self.fail("template not understood", self.tokens[start : start + 20])
        depth = 0
        while self.position < len(self.tokens):
            self.position += 1
            text = self.tokens[self.position].text if self.position < len(self.tokens) else ""
            depth += {"<": 1, ">": -1}.get(text, 0)
            if depth == 0:
                break
        parameters = split_arguments(self.tokens[start + 2 : self.position])
        self.position += 1
        names = tuple(part[-1].text for part in parameters if part)
        if not names:
            raise self.fail("template specialisation", self.tokens[start : start + 20])
        following = self.tokens[self.position : self.position + 1]
        if following and following[0].text in ("class", "struct"):
            self._class(names)
        else:
            self._function(self._until("{", ";"), names)

    def _class(self, template: tuple[str, ...]) -> None:
        """Keep the functions of a generated class; their bodies are read when asked for."""
        head = self._until("{", ";")
        if len(head) < 2 or head[1].kind != "name":
            raise self.fail("class not understood", head)
        if self.tokens[self.position].text == ";":
            return
        body = self._block()
        inner = _Reader(body, self.scope)
        inner.open_scopes = [[*self._scope_names(), head[1].text]]
        while inner.position < len(body):
            if body[inner.position].text in ("public", "private", "protected"):
                inner.position += 2
            elif body[inner.position].text == ";":
                inner.position += 1
            else:
                inner._function(inner._until("{", ";"), template, owner=head[1].text)

    def _function(self, head: Sequence[Token], template: tuple[str, ...], owner: str = "") -> None:
        opening = next((i for i, token in enumerate(head) if token.text == "("), 0)
        if opening < 1 or head[opening - 1].kind != "name":
            raise self.fail("declaration not understood", head)
        name = head[opening - 1]
        closing = max((i for i, token in enumerate(head) if token.text == ")"), default=0)
        if closing < opening:
            raise self.fail("declaration not understood", head)
        if self.tokens[self.position].text == ";":
            return
        qualified = "::".join([*self._scope_names(), name.text])
        parameters = split_arguments(head[opening + 1 : closing])
        if not all(parameters):
            raise self.fail("declaration not understood", head)
        function = Function(
            name=owner or name.text,
            qualified_name=qualified,
            template_parameters=template,
            parameters=tuple(tuple(part) for part in parameters),
            tokens=tuple(self._block()),
            location=name.location,
        )
        key = function.name if function.name not in self.scope.functions else qualified
        if self.scope.functions.setdefault(key, function) is not function:
            raise self.fail("function defined twice", [name])

    def _struct(self) -> None:
        head = self._until("{", ";")
        if self.tokens[self.position].text == ";":
            return
        texts = [token.text for token in head[1:]]
        if not texts or head[1].kind != "name" or (len(texts) > 1 and texts[1] != ":"):
            raise self.fail("structure not understood", head)
        base = "".join(text for text in texts[2:] if text != "public")
        struct = OpenStruct(texts[0], base, head[0].location)
        if struct.name in self.scope.structs:
            raise self.fail("structure defined twice", head)
        body = self._block()
        if self.position == len(self.tokens) or self.tokens[self.position].text != ";":
            raise self.fail("no ; after the structure", head)
        read_members(body, struct, self.scope)
        self.scope.structs[struct.name] = struct

    def _declaration(self) -> None:
        """Take an array, a constant, a member's definition or a function."""
        start = self.position
        head = self._until(";", "=", "{")
        first = next((i for i, t in enumerate(head) if t.text in ("(", "[")), None)
        if first is not None and head[first].text == "(":
            self._function(head, ())
            return
        words = [token for token in head if token.text not in _SPECIFIERS]
        constant = len(words) < len(head)
        value: list[Token] = []
        if self.tokens[self.position].text == "=":
            self.position += 1
            value = self._until(";")
        elif self.tokens[self.position].text == "{":
            raise self.fail("declaration not understood", head)
        bracket = next((i for i, token in enumerate(words) if token.text == "["), len(words))
        if bracket < 2 or words[bracket - 1].kind != "name":
            raise self.fail("declaration not understood", self.tokens[start : self.position])
        name_start = bracket - 1
        while name_start > 1 and words[name_start - 1].text == "::":
            name_start -= 2
        name, type_tokens = words[name_start:bracket], words[:name_start]
        if bracket < len(words):
            self._array(name, type_tokens, words[bracket:], value)
        elif len(name) > 1 and name[-3:-1][0].kind == "name":
            self._member(name, type_tokens, value)
        elif constant and value and len(name) == 1:
            self._constant(name[0], type_tokens, value)
        else:
            raise self.fail("declaration not understood", self.tokens[start : self.position])

    def _owner(self, name: Sequence[Token]) -> OpenStruct | None:
        parts = self.scope.bare("".join(token.text for token in name)).split("::")
        if len(parts) == 1:
            return None
        struct = self.scope.structs.get(parts[0]) if len(parts) == 2 else None
        if struct is None or parts[1] not in struct.declared:
            raise self.fail("definition of an unknown member", name)
        return struct

    def _array(
        self,
        name: Sequence[Token],
        type_tokens: Sequence[Token],
        brackets: Sequence[Token],
        value: Sequence[Token],
    ) -> None:
        owner = self._owner(name)
        if brackets[-1].text != "]" or sum(token.text == "[" for token in brackets) != 1:
            raise self.fail("array not understood", [*name, *brackets])
        size = self.scope.size(brackets[1:-1], None, name[0]) if len(brackets) > 2 else None
        kind = self.scope.type(type_tokens, None, name[0])
        values = read_values(value, kind, size, self.scope, name[-1]) if value else None
        if owner is not None:
            if values is None or values.ndim > 1:
                raise self.fail("array not understood", [*name, *brackets])
            owner.arrays[name[-1].text] = tuple(int(number) for number in values)
            return
        location = (value[0] if value else name[0]).location
        length = size if values is None else len(values)
        known = self.scope.arrays.get(name[0].text)
        if known is not None:
            if known.type != kind or (None not in (known.size, length) and known.size != length):
                raise self.fail("array declared twice, differently", name)
            if known.values is not None and values is not None:
                raise self.fail("array defined twice", name)
        if known is None or values is not None:
            self.scope.arrays[name[0].text] = Array(kind, length, values, location)

    def _member(
        self, name: Sequence[Token], type_tokens: Sequence[Token], value: Sequence[Token]
    ) -> None:
        """``const T config::slope = 0.5;`` or ``const unsigned* const config::perm = array;``."""
        owner = self._owner(name)
        if owner is None or not value:
            raise self.fail("definition not understood", name)
        if any(token.text == "*" for token in type_tokens):
            array = self.scope.arrays.get(value[0].text) if len(value) == 1 else None
            if array is None or array.values is None or array.values.ndim > 1:
                raise self.fail("pointer not understood", [*name, *value])
            owner.arrays[name[-1].text] = tuple(int(number) for number in array.values)
            return
        owner.types[name[-1].text] = self.scope.type(type_tokens, None, name[0])
        owner.constants[name[-1].text] = self.scope.value(value, owner, name[0])

    def _constant(self, name: Token, type_tokens: Sequence[Token], value: Sequence[Token]) -> None:
        kind = self.scope.built_in(type_tokens)
        if not kind:
            raise self.fail("constant of this type", [*type_tokens, name])
        number: Number = convert(self.scope.number(value, None, name), kind, name.location)
        if self.scope.constants.setdefault(name.text, number) != number:
            raise self.fail("one name for two constants", [name])


def read_declarations(tokens: Sequence[Token], scope: Scope) -> None:
    """Read every declaration of a preprocessed translation unit into `scope`.

    Raises
    ------
    FirmwareSourceError
        At the first declaration outside the subset that hls4ml and its users write.
    """
    _Reader(tokens, scope).run()
