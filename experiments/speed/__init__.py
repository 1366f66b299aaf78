# SPDX-License-Identifier: Apache-2.0
"""The same recurrent work in `recur` and in other libraries, timed in turn."""
