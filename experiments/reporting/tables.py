# SPDX-License-Identifier: Apache-2.0
"""Tables in Markdown."""

from collections.abc import Collection, Sequence


def markdown(lines: Sequence[Sequence[str]], text_columns: Collection[str] | int = 1) -> str:
    """A table in Markdown, columns of text on the left and numbers on the right.

    Args:
      lines: the head, then the lines.
      text_columns: the heads of the columns of text, or how many come first.
    """
    head, *rest = lines
    if isinstance(text_columns, int):
        text_columns = head[:text_columns]
    rule = ["---" if name in text_columns else "---:" for name in head]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rest))
