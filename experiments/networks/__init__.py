# SPDX-License-Identifier: Apache-2.0
"""Networks: inputs -> recurrent layers -> outputs, and their sites for gradient flow."""
