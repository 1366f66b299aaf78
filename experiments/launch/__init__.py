# SPDX-License-Identifier: Apache-2.0
"""From the command line to a `Plan`: flags, cells, benchmarks, sweeps, checks."""
