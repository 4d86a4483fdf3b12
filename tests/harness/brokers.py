"""Which broker the tests run on: TENET_BROKER is prosody (the default) or ejabberd."""

from __future__ import annotations

import os

from .ejabberd import Ejabberd
from .prosody import Prosody

_ALL: dict[str, type[Prosody] | type[Ejabberd]] = {
    "prosody": Prosody,
    "ejabberd": Ejabberd,
}


def chosen_broker() -> type[Prosody] | type[Ejabberd]:
    """The class that the environment asks for."""
    name = os.environ.get("TENET_BROKER") or "prosody"
    if name not in _ALL:
        raise ValueError(f"TENET_BROKER is {name!r}; write one of: {', '.join(sorted(_ALL))}")
    return _ALL[name]
