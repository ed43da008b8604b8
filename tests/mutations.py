"""Files as bad luck and bad will leave them: cut, flipped, spliced, or with a hostile value at some place."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

#: values that made some program stumble, as JSON and YAML both write them
VALUES = (
    "[/]",
    "[bold]x[/bold]",
    "\x1b[31mred\x1b[0m",
    "\x07\x08\r",
    "\u202egnp.exe",
    "$\\frac$",
    "a\nb",
    "\ud800",
    "../../x",
    "x" * 3000,
    "",
    "nan s",
    "1e999 bit/s",
    10**400,
    -(10**400),
    -1,
    0,
    0.0,
    -0.5,
    1e308,
    2**63,
    True,
    None,
    [],
    {},
    [[]],
    {"kind": "local"},
    [1, "a", None],
    "resnet50",
)
#: what text gets at some place
SPLICES = (
    b"\x00",
    b"\x1b[2J",
    b"\xff\xfe",
    b"\xc2\x9b31m",
    b"\xe2\x80\xae",
    b"\xed\xa0\x80",
    b'"\\ud800"',
    b"0x_",
    b"._",
    b"9" * 5000,
    b"[" * 300,
    b"{",
    b"nan",
    b"inf",
    b"1e400",
    b"-",
    b",",
    b"\t",
    b"\n",
    b"\r",
    b": ",
    b"&a *a",
    b"!!python/object:os.system ",
    b"#",
    b"'",
    b'"',
    b"|",
    b"\\",
)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content after one or two accidents."""
    for _ in range(chance.choice((1, 1, 2))):
        start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
        end = min(end, start + 200)
        accident = chance.randrange(6)
        if accident == 0:
            content = content[:start]
        elif accident == 1:
            content = content[:start] + content[end:]
        elif accident == 2:
            content = content[:start] + content[start:end] * 3 + content[end:]
        elif accident == 3 and content:
            place = min(start, len(content) - 1)
            content = content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
        else:
            content = content[:start] + chance.choice(SPLICES) + content[start:]
    return content


def json_with_hostile_value(content: bytes, chance: random.Random) -> bytes:
    """A JSON document, which YAML reads too, with a hostile value or key at some place."""
    document = json.loads(content)
    place = chance.choice(list(_places(document)))
    here = document
    for key in place[:-1]:
        here = here[key]
    value = chance.choice(VALUES)
    if isinstance(here, dict) and chance.random() < 0.1:
        here[str(value)] = here.pop(place[-1])
    else:
        here[place[-1]] = value
    return json.dumps(document).encode()


def csv_with_hostile_cell(content: bytes, chance: random.Random) -> bytes:
    """A table with a hostile value in some cell."""
    cells = list(re.finditer(rb"[^,\n]+", content))
    cell = chance.choice(cells)
    value = str(chance.choice(VALUES)).encode("utf-8", "surrogatepass")
    return content[: cell.start()] + value + content[cell.end() :]


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from _places(entry, (*path, key))
