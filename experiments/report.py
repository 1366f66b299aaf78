# SPDX-License-Identifier: Apache-2.0
"""`report.html`: the run on one page that can be sent to a colleague.

No script and no address to fetch from: figures are inside the page, and everything
that a user may have typed is escaped.
"""

import base64
import html
from collections.abc import Iterable, Sequence

from experiments import summary
from experiments.plan import Plan
from experiments.runs import Run, versions
from experiments.summary import Summary, timing


CAPTIONS = {
    "gradient_flow": (
        "How far back the loss of the last step is felt: the total derivative with "
        "respect to the state, against the distance in time. A straight line falls "
        "exponentially; its slope is in the table."
    ),
    "learning_curves": (
        "What training made of it: loss over that of the best predictor without "
        "memory, and the metrics of the task."
    ),
}

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


def render(plan: Plan, run: Run, summed: Summary) -> str:
    """The page, from the summary and the figures in the run directory."""
    title = f"{plan.front.benchmark}: {', '.join(plan.cells)}"
    measured = (
        f"{plan.front.seeds} seeds each, on {summed['device']}: {timing(summed)}. The best "
        f"predictor without memory has a loss of {summed['baseline']:.6g} nats."
    )
    replay = "python -m experiments --flagfile=flags.txt --workdir=NEW"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(measured)}</p>",
        *(
            f'<p class="failure">{html.escape(f"{cell}: {reason}")}</p>'
            for cell, reason in summed["failures"].items()
        ),
        _numbers(summed),
        f"<p>Mean [smallest, largest] over {plan.front.seeds} seeds. Slopes are least "
        f"squares over all lags; a half-life of inf does not shrink.</p>",
        *(_figure(run, name, caption) for name, caption in CAPTIONS.items()),
        "<h2>Settings</h2>",
        f"<p>To run it again, beside flags.txt:</p><pre>{html.escape(replay)}</pre>",
        f'<div class="settings">{_table([["setting", "value"], *_pairs(plan.settings)])}</div>',
        "<h2>Versions</h2>",
        _table([["package", "version"], *_pairs(versions())]),
    ]
    return PAGE.format(title=html.escape(title), style=STYLE, body="\n".join(parts))


def _numbers(summed: Summary) -> str:
    """The table of results, each range on a line below its mean."""
    lines = [[cell.replace(" [", "\n[") for cell in row] for row in summary.rows(summed)]
    return f'<div class="numbers">{_table(lines)}</div>'


def _pairs(mapping) -> list[list[str]]:
    return [[str(key), str(value)] for key, value in mapping.items()]


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *lines = rows

    def row(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    body = "\n".join(row(line, "td") for line in lines)
    return f"<table>\n<thead>{row(head, 'th')}</thead>\n<tbody>{body}</tbody>\n</table>"


def _figure(run: Run, name: str, caption: str) -> str:
    data = base64.b64encode((run.figures / f"{name}.svg").read_bytes()).decode("ascii")
    alt = html.escape(name.replace("_", " "))
    return (
        f'<figure><img alt="{alt}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
