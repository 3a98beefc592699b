"""The warning of a report's head: a training that went too far."""

from tto.report.page.answers import warnings


def test_a_held_out_loss_that_rose_is_named(tmp_path):
    for dataset, losses in (("fine", (3.0, 2.5, 2.52)), ("long", (3.0, 2.41, 3.17))):
        folder = tmp_path / "models" / dataset / "seed0"
        folder.mkdir(parents=True)
        lines = [f"{100 * (i + 1)},{loss}" for i, loss in enumerate(losses)]
        (folder / "metrics.csv").write_text("\n".join(["tokens,held_out_loss", *lines]) + "\n")
    (warning,) = warnings(tmp_path, {"fine", "long"})
    assert warnings(tmp_path, {"fine"}) == []
    assert warning.startswith("The held-out loss of long was lowest after 67 % of its training")
    assert "rose to 3.17: train less (training.epochs)" in warning
