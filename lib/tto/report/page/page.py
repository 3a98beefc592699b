"""All results of a run on one page: `report.html`, which opens offline and needs no other file.

The page contains pictures as data URIs, tables from the run's HTML files, and the captions of
Snakemake's report (reStructuredText with Jinja's marks). It has no scripts.
"""

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from docutils.core import publish_parts
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError
from markupsafe import Markup
from PIL import Image

from tto.errors import TTOError
from tto.files import StrPath
from tto.report.numbers.names import dataset_names
from tto.report.numbers.paper_rows import paper_row
from tto.report.page.answers import answers, warnings
from tto.report.page.contents import SECTIONS, Item
from tto.report.page.timings import RuleTime
from tto.report.page.verdicts import sentences
from tto.report.tables.formats import TEMPLATES, main_of, write_text

LARGEST = 24_000_000  # bytes of all pictures; base64 adds a third
_CLAIMS_LAST = sorted(SECTIONS, key=lambda section: section.id == "claims")
_TYPES = {".png": "image/png", ".webp": "image/webp"}
_TEMPLATES = Environment(
    loader=FileSystemLoader([Path(__file__).parent, TEMPLATES]),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


def write_page(
    path: StrPath,
    results: StrPath,
    *,
    config: Mapping[str, Any],
    config_text: str,
    captions: StrPath,
    provenance: Mapping[str, Any],
    times: list[RuleTime],
    made: Iterable[StrPath] | None = None,
    largest: int = LARGEST,
) -> list[str]:
    """Write the page of a finished run.

    Args:
        path: file to write.
        results: the run's folder; the page leaves out experiments that the run does not have.
        config: the run's settings, which captions quote.
        config_text: text of all settings.
        captions: folder of the captions, `<name>.rst`, and of workflow.rst.
        provenance: result of `tto.report.page.provenance.provenance`.
        times: result of `tto.report.page.timings.rule_times`.
        made: files that the page may show; None shows all that the run has.
        largest: bytes of all pictures; a picture that does not fit any more is only named.

    Returns:
        The pictures that did not fit, as paths in `results`.

    Raises:
        TTOError: a table, a picture or a caption cannot be read.
    """
    results, space = Path(results), _Space(largest)
    shown_files = None if made is None else {*map(Path, made)}
    texts = _Captions(Path(captions), config)
    sections = []
    for section in SECTIONS if _in_paper(config) else _CLAIMS_LAST:
        files = [(item, item.files(results, shown_files)) for item in section.items]
        shown = [_item(item, paths, results, texts, space) for item, paths in files]
        shown = [item for item in shown if item["tables"] or item["pictures"]]
        if shown:
            sections.append({"id": section.id, "title": section.title, "items": shown})
    page = _TEMPLATES.get_template("page.html.j2").render(
        run=config["run"],
        introduction=texts.html("workflow"),
        sentences=sentences(results, shown_files),
        warnings=warnings(results, dataset_names(config)),
        answers=answers(results, shown_files),
        facts=_facts(config),
        collected=_not_d4rl(config) if _in_paper(config) else [],
        sections=sections,
        times=sorted(times, key=lambda time: -time.seconds),
        provenance=provenance,
        config_text=config_text,
    )
    write_text(path, page)
    return space.left_out


class _Space:
    """The bytes left for pictures, and the pictures that did not fit."""

    def __init__(self, size: int) -> None:
        self.size, self.left_out = size, []

    def takes(self, name: str, size: int) -> bool:
        if size > self.size:
            self.left_out.append(name)
            return False
        self.size -= size
        return True


class _Captions:
    """Captions as HTML; they quote the config by the same names as in Snakemake's report."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._folder, self._config = folder, config

    def html(self, name: str) -> Markup:
        path = self._folder / f"{name}.rst"
        try:
            template = Template(path.read_text(encoding="utf-8"), undefined=StrictUndefined)
            text = template.render(snakemake={"config": self._config})
        except (OSError, TemplateError) as error:
            raise TTOError(f"{path}: expected a caption, got {error}; correct it") from error
        quiet = {"report_level": 5, "file_insertion_enabled": False, "raw_enabled": False}
        # Markup: docutils has escaped the text
        parts = publish_parts(text, writer="html5", settings_overrides=quiet)
        return Markup(parts.get("body", ""))


def _item(
    item: Item, files: list[Path], results: Path, captions: _Captions, space: _Space
) -> dict[str, Any]:
    """Return the template's variables for an item; a run without it has empty lists."""
    tables = [main_of(path.read_text(encoding="utf-8")) for path in files if item.kind == "table"]
    pictures = [_picture(item, path, results, space) for path in files if item.kind != "table"]
    folded = bool(tables) and all(table.startswith("<details>") for table in tables)
    return {
        "title": item.title,
        "caption": captions.html(item.caption) if files and not folded else "",
        "tables": [Markup(table) for table in tables],
        "pictures": pictures,
        "several": "*" in item.path,
    }


def _picture(item: Item, path: Path, results: Path, space: _Space) -> dict[str, Any]:
    name = path.relative_to(results).as_posix()
    title = path.stem.replace("_", " ") if "*" in item.path else item.title
    if not space.takes(name, path.stat().st_size):
        return {"name": name, "title": title, "source": None}
    try:
        with Image.open(path) as image:
            width, height = image.size
            still = _still(image) if item.kind == "film" else None
    except (OSError, ValueError) as error:
        raise TTOError(f"{path}: expected a picture, got {error}; make it again") from error
    return {
        "name": name,
        "title": title,
        "alt": f"{title}: {item.alt}",
        "source": _data_uri(path.read_bytes(), _TYPES[path.suffix]),
        "still": still,
        "width": width,
        "height": height,
    }


def _still(image: Image.Image) -> str:
    """Return the first picture of a film, for readers who prefer reduced motion."""
    stored = io.BytesIO()
    image.seek(0)
    image.convert("RGB").save(stored, format="WEBP", quality=80)
    return _data_uri(stored.getvalue(), "image/webp")


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _datasets(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the source of each dataset of offline RL and imitation."""
    parts = (config["datasets"], config["imitation"]["datasets"])
    return {name: spec["source"] for part in parts for name, spec in part.items() if spec}


def _in_paper(config: Mapping[str, Any]) -> bool:
    """Whether the paper has one of offline RL's datasets; else its claims come last."""
    return any(paper_row(name) for name, spec in config["datasets"].items() if spec)


def _not_d4rl(config: Mapping[str, Any]) -> list[str]:
    return [name for name, source in _datasets(config).items() if source != "d4rl"]


def _facts(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the sizes of the run."""
    model, planning = config["model"], config["planning"]
    return {
        "datasets": str(sum(spec is not None for spec in config["datasets"].values())),
        "models of each": str(len(config["seeds"])),
        "rollouts of a model": str(config["rollouts"]),
        "Transformer": f"{model['layers']} layers, {model['heads']} heads, width {model['width']}",
        "training": f"{config['training']['epochs']:g} epochs",
        "planning": f"{planning['beam_width']} beams, horizon {planning['horizon']}",
    }
