# SPDX-License-Identifier: Apache-2.0
"""Tasks on images."""
