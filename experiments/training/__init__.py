# SPDX-License-Identifier: Apache-2.0
"""Training: from seeds to trained states, with measurements on the way."""
