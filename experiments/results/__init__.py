# SPDX-License-Identifier: Apache-2.0
"""Published results: a folder for each run, with its flags, summary and figure."""
