"""The states, as one table in the order in which they are told."""

from __future__ import annotations

import typing

from . import dates, endpoints, files, healthy, itself, mutual, revocation, trust

if typing.TYPE_CHECKING:
    from state import State

STATES: tuple[State, ...] = (
    *healthy.STATES,
    *dates.STATES,
    *endpoints.STATES,
    *mutual.STATES,
    *revocation.STATES,
    *trust.STATES,
    *files.STATES,
    *itself.STATES,
)
BY_NAME = {state.name: state for state in STATES}
