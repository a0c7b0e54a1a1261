"""Measured tables in the documents: each is between `<!-- NAME -->` and `<!-- end -->`.

A table is found by its name, so it can move from one document to another. The model card is not
searched: it is part of a packed model, and contest_scores writes it with the model's manifest.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.files import write_atomically

ROOT = Path(__file__).parent.parent
MARKED = re.compile(r"<!-- ([\w -]+) -->\n.*?<!-- end -->", re.DOTALL)


def documents() -> list[Path]:
    """Return the documents that may have measured tables and exist."""
    known = [ROOT / "README.md", ROOT / "game" / "README.md"]
    return [path for path in known if path.is_file()] + sorted((ROOT / "docs").rglob("*.md"))


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """Return a document's text with these tables between their markers.

    Args:
        text: text of the document; it need not have all of the tables.
        tables: name -> Markdown.
    """

    def replaced(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!-- {name} -->\n{tables[name]}\n<!-- end -->" if name in tables else found[0]

    return MARKED.sub(replaced, text)


def updated(document: Path, tables: Mapping[str, str]) -> tuple[str, str]:
    """Return a document's text before and after its tables are replaced.

    Links to `results/` are written relative to the document's folder.
    """
    before = document.read_text(encoding="utf-8")
    results = os.path.relpath(ROOT / "results", document.parent)
    linked = {name: made.replace("](results/", f"]({results}/") for name, made in tables.items()}
    return before, with_tables(before, linked)


def update_documents(tables: Mapping[str, str]) -> None:
    """Write the tables into every document that has their markers; report changes on stderr.

    Args:
        tables: name -> Markdown, with links relative to the repository's root.
    """
    missing = set(tables)
    for document in documents():
        before, after = updated(document, tables)
        missing -= set(MARKED.findall(before))
        if after != before:
            write_atomically(document, after.encode())
            print(f"updated: {document}", file=sys.stderr)
    for name in sorted(missing):
        print(f"note: no document has the marker <!-- {name} -->", file=sys.stderr)
