# SPDX-License-Identifier: Apache-2.0
"""Files of a run: directory, journals, checkpoints, mirrors."""
