# SPDX-License-Identifier: Apache-2.0
"""The gradient-flow laboratory: `python -m experiments.gradient_flow --help`."""
