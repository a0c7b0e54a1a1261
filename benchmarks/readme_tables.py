"""The measured tables of a README: each stands between `<!-- NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.files import write_atomically

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MARKED = re.compile(r"<!-- ([\w -]+) -->\n.*?<!-- end -->", re.DOTALL)


def renewed(text: str, tables: Mapping[str, str]) -> str:
    """A README's text with these tables in place of what stood between their markers.

    Args:
        text: of the README; it need not have all of them.
        tables: name -> Markdown.
    """

    def with_its_table(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!-- {name} -->\n{tables[name]}\n<!-- end -->" if name in tables else found[0]

    return MARKED.sub(with_its_table, text)


def renew(readme: Path, tables: Mapping[str, str]) -> None:
    """Bring a README's tables up to date; say on stderr what changed, or that it has none."""
    text = readme.read_text(encoding="utf-8")
    if not tables.keys() & set(MARKED.findall(text)):
        print(f"note: {readme} has no markers <!-- {next(iter(tables))} -->", file=sys.stderr)
    elif (changed := renewed(text, tables)) != text:
        write_atomically(readme, changed.encode())
        print(f"written into {readme}", file=sys.stderr)
