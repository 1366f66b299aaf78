# SPDX-License-Identifier: Apache-2.0
"""Figures, tables, summaries and reports of finished runs."""
