"""What a firmware folder says, as plain data: types, configurations, tensors, calls, weights.

`l1kd.emulators.network.cpp.source.read_project` fills these classes. They hold no arithmetic: a
type is its name and its arguments, a weight is the number its header spells, and nothing is cast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from l1kd.emulators.array_types import Floats
from l1kd.emulators.network.cpp.library import Library
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Location, Token

__all__ = [
    "Call",
    "Constant",
    "CppType",
    "FirmwareSourceError",
    "Function",
    "Location",
    "Project",
    "Struct",
    "Tensor",
    "WeightArray",
]

Constant = int | float | bool | str
"""A constant's value; a string is the name of an enumerator without its scope (``latency``)."""

_T = TypeVar("_T")


def frozen_mapping(values: Mapping[str, _T]) -> Mapping[str, _T]:
    """Return a read-only copy of `values`, in the same order."""
    return MappingProxyType(dict(values))


@dataclass(frozen=True)
class CppType:
    """A C++ type with every alias followed.

    Attributes
    ----------
    base : str
        ``ap_fixed``, ``ap_ufixed``, ``ap_int``, ``ap_uint``, or any other type's name
        (``float``, ``std::float16_t``, ``ac_fixed``), or ``struct`` for a record of weights.
    arguments : tuple of int or str
        Template arguments, evaluated: ``(16, 6, "AP_RND", "AP_SAT", 0)``.
    name : str
        The name under which the sources use the type (``layer3_t``), or `text` where it is inline.
    pack : int
        Elements of one ``nnet::array`` packet in a stream; 0 for a plain type.
    fields : tuple of (str, CppType)
        Members of a record of weights (compressed weights: ``row_index``, ``col_index``,
        ``weight``; power-of-two weights: ``sign``, ``weight``); empty otherwise.
    """

    base: str
    arguments: tuple[int | str, ...] = ()
    name: str = ""
    pack: int = 0
    fields: tuple[tuple[str, CppType], ...] = ()

    @property
    def text(self) -> str:
        """The type as C++ writes it, packet and aliases removed: ``ap_fixed<16,6>``."""
        arguments = ",".join(str(argument) for argument in self.arguments)
        return f"{self.base}<{arguments}>" if arguments else self.base

    def __str__(self) -> str:
        return f"nnet::array<{self.text},{self.pack}>" if self.pack else self.text


@dataclass(frozen=True)
class Struct:
    """One configuration structure of ``parameters.h``.

    Attributes
    ----------
    name, base : str
        ``config3`` and ``nnet::conv2d_config``; the base is empty where there is none. Members the
        structure does not set keep the defaults of the base in hls4ml's library.
    constants : mapping of str to Constant
        ``static const`` members with the value C++ gives them: an ``unsigned`` set to -1 is
        4294967295, a ``float`` is rounded to single precision, an enumerator is its bare name.
    types : mapping of str to CppType
        ``typedef`` members (``accum_t``), and the types of constants that are not built in
        (``slope`` of a hard sigmoid).
    structs : mapping of str to str
        ``typedef`` members that name another structure: ``mult_config`` -> ``config3_mult``.
    templates : mapping of str to str
        Template aliases and function members, without arguments: ``product`` ->
        ``nnet::product::mult``, ``kernel`` -> ``nnet::DenseLatency``, ``dense_da`` ->
        ``nnet::dense_da_5``.
    arrays : mapping of str to tuple of int
        Array members defined beside the structure: ``pixels``, ``perm``, ``from_shape``.
    """

    name: str
    base: str
    constants: Mapping[str, Constant]
    types: Mapping[str, CppType]
    structs: Mapping[str, str]
    templates: Mapping[str, str]
    arrays: Mapping[str, tuple[int, ...]]
    location: Location


@dataclass(frozen=True)
class Tensor:
    """An array or stream of the top function.

    Attributes
    ----------
    role : str
        ``input``, ``output`` or ``internal``.
    size : int or None
        Number of elements of an array; None for a stream, whose length the sources do not say.
    """

    name: str
    type: CppType
    size: int | None
    role: str
    location: Location

    @property
    def is_stream(self) -> bool:
        """Whether the tensor is an ``hls::stream``."""
        return self.size is None


@dataclass(frozen=True)
class WeightArray:
    """Parameters spelled out in a header.

    Attributes
    ----------
    values : ndarray of float64, shape (n,) or (n, number of fields)
        The literals as doubles, in the order of the source, not yet cast into `type`. Read-only.
    location : Location
        Where the literals stand.
    is_port : bool
        Whether the top function takes the array as an argument (weights in BRAM), so that the
        header only says what hls4ml's own test bench passes in.
    """

    name: str
    type: CppType
    values: Floats
    location: Location
    is_port: bool = False


@dataclass(frozen=True)
class Call:
    """One layer: a function call in the body of the top function, in the order of execution.

    Attributes
    ----------
    function : str
        As written, with its scope: ``nnet::dense``, ``nnet::relu``, ``mynamespace::dense_da_3``.
    template_arguments : tuple of CppType, str or int
        Types, names of structures, and integers between the angle brackets.
    config : str
        Name of the structure among the template arguments; empty when there is none.
    inputs, outputs : tuple of str
        Tensors read and written, aliases followed, in the order of the arguments.
    weights : tuple of str
        Parameter arrays, in the order of the arguments.
    literals : tuple of int or float
        Numbers among the arguments (slope of a leaky relu).
    comment : str
        The layer's name where the generator left it in a comment on the same line, else empty.
    """

    function: str
    template_arguments: tuple[CppType | str | int, ...]
    config: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[str, ...]
    literals: tuple[int | float, ...]
    location: Location
    comment: str = ""


@dataclass(frozen=True)
class Function:
    """A function that the sources define beside the network, unread until it is asked for.

    `l1kd.emulators.network.cpp.functions.statements` parses its body.

    Attributes
    ----------
    qualified_name : str
        Name with its scope; ``nnet::fill_buffer_3::fill_buffer`` for a member of a class.
    template_parameters : tuple of str
        Names of the template parameters.
    parameters : tuple of tuple of Token
        The parameters, each as its tokens.
    tokens : tuple of Token
        Tokens of the body, braces excluded.
    """

    name: str
    qualified_name: str
    template_parameters: tuple[str, ...]
    parameters: tuple[tuple[Token, ...], ...] = field(repr=False)
    tokens: tuple[Token, ...] = field(repr=False)
    location: Location

    @property
    def scope(self) -> str:
        """The namespaces (and class) around the function."""
        return self.qualified_name.rpartition("::")[0]


@dataclass(frozen=True)
class Project:
    """A firmware folder.

    Attributes
    ----------
    name : str
        The top function's name.
    namespace : str
        Scope of the top function; empty for the global one.
    io_type : str
        ``io_parallel`` (arrays) or ``io_stream``.
    inputs, outputs : tuple of str
        Arguments of the top function that are tensors, in its order.
    tensors : mapping of str to Tensor
        Every tensor, aliases excluded.
    calls : tuple of Call
        The layers, in the order of execution.
    structs : mapping of str to Struct
    types : mapping of str to CppType
        Every type alias that could be followed to the end.
    constants : mapping of str to Constant
        Macros and namespace constants that are numbers (``N_LAYER_2``).
    weights : mapping of str to WeightArray
        Every array with values, used or not.
    functions : mapping of str to Function
        Generated functions by unqualified name (``dense_da_3``, ``fill_buffer_5``).
    files : tuple of str
        Files read, relative to the folder.
    notes : tuple of str
        Remarks for the user that change nothing, such as a stale ``.txt`` copy of the weights.
    library : Library
        Functions of hls4ml's library as the folder carries it.
    """

    name: str
    namespace: str
    io_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    calls: tuple[Call, ...]
    structs: Mapping[str, Struct]
    types: Mapping[str, CppType]
    constants: Mapping[str, Constant]
    weights: Mapping[str, WeightArray]
    functions: Mapping[str, Function]
    files: tuple[str, ...]
    notes: tuple[str, ...]
    location: Location
    library: Library = field(default_factory=Library, repr=False)
