# SPDX-License-Identifier: Apache-2.0
"""Names of the files in a run directory."""

CONFIG, FLAGS, LOCK, SWEEP = "config.json", "flags.txt", "run.lock", "sweep.json"
METRICS, FLOW, SAMPLES = "metrics.jsonl", "gradient_flow.jsonl", "samples.jsonl"
CHECKPOINTS, FIGURES, LABORATORY = "checkpoints", "figures", "gradient_flow"
SUMMARY, REPORT = "summary.json", "report.html"
HORIZON = "horizon.csv"

FORMAT = 2
"""Version of the names of settings and of the arrays in checkpoints."""

ARTEFACTS = (
    "tensorboard",
    "wandb",
    METRICS,
    FLOW,
    SAMPLES,
    SUMMARY,
    REPORT,
    LABORATORY,
    FIGURES,
    HORIZON,
    CHECKPOINTS,
    FLAGS,
    CONFIG,
)
"""Everything that --overwrite deletes; config.json, which marks a run, goes last."""
