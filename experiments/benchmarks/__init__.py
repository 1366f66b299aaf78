# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: a task is data, a network, a loss and metrics."""
