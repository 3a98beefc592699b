"""Models on the Hugging Face hub: an address is `hf://USER/NAME`, with `@REVISION` if need be.

The package `huggingface_hub` (the extra `hub`) does the transfer, with its cache, its login and its
environment variables (HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE). What comes is checked as any folder
of a model is; no pickle is fetched.
"""

import importlib
import os
import re
from pathlib import Path
from typing import Any

from tto.errors import TTOError, one_line
from tto.exchange.pretrained import BINS_FILE, import_model
from tto.files import StrPath
from tto.model.planner_file import PLANNER
from tto.model.trained import TrainedModel, is_model
from tto.model.trained import load as load_folder

# A path keeps one of the slashes.
_ADDRESS = re.compile(r"hf:/{1,2}(\w[\w.-]*/\w[\w.-]*?)(?:@([\w./-]+))?")
_FILES = ["model.safetensors", "config.json", PLANNER, BINS_FILE, "README.md"]


def load(folder: StrPath, *, device: str = "cpu") -> TrainedModel:
    """Load a model from a folder that training or `tto import` wrote, or from the hub.

    Args:
        folder: the folder, or an address such as `hf://user/hopper`. A model on the hub may have
            our layout or that of the port in `transformers`, as `tto export` writes them.
        device: device of the model.

    Raises:
        TTOError: files are missing, damaged, of another format version or do not fit together,
            there is no such device, or the hub does not give the model.
    """
    if not is_address(folder):
        return load_folder(folder, device=device)
    here = fetch(str(folder))
    if is_model(here):
        return load_folder(here, device=device)
    model = import_model(here)
    model.network.to(device)
    return model


def is_address(text: object) -> bool:
    """Whether a path is meant as an address on the hub."""
    return isinstance(text, str | os.PathLike) and os.fspath(text).startswith("hf:/")


def fetch(address: str) -> Path:
    """The folder, in the hub's cache, that the files of a model were fetched to.

    Raises:
        TTOError: no such address, the hub does not give it, or `huggingface_hub` is missing.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise TTOError(f"{address}: expected an address such as hf://user/name; correct it")
    hub = _package()
    try:
        return Path(hub.snapshot_download(found[1], revision=found[2], allow_patterns=_FILES))
    except Exception as error:  # of the hub, of the connection, or of the cache
        raise TTOError(
            f"{address}: expected a model of the hub, but fetching it failed ({one_line(error)}); "
            "check the name, the network and, for a private model, `hf auth login`"
        ) from error


def push(folder: StrPath, name: str, *, private: bool = False) -> str:
    """Put the files of an exported model on the hub, which makes the repository if need be.

    Args:
        folder: folder that `tto.exchange.export` wrote.
        name: `USER/NAME`.
        private: whether a new repository is private.

    Returns:
        The model's address, for `load`.

    Raises:
        TTOError: no such name, the hub refuses, or `huggingface_hub` is missing.
    """
    if _ADDRESS.fullmatch(f"hf://{name}") is None or "@" in name:
        raise TTOError(f"push: expected a name such as user/hopper, got {name!r}; correct it")
    hub = _package()
    try:
        api = hub.HfApi()
        api.create_repo(name, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=name,
            folder_path=str(folder),
            allow_patterns=_FILES,
            commit_message="A Trajectory Transformer",
        )
    except Exception as error:  # of the hub or of the connection
        raise TTOError(
            f"push {name}: expected the hub to take the model, but it did not "
            f"({one_line(error)}); log in by `hf auth login`, or check the network"
        ) from error
    return f"hf://{name}"


def _package() -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise TTOError(
            "hub: expected the package huggingface_hub, which is not installed; install it by "
            "`pip install huggingface_hub`"
        ) from error
