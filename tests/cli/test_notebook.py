"""The notebook runs from data to a film."""

from pathlib import Path

import nbclient
import nbformat
import pytest

from tto.errors import TTOError
from tto.evaluation.headless import working_renderer

NOTEBOOK = Path(__file__).parents[2] / "examples/from_data_to_film.ipynb"


def test_the_notebook_has_ten_cells_and_no_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert len(cells) == 10
    assert not any(cell.get("outputs") for cell in cells)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_notebook_goes_from_data_to_a_film(tmp_path: Path):
    try:
        working_renderer()
    except TTOError as error:
        pytest.skip(str(error))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") for output in outputs)
    before, after = (
        float(text.split(words)[1].split()[0])
        for words in ("mean steps upright:", "\nsteps upright:")
    )
    assert after > 3 * before
    assert any("image/gif" in output.get("data", {}) for output in outputs)
