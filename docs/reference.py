"""The library's reference from its docstrings: pages of pdoc, for docs/build_site.py."""

import os
import pkgutil
from pathlib import Path

import pdoc

import tto

# A command rather than a library, and what needs the extra `actors`.
LEFT_OUT = ("!tto.cli", "!tto.data.sac")


def write_reference(folder: Path) -> None:
    """Write one page a module, and a start page `index.html`."""
    os.environ["PDOC_ALLOW_EXEC"] = "1"  # an imported package asks a child for a library's version
    for name in tto.__all__:  # imported at first use, which pdoc does not wait for
        setattr(tto, name, getattr(tto, name))
    tto.__all__ += [module.name for module in pkgutil.iter_modules(tto.__path__)]
    pdoc.render.configure(docformat="google", show_source=False, math=True)
    pdoc.pdoc("tto", *LEFT_OUT, output_directory=folder)
