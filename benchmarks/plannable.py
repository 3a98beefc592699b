"""What makes data plannable: a table of datasets and of what each method makes of them.

    snakemake offline_rl ablations --cores all --configfile config/plannable.yaml
    python benchmarks/plannable.py results/plannable

A row has the mean and largest return of a dataset, the standard deviation over actions of the
reward-to-go that a model expects (at the first and the third planned transition), and the returns
of behaviour cloning, likelihood planning and return planning.
"""

import argparse
from pathlib import Path

import pandas as pd

from tto.analysis.value_spread import value_spread
from tto.evaluation.results import read_results
from tto.evaluation.sweeps import read_sweep
from tto.model.trained import load
from tto.report.numbers.dataset_statistics import read_statistics
from tto.tokens.token_file import read_token_file

HEAD = (
    "| dataset | data: mean | largest | spread at 1 | at 3 | cloning | likelihood | TTO |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)


def shown(rows: pd.DataFrame, **wanted: str) -> str:
    """Mean return and its standard deviation over the episodes whose columns are as wanted."""
    for column, value in wanted.items():
        rows = rows.loc[rows[column] == value]
    return f"{rows['return'].mean():.0f} ± {rows['return'].std():.0f}"


def main() -> None:
    """Print the table of a finished run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run of config/plannable.yaml")
    run = parser.parse_args().run
    rollouts = read_results(run / "rollouts/offline_rl.csv")
    sweep = read_sweep(run / "sweeps/objective.csv")
    print(HEAD)
    for row in read_statistics(sorted((run / "statistics").glob("*.csv"))):
        name = row.dataset
        model = load(min((run / "models" / name).glob("seed*")))
        tokens = read_token_file(run / "tokens" / f"{name}.h5")
        spread = value_spread(model, tokens).expected
        cells = [
            name.removesuffix("-v2"),
            f"{row.return_mean:.0f}",
            f"{row.return_max:.0f}",
            f"{spread[0]:.2f}",
            f"{spread[2]:.2f}",
            shown(rollouts, dataset=name, method="bc"),
            shown(sweep, dataset=name, value="likelihood"),
            shown(rollouts, dataset=name, method="tto"),
        ]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
