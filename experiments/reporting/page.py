# SPDX-License-Identifier: Apache-2.0
"""HTML of one page that can be sent to a colleague.

It has no script and fetches nothing: figures are inside the page, and everything that a
user may have typed is escaped.
"""

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } img { width: 100%; } figcaption { color: #555; }
pre { background: #f5f5f5; padding: 0.7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.failure { color: #a40000; font-weight: bold; }
.numbers { overflow-x: auto; }
.numbers td { white-space: pre; } .settings { columns: 2; } .settings table { width: 100%; }
@media print { body { margin: 0; max-width: none; } figure { break-inside: avoid; } }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(title: str, parts: Iterable[str]) -> str:
    """The whole page, from parts in HTML."""
    title = html.escape(title)
    body = "\n".join([f"<h1>{title}</h1>", *parts])
    return PAGE.format(title=title, style=STYLE, body=body)


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, with a CSS class if `kind` is given."""
    opening = f'<p class="{kind}">' if kind else "<p>"
    return f"{opening}{html.escape(text)}</p>"


def heading(text: str) -> str:
    """A heading within the page."""
    return f"<h2>{html.escape(text)}</h2>"


def code(text: str) -> str:
    """A command or a text, in a fixed-width font."""
    return f"<pre>{html.escape(text)}</pre>"


def block(kind: str, content: str) -> str:
    """HTML in a block with a CSS class."""
    return f'<div class="{kind}">{content}</div>'


def pairs(mapping: Mapping[str, Any]) -> list[list[str]]:
    """The rows of a table with two columns."""
    return [[str(key), str(value)] for key, value in mapping.items()]


def table(rows: Iterable[Sequence[str]]) -> str:
    """A table, its head first."""
    head, *lines = rows

    def row(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    body = "\n".join(row(line, "td") for line in lines)
    return f"<table>\n<thead>{row(head, 'th')}</thead>\n<tbody>{body}</tbody>\n</table>"


def figure(svg: Path, caption: str) -> str:
    """A figure, its SVG inside the page, with its caption."""
    data = base64.b64encode(svg.read_bytes()).decode("ascii")
    alt = html.escape(svg.stem.replace("_", " "))
    return (
        f'<figure><img alt="{alt}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
