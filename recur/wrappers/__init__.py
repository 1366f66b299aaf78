# SPDX-License-Identifier: Apache-2.0
"""Wrappers, functions from a cell to a cell: what to do at the borders of a sequence, and
regularisation.

    masks.py          skip the padding of a batch     dropout.py       inputs and state
    resets.py         restart at a new segment        drop_connect.py  weights
    learned_state.py  train the initial state         zoneout.py       keep units at random
    residual.py       add the input to the output     noise.py         keys for these three

`masked` and `resettable` change the inputs of a cell from `xs [T, *B, I]` to
`(xs, flags [T, *B] bool)`; the other wrappers take arrays alone, so wrap a cell in these
two last. `recur.unroll` does so when it is given lengths or resets.
"""

from recur.wrappers.drop_connect import drop_connect
from recur.wrappers.dropout import input_dropout, state_dropout
from recur.wrappers.learned_state import LearnedStateParams, learned_state
from recur.wrappers.masks import masked, select
from recur.wrappers.noise import Noise, NoisyParams, with_key
from recur.wrappers.resets import resettable
from recur.wrappers.residual import residual
from recur.wrappers.zoneout import ZoneoutState, zoneout


__all__ = [
    "LearnedStateParams",
    "Noise",
    "NoisyParams",
    "ZoneoutState",
    "drop_connect",
    "input_dropout",
    "learned_state",
    "masked",
    "resettable",
    "residual",
    "select",
    "state_dropout",
    "with_key",
    "zoneout",
]
