"""Names that C++, Verilog and VHDL all take."""

__all__ = ["identifier"]

_VERILOG = """
always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign
default defparam design disable edge else end endcase endconfig endfunction endgenerate endmodule
endprimitive endspecify endtable endtask event for force forever fork function generate genvar
highz0 highz1 if ifnone incdir include initial inout input instance integer join large liblist
library localparam macromodule medium module nand negedge nmos nor noshowcancelled not notif0
notif1 or output parameter pmos posedge primitive pull0 pull1 pulldown pullup rcmos real realtime
reg release repeat rnmos rpmos rtran rtranif0 rtranif1 scalared showcancelled signed small specify
specparam strong0 strong1 supply0 supply1 table task time tran tranif0 tranif1 tri tri0 tri1 triand
trior trireg unsigned use vectored wait wand weak0 weak1 while wire wor xnor xor
accept_on alias always_comb always_ff always_latch assert assume before bind bins binsof bit break
byte chandle checker class clocking const constraint context continue cover covergroup coverpoint
cross dist do endchecker endclass endclocking endgroup endinterface endpackage endprogram
endproperty endsequence enum eventually expect export extends extern final first_match foreach
forkjoin global iff ignore_bins illegal_bins implies import inside int interface intersect join_any
join_none let local logic longint matches modport new nexttime null package packed priority program
property protected pure rand randc randcase randsequence ref reject_on restrict return s_always
s_eventually s_nexttime s_until sequence shortint shortreal solve static string strong struct super
sync_accept_on sync_reject_on tagged this throughout timeprecision timeunit type typedef union
unique unique0 until untyped var virtual void wait_order weak wildcard with within
"""
_VHDL = """
abs access after all architecture array attribute block body buffer bus component configuration
constant disconnect downto elsif entity exit file generic group guarded impure in inertial is label
linkage literal loop map mod next of on open others out port postponed procedure process pure range
record register reject rem report return rol ror select severity shared signal sla sll sra srl
subtype then to transport units variable when
"""
_CPP = """
alignas alignof asm auto bool catch char compl concept constexpr decltype delete double dynamic_cast
explicit false float friend goto inline long main mutable namespace noexcept nullptr operator
private public register requires short sizeof static_assert std switch template thread_local throw
true try typeid typename using volatile
"""
_RESERVED = frozenset((_VERILOG + _VHDL + _CPP).split())


def identifier(name: str) -> str:
    """Turn any name into an identifier that none of the languages reserves.

    Parameters
    ----------
    name : str
        Of an artefact, a file or a network.

    Returns
    -------
    str
        Lower case, since VHDL does not tell cases apart.
    """
    word = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.lower())
    # VHDL takes neither doubled underscores nor one at an end
    word = "_".join(filter(None, word.split("_")))
    if not word or word[0].isdigit() or word in _RESERVED:
        return f"network_{word}".rstrip("_")
    return word
