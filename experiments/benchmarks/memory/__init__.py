# SPDX-License-Identifier: Apache-2.0
"""Synthetic tasks that ask for memory over a known distance."""
