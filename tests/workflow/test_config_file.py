"""Config files are read strictly: what YAML would silently change is refused with its place."""

# ruff: noqa: E501 (a case a line)

import os
from pathlib import Path

import pytest
import yaml
from running import TINY, merged, snakemake
from snakemake.utils import update_config

from tto.config.command_line import check_config_files, explained_on_command_line
from tto.config.file import check_plain, read_config_file, restore_empty_mappings
from tto.errors import TTOError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: [0]\nrun: a\nseeds: [1]\n", "line 3: the key 'seeds' is there twice"),
        ("model: {width: 8, width: 9}\n", "line 1: the key 'width' is there twice"),
        ('{"run": "a", "run": "b"}', "the key 'run' is there twice"),
        ("1: 2\n", "the key 1 in the top level is not text"),
        ("datasets: {no: null}\n", "the key False in datasets is not text"),
        ("a: &x {b: *x}\n", "config: a.b contains itself"),
        ("seeds: &x [0, *x]\n", "config: seeds.1 contains itself"),
        ("run: 2020-01-01\n", "run must be text, a number, true, false or null, not date"),
        ("run: !!set {a}\n", "run must be text, a number, true, false or null, not set"),
        ("run: !!python/name:os.system\n", "expected YAML or JSON"),
        ("run: .nan\n", "run must be a finite number, not nan"),
        ('{"discount": Infinity}', "discount must be a finite number, not inf"),
        ("a: b: c\n", "expected YAML or JSON"),
        ("[1, 2]: 3\n", "expected YAML or JSON"),
        ("- 1\n", "expected keys with values"),
        ("", "expected keys with values, such as `seeds: \\[0\\]`, got None"),
        ("\0", "expected YAML or JSON"),
        ("a: " + "[" * 100_000, "expected YAML or JSON|levels"),
        ("a: " + "[" * 60 + "]" * 60, "expected at most 50 levels"),
        ("seeds: [" + "0," * 100_000 + "]", "more than 200000 characters"),
        (f"seeds: {'9' * 5000}", "expected YAML or JSON|below 2"),
        (
            "a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n"
            + "".join(f"{k}: &{k} [{', '.join([f'*{j}'] * 10)}]\n" for j, k in zip("abcdefgh", "bcdefghi", strict=True)),
            "expected at most 100000 values",
        ),
    ],
)  # fmt: skip
def test_a_file_that_would_be_misread_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(TTOError, match=message) as caught:
        read_config_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in ("none.yaml", "binary.yaml", "pipe.yaml", "/dev/zero", ""):
        with pytest.raises(TTOError, match="expected YAML or JSON"):
            read_config_file(tmp_path / name)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_good_files_are_read_as_yaml_reads_them(path: Path):
    assert read_config_file(path) == yaml.safe_load(path.read_text())


def test_merge_keys_and_shared_values_are_no_repetition(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: *a\nd: *a\n")
    assert read_config_file(path)["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("overlays", "seeds"),
    [
        ([{}], [0]),
        ([{"seeds": {}}], {}),
        ([{"seeds": {}}, {"seeds": [0]}], [0]),
        ([{"seeds": {}}, {"run": "a"}], {}),
        ([{"seeds": [0]}, {"seeds": {}}], {}),
    ],
)
def test_an_empty_mapping_is_not_merged_away(overlays: list[dict], seeds: object):
    config = {"seeds": [0], "model": {"width": 8}, "datasets": {"a": None}}
    for overlay in [*overlays, {"model": {}, "datasets": {"a": {}}}]:
        update_config(config, overlay)
    restore_empty_mappings(
        config, [*overlays, {"model": {}, "datasets": {"a": {}}, "x": {"y": {}}}]
    )
    assert config["seeds"] == seeds
    assert config["model"] == {"width": 8}
    assert config["datasets"] == {"a": {}}


@pytest.mark.parametrize(
    ("overlays", "expected"),
    [
        (
            [{"ablations": {"sweeps": None}}],
            {"ablations": {"sweeps": {"far": None}}, "datasets": {"x": {}}},
        ),
        ([{"tuning": None}], {"tuning": {"planners": {"a": None}, "cql": {}}}),
        ([{"tuning": {"planners": None}}], {"tuning": {"planners": {"a": None}, "cql": {}}}),
        (
            [{"tuning": {"cql": {"b": {}}}}, {"tuning": None}],
            {"tuning": {"planners": {"a": None}, "cql": {"b": None}}},
        ),
        (
            [{"tuning": None}, {"tuning": {"planners": {"b": {}}}}],
            {"tuning": {"planners": {"a": None, "b": {}}, "cql": {}}},
        ),
        ([{"datasets": None}, {"datasets": {"y": {}}}], {"datasets": {"x": None, "y": {}}}),
        ([{"datasets": None}, {"datasets": {"x": {}}}], {"datasets": {"x": {}}}),
        ([{"datasets": None}, {"datasets": [1]}], {"datasets": [1]}),
        ([{"training": None}], {"training": None}),
    ],
)
def test_null_takes_all_entries_out(overlays: list[dict], expected: dict):
    base = {
        "datasets": {"x": {}},
        "tuning": {"planners": {"a": {}}, "cql": {}},
        "ablations": {"sweeps": {"far": {"values": [1]}}},
        "training": {"epochs": 1},
    }
    config = merged(base, *overlays)
    assert {key: config[key] for key in expected} == expected


@pytest.mark.parametrize("mode", [[], ["--mode", "subprocess", "--target-jobs", "config:"]])
def test_every_process_takes_the_same_entries_out(tmp_path: Path, mode: list[str]):
    """Processes of jobs merge the files anew; Snakemake merges overlays before the base."""
    overlays = [
        {"datasets": None, "tuning": None, "loss_ladder": {"datasets": []}},
        {
            "datasets": {"y-medium-v2": {"env": "Hopper-v5", "source": "collect"}},
            "ablations": {"datasets": ["y-medium-v2"]},
        },
    ]
    paths = [tmp_path / f"{i}.yaml" for i in range(2)]
    for path, content in zip(paths, overlays, strict=True):
        path.write_text(yaml.safe_dump(content))
    run = snakemake(tmp_path, *mode, "--configfile", TINY, *paths, "--", "results/tiny/config.yaml")
    assert run.returncode == 0, run.stdout
    written = yaml.safe_load((tmp_path / "results/tiny/config.yaml").read_text())
    assert [name for name, spec in written["datasets"].items() if spec] == ["y-medium-v2"]
    assert not any(filter(None, written["tuning"]["planners"].values()))


def test_json_with_tabs_is_read(tmp_path: Path):
    path = tmp_path / "mine.json"
    path.write_text('{\t"seeds":\t[0]}')
    assert read_config_file(path) == {"seeds": [0]}


def test_an_entry_of_the_command_line_is_shown_as_an_overlay():
    given = {"seeds": ["0", "1"], "planning": {"horizon": "2"}, "run": "mine"}
    with (
        pytest.raises(TTOError, match=r"write `seeds: \[0, 1\]` into a file mine\.yaml"),
        explained_on_command_line(given),
    ):
        raise TTOError("config: seeds.0 must be of type integer, not '0'; write 0")
    with (
        pytest.raises(TTOError, match=r"write `planning: \{horizon: 2\}` into a file"),
        explained_on_command_line(given),
    ):
        raise TTOError("config: planning.horizon must be of type integer, not '2'; write 2")
    with pytest.raises(TTOError) as caught, explained_on_command_line(given):
        raise TTOError("config: run must be letters")
    assert str(caught.value) == "config: run must be letters"


def test_text_of_other_alphabets_is_plain():
    check_plain({"label": "Länge (Schritte), β"})


@pytest.mark.parametrize(
    ("profile", "text", "message"),
    [
        ("default", "a: &x {b: *x}\n", "config: a.b contains itself"),
        ("default", "run: a\nrun: b\n", "line 2: the key 'run' is there twice"),
        ("default", '__use_yte__: true\nrun: ?open("made", "w")\n', "got a template"),
        ("slurm", "a: &x {b: *x}\n", "config: a.b contains itself"),
    ],
)
def test_snakemake_never_reads_a_file_that_it_would_misread(
    tmp_path: Path, profile: str, text: str, message: str
):
    (tmp_path / "bad.yaml").write_text(text)
    by = ("--workflow-profile", f"profiles/{profile}")
    run = snakemake(tmp_path, "-n", *by, "--configfile", "bad.yaml")
    notice, error = run.stdout.splitlines()
    assert run.returncode == 1
    assert notice.startswith("Using workflow specific profile")
    assert error.startswith("Error: ")
    assert message in error
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--configfile", "bad.yaml"],
        ["--configfiles", "good.yaml", "bad.yaml", "-n"],
        ["--configfile=bad.yaml"],
        ["-n", "--configf", "bad.yaml", "--config", "a=1", "--", "all"],
    ],
)
def test_each_way_to_name_a_config_file_is_known(arguments, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.yaml").write_text("seeds: [0]\n")
    Path("bad.yaml").write_text("a: &x [*x]\n")
    with pytest.raises(TTOError, match="contains itself"):
        check_config_files(arguments)


@pytest.mark.parametrize(
    "arguments", [[], ["all", "-n"], ["--configfile"], ["--config", "a=1", "b"]]
)
def test_other_command_lines_are_left_to_snakemake(arguments):
    check_config_files(arguments)
