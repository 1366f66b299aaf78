# SPDX-License-Identifier: Apache-2.0
"""Files that benchmarks read: where they are, that they are whole, and what they say."""
