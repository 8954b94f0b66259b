"""Damage to the text of a firmware folder."""

import re

FRAGMENTS = [
    *list("{}()<>;,[]=*&#?:/-+~"), "\\\n", "/*", "*/", "//", '"', "'", "::",
    "typedef ", "struct ", "template<", "class ", "namespace x{", "static const unsigned n = ",
    "auto& ", "extern ", "#define A A A\n", "#define B(x) x x\n", '#include "parameters.h"\n',
    '#include "../../etc/passwd"\n', "#if 1\n", "#endif\n", "#else\n", "\x00", "\xff", "1e999",
    "0x", "[4294967295]", "{0}", "{}", "hls::stream<", "ap_fixed<0,0>", "nnet::", "config2",
]  # fmt: skip


def damaged(text, chance):
    """Cut, insert, repeat, or exchange a piece of the text."""
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.randrange(150))
    match chance.randrange(6):
        case 0:
            return text[:start]
        case 1:
            return text[:start] + chance.choice(FRAGMENTS) + text[start:]
        case 2:
            return text[:start] + text[end:]
        case 3:
            return text[:end] + text[start:end] * chance.choice([1, 30]) + text[end:]
    pieces = re.findall(r"\w+|\s+|[^\w\s]", text)
    one, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
    pieces[one], pieces[other] = pieces[other], pieces[one]
    return "".join(pieces)
