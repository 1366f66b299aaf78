# SPDX-License-Identifier: Apache-2.0
"""Readers of data: find files, check them, and turn them into arrays."""
