"""Names of a firmware folder while it is read: types, constants, structures, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from l1kd.emulators.array_types import Floats
from l1kd.emulators.network.cpp.constants import Value, evaluate, of_python
from l1kd.emulators.network.cpp.expressions import Number, parse_expression, split_arguments
from l1kd.emulators.network.cpp.model import CppType, Function, Struct, frozen_mapping
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Location, Token, join

__all__ = ["Array", "OpenStruct", "Scope"]

_IGNORED = ("const", "constexpr", "static", "inline", "typename", "struct", "volatile")
_BUILT_IN = {
    "bool": "bool", "float": "float", "double": "double",
    "char": "int8", "signed char": "int8", "unsigned char": "uint8",
    "short": "int16", "short int": "int16",
    "unsigned short": "uint16", "unsigned short int": "uint16",
    "int": "int", "signed": "int", "signed int": "int",
    "unsigned": "unsigned", "unsigned int": "unsigned",
    "long": "long", "long int": "long", "long long": "long", "long long int": "long",
    "unsigned long": "unsigned long", "unsigned long long": "unsigned long",
    "size_t": "unsigned long",
    "int8_t": "int8", "uint8_t": "uint8", "int16_t": "int16", "uint16_t": "uint16",
    "int32_t": "int", "uint32_t": "unsigned", "int64_t": "long", "uint64_t": "unsigned long",
}  # fmt: skip
_ROUNDINGS = (
    "AP_RND", "AP_RND_ZERO", "AP_RND_MIN_INF", "AP_RND_INF", "AP_RND_CONV", "AP_TRN",
    "AP_TRN_ZERO",
)  # fmt: skip
_OVERFLOWS = ("AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM", "AP_WRAP", "AP_WRAP_SM")


@dataclass
class Array:
    """An array at namespace scope; `values` is None where it has no initialiser."""

    type: CppType
    size: int | None
    values: Floats | None
    location: Location


@dataclass
class OpenStruct:
    """A structure whose members are still being collected."""

    name: str
    base: str
    location: Location
    constants: dict[str, Value] = field(default_factory=dict)
    types: dict[str, CppType] = field(default_factory=dict)
    structs: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, tuple[int, ...]] = field(default_factory=dict)
    declared: dict[str, CppType] = field(default_factory=dict)
    """Members declared without a value: name -> type."""

    def freeze(self) -> Struct:
        """Return the finished structure."""
        constants = {name: of_python(value) for name, value in self.constants.items()}
        return Struct(
            name=self.name,
            base=self.base,
            constants=frozen_mapping(constants),
            types=frozen_mapping(self.types),
            structs=frozen_mapping(self.structs),
            templates=frozen_mapping(self.templates),
            arrays=frozen_mapping(self.arrays),
            location=self.location,
        )


@dataclass
class Scope:
    """Everything declared so far.

    The namespaces of a folder only wrap it, so names are kept without them; one name with two
    meanings is refused.
    """

    namespaces: set[str] = field(default_factory=set)
    types: dict[str, CppType] = field(default_factory=dict)
    constants: dict[str, Value] = field(default_factory=dict)
    structs: dict[str, OpenStruct] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)

    def bare(self, name: str) -> str:
        """Return the name without the namespaces of the folder."""
        parts = name.removeprefix("::").split("::")
        while len(parts) > 1 and parts[0] in self.namespaces:
            parts.pop(0)
        return "::".join(parts)

    def constant(self, name: str, struct: OpenStruct | None, location: Location) -> Value:
        """Return the value of a constant or enumerator."""
        bare = self.bare(name)
        if struct is not None and bare in struct.constants:
            return struct.constants[bare]
        if bare in self.constants:
            return self.constants[bare]
        owner, _, member = bare.rpartition("::")
        if owner in self.structs and member in self.structs[owner].constants:
            return self.structs[owner].constants[member]
        if bare.startswith("nnet::"):
            return member
        raise FirmwareSourceError("unknown constant", location, name)

    def value(self, tokens: Sequence[Token], struct: OpenStruct | None, at: Token) -> Value:
        """Evaluate a constant expression."""
        if not tokens:
            raise FirmwareSourceError("missing value", at.location, at.text)
        location = tokens[0].location
        expression = parse_expression(tokens)
        return evaluate(expression, lambda name: self.constant(name, struct, location), location)

    def integer(self, tokens: Sequence[Token], struct: OpenStruct | None, at: Token) -> int:
        """Evaluate a constant expression that must be an integer."""
        value = self.value(tokens, struct, at)
        if isinstance(value, str) or not isinstance(value.value, int):
            raise FirmwareSourceError("an integer is needed", at.location, join(tokens))
        return value.value

    def size(self, tokens: Sequence[Token], struct: OpenStruct | None, at: Token) -> int:
        """Evaluate the length of an array."""
        value = self.integer(tokens, struct, at)
        if not 0 < value < 1 << 31:
            raise FirmwareSourceError("impossible array size", at.location, f"[{value}]")
        return value

    def built_in(self, tokens: Sequence[Token]) -> str:
        """Return the arithmetic kind of a built-in type, or an empty string."""
        words = [token.text for token in tokens if token.text not in _IGNORED]
        if words[:1] == ["std"] and words[1:2] == ["::"]:
            words = words[2:]
        return _BUILT_IN.get(" ".join(words), "")

    def type_or_struct(
        self, tokens: Sequence[Token], struct: OpenStruct | None, at: Token
    ) -> CppType | str:
        """Return the type that the tokens spell, or the name of a structure."""
        words = [token for token in tokens if token.text not in _IGNORED]

        def fail(message: str) -> FirmwareSourceError:
            place = (words[0] if words else at).location
            return FirmwareSourceError(message, place, join(tokens) or at.text)

        if self.built_in(words):
            return CppType(" ".join(token.text for token in words).replace("std :: ", ""))
        end = 0
        while end < len(words) and (words[end].kind == "name" or words[end].text == "::"):
            end += 1
        name = "".join(token.text for token in words[:end])
        if not name:
            raise fail("type not understood")
        if end == len(words):
            bare = self.bare(name)
            if struct is not None and bare in struct.types:
                return struct.types[bare]
            if bare in self.types:
                return self.types[bare]
            if bare in self.structs:
                return bare
            if "::" in bare:
                return CppType(bare)
            raise fail("unknown type")
        if words[end].text != "<" or words[-1].text != ">":
            raise fail("type not understood")
        arguments = split_arguments(words[end + 1 : -1])
        if name == "nnet::array":
            return self._packet(arguments, struct, at)
        if name in ("ap_fixed", "ap_ufixed", "ap_int", "ap_uint"):
            return self._fixed(name, arguments, struct, at)
        return CppType(name, tuple(join(argument) for argument in arguments))

    def type(self, tokens: Sequence[Token], struct: OpenStruct | None, at: Token) -> CppType:
        """Return the type that the tokens spell."""
        found = self.type_or_struct(tokens, struct, at)
        if isinstance(found, str):
            raise FirmwareSourceError("a structure is no type of data", at.location, found)
        return found

    def _packet(
        self, arguments: list[list[Token]], struct: OpenStruct | None, at: Token
    ) -> CppType:
        if len(arguments) != 2:
            raise FirmwareSourceError("nnet::array needs two arguments", at.location, at.text)
        element = self.type(arguments[0], struct, at)
        if element.pack:
            raise FirmwareSourceError("nested nnet::array", at.location, str(element))
        length = self.size(arguments[1], struct, at)
        return CppType(element.base, element.arguments, element.name, length, element.fields)

    def _fixed(
        self, name: str, arguments: list[list[Token]], struct: OpenStruct | None, at: Token
    ) -> CppType:
        least, most = (2, 5) if "fixed" in name else (1, 1)
        if not least <= len(arguments) <= most:
            raise FirmwareSourceError("wrong number of arguments", at.location, name)
        values: list[int | str] = []
        for position, argument in enumerate(arguments):
            text = "".join(token.text for token in argument).replace("SC_", "AP_")
            if (position == 2 and text in _ROUNDINGS) or (position == 3 and text in _OVERFLOWS):
                values.append(text)
            elif position == 4 and text in _OVERFLOWS:
                # An overflow mode in the place of the saturation bits counts as its enumerator.
                values.append(_OVERFLOWS.index(text))
            else:
                number = self.integer(argument, struct, at)
                names = {2: _ROUNDINGS, 3: _OVERFLOWS}.get(position, ())
                if names and not 0 <= number < len(names):
                    raise FirmwareSourceError("unknown mode", at.location, text)
                values.append(names[number] if names else number)
        width = values[0]
        if not isinstance(width, int) or not 1 <= width <= 4096:
            raise FirmwareSourceError("impossible width", at.location, f"{name}<{width}>")
        return CppType(name, tuple(values))

    def number(self, tokens: Sequence[Token], struct: OpenStruct | None, at: Token) -> Number:
        """Evaluate a constant expression that must be a number."""
        value = self.value(tokens, struct, at)
        if isinstance(value, str):
            raise FirmwareSourceError("a number is needed", at.location, join(tokens))
        return value
