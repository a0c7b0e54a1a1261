"""Measured tables in the pages: each is between `<!-- NAME -->` and `<!-- end -->`.

A table is made once, with links from the project's root; a page in a folder gets them from there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.files import write_atomically

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "game" / "README.md")
MARKED = re.compile(r"<!-- ([\w -]+) -->\n.*?<!-- end -->", re.DOTALL)


def renewed(text: str, tables: Mapping[str, str], folder: str = "") -> str:
    """The text of a page with these tables in place of what was between their markers.

    Args:
        text: of the page; it need not have all of them.
        tables: name -> Markdown, with links to `results/...`.
        folder: what leads from the page to the project's root, such as "../".
    """

    def with_its_table(found: re.Match[str]) -> str:
        name = found[1]
        if name not in tables:
            return found[0]
        table = tables[name].replace("](results/", f"]({folder}results/")
        return f"<!-- {name} -->\n{table}\n<!-- end -->"

    return MARKED.sub(with_its_table, text)


def renew(readme: Path, tables: Mapping[str, str]) -> None:
    """Bring the tables of a README and of the pages in docs/ beside it up to date.

    Says on stderr which pages changed, or that none of them has the tables.
    """
    pages = {readme: "", **dict.fromkeys(sorted(readme.parent.glob("docs/*.md")), "../")}
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    if not any(tables.keys() & set(MARKED.findall(text)) for text in texts.values()):
        print(f"note: {readme} has no markers <!-- {next(iter(tables))} -->", file=sys.stderr)
    for page, text in texts.items():
        if (changed := renewed(text, tables, pages[page])) != text:
            write_atomically(page, changed.encode())
            print(f"written into {page}", file=sys.stderr)
