# SPDX-License-Identifier: Apache-2.0
"""Tasks on words and characters."""
