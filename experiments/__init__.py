# SPDX-License-Identifier: Apache-2.0
"""The bench: benchmarks that compare how gradient flows through recurrent cells."""
