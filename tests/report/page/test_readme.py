"""The README shows what the published run's files say."""

import csv
from pathlib import Path

import pytest

from tto.errors import TTOError
from tto.report.claims.claims import CLAIMS, LOCAL
from tto.report.numbers.statistics import INTERVALS
from tto.report.page.readme import SHOWN, renewed, results_block
from tto.report.tables.formats import write_csv
from tto.row_files import read_cells

ROOT = Path(__file__).parents[3]


def test_the_readme_shows_the_published_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert renewed(text, ROOT) == text, "the README's results are old: run `make readme`"


ROWS = (  # id, section, paper, ours, low, high, verdict
    ("better_than_bc", "4.2", 104, 8.46, 5, 12, "holds"),
    ("no_pessimism", "2", "", -3.46, -5, 2, "fails"),
    ("competitive", "5", "", "", "", "", "not tested"),
    ("local_objective", "local", "", 1, 0, 2, "holds"),
)


def write_claims(folder: Path, *rows: tuple, changed: str = "") -> None:
    """Write rows like `ROWS` with today's sentences, or others."""
    text = {claim.id: claim.text + changed for claim in CLAIMS}
    with (folder / "claims.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "section", "claim", "paper", "ours", "low", "high", "verdict"))
        writer.writerows((name, section, text[name], *more) for name, section, *more in rows)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A published run with one score, and one claim of each verdict but undecided."""
    folder = tmp_path / "docs/run"
    (folder / "tables").mkdir(parents=True)
    with (ROOT / "docs/results/local/tables/table1.csv").open(newline="") as file:
        names, rows = (
            list(csv.DictReader(file).fieldnames or ()),
            [{"robot": "ant", "kind": "medium"}],
        )
    rows[0] |= {"published_tto_mean": "44.04", "published_tto_std": "1.26", "data_score_mean": "12"}
    rows[0] |= {"ours_other_tto_score_mean": "30.06", "ours_other_tto_score_std": "2.5"}
    rows[0] |= {"ours_other_tto_count": "15"}
    with (folder / "tables/table1.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    write_claims(folder, *ROWS)
    times = [("tto", 75.2), ("tto", 243.8), ("bc", 4.4)]
    costs = [{"dataset": "x", "method": name, "train_seconds": time} for name, time in times]
    write_csv(folder / "tables/costs.csv", costs)
    (folder / "claims.md").write_text(f"# Claims\n\nWith its {INTERVALS} More.\n")
    return tmp_path


def test_six_short_claims_of_the_paper():
    of_paper = {claim.id for claim in CLAIMS if claim.section != LOCAL}
    assert len(SHOWN) == 6
    assert set(SHOWN) <= of_paper
    assert max(map(len, SHOWN.values())) <= 60


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_scores_and_six_claims_are_shown(run: Path):
    lines = results_block(run, ["docs/run"]).splitlines()
    tables = [cells(line) for line in lines if line.startswith("|")]
    assert ["ant medium", "44.0 ± 1.3", "30.1 ± 2.5", "-", "12.0"] in tables
    assert ["holds", SHOWN["better_than_bc"], "8.5 [5.0, 12.0]"] in tables
    assert ["fails", SHOWN["no_pessimism"], "-3.5 [-5.0, 2.0]"] in tables
    assert not any("competitive" in line or "objective" in line for line in lines)
    assert any("Of the paper's 3 claims, 1 hold in this run, 1 fail and 1 are" in x for x in lines)
    assert any("not comparable" in line for line in lines)
    assert any("A training took 75 to 244 (TTO), 4 to 4 (BC) seconds" in line for line in lines)


def test_undecided_claims_are_counted(run: Path):
    write_claims(run / "docs/run", *ROWS, ("goal_reaching", "4.2", "", 1, -5, 7, "undecided"))
    text = results_block(run, ["docs/run"])
    assert "Of the paper's 4 claims, 1 hold in this run, 1 fail, 1 are undecided and 1 are" in text
    assert any(cells(line)[0] == "undecided" for line in text.splitlines() if line[:1] == "|")


def test_a_claim_is_the_first_runs_that_tested_it(run: Path):
    second = run / "docs/second"
    second.mkdir()
    write_claims(
        second,
        ("better_than_bc", "4.2", 104, 1, 0, 2, "undecided"),
        ("competitive", "5", "", 3, 2, 4, "holds"),
    )
    text = results_block(run, ["docs/run", "docs/second"])
    assert "Of the paper's 3 claims, 2 hold in these runs, 1 fail and 0 are not tested" in text
    assert "[run](docs/run/claims.md), [second](docs/second/claims.md)" in text
    assert ["holds", SHOWN["better_than_bc"], "8.5 [5.0, 12.0]"] in map(cells, text.splitlines())


def test_a_verdict_on_another_sentence_does_not_count(run: Path):
    write_claims(run / "docs/run", ("goal_reaching", "4.2", "", 99, 98, 100, "holds"), changed="!")
    text = results_block(run, ["docs/run"])
    assert "Of the paper's 1 claims, 0 hold in this run, 0 fail and 1 are not tested" in text
    assert ["not tested", SHOWN["goal_reaching"], "-"] in map(cells, text.splitlines())


def test_methods_of_the_run_and_their_means_are_shown(run: Path):
    path = run / "docs/run/tables/table1.csv"
    rows = read_cells(path) * 2
    rows[1] = rows[1] | {"ours_other_tto_score_mean": "50.06", "data_score_mean": "14"}
    for row, score in zip(rows, ("7.5", "9.5"), strict=True):
        row |= {"ours_other_cql_score_mean": score, "ours_other_cql_score_std": "1.0"}
    write_csv(path, rows)
    tables = [cells(line) for line in results_block(run, ["docs/run"]).splitlines()]
    assert ["dataset", "TTO, paper", "TTO, ours", "BC, ours", "CQL, ours", "our data"] in tables
    assert ["ant medium", "44.0 ± 1.3", "50.1 ± 2.5", "-", "9.5 ± 1.0", "14.0"] in tables
    assert ["mean", "44.0", "40.1", "-", "8.5", "13.0"] in tables


def test_intervals_are_explained_as_the_run_itself_explains_them(run: Path):
    assert f"In brackets the {INTERVALS}" in results_block(run, ["docs/run"])
    (run / "docs/run/claims.md").write_text("An older run, with other intervals.\n")
    assert INTERVALS not in results_block(run, ["docs/run"])


def test_the_rest_of_the_page_stays(run: Path):
    page = "# A\n\n<!-- results of docs/run -->\nstale\n<!-- end of results -->\n\nB\n"
    new = renewed(page, run)
    assert new.startswith("# A\n\n<!-- results of docs/run -->\n\n![")
    assert new.endswith("\n\n<!-- end of results -->\n\nB\n")
    assert "stale" not in new
    assert renewed(new, run) == new


def test_a_page_without_marks_or_run_says_so(run: Path):
    with pytest.raises(TTOError, match="found no such pair"):
        renewed("# A\n", run)
    with pytest.raises(TTOError, match="publish it"):
        renewed("<!-- results of docs/none -->\n<!-- end of results -->", run)
