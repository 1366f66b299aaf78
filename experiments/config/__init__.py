# SPDX-License-Identifier: Apache-2.0
"""The settings of a run: frozen dataclasses, their options, and errors of usage."""
