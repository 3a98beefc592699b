"""`tto push`: a model and its card to the Hugging Face hub."""

import tempfile
from pathlib import Path

from tto.cli.model_facts import facts_of, other_entries
from tto.exchange.export import export_model
from tto.exchange.hub import push
from tto.model.trained import load


def push_model(folder: Path, name: str, *, licence: str | None, private: bool) -> str:
    """Export a model in our layout, which `tto.load` reads from the hub, and push it.

    Args:
        folder: folder of the model.
        name: `USER/NAME` on the hub.
        licence: identifier of the licence, as the hub knows it.
        private: whether a new repository is private.

    Returns:
        The model's address.

    Raises:
        TTOError: no model, or the hub does not take it.
    """
    model = load(folder)
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "model"
        facts = facts_of(folder, licence=licence)
        export_model(model, out, layout="tto", facts=facts, extra=other_entries(folder))
        return push(out, name, private=private)
