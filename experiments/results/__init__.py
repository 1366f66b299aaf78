# SPDX-License-Identifier: Apache-2.0
"""Published results, one folder a run: its flags, its summary and its figure."""
