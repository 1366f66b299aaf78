# SPDX-License-Identifier: Apache-2.0
"""Synthetic tasks that need memory over a known distance."""
