"""Owns tests of the small parts: globs, variables, settings, command line, work directory."""

import pytest

from local_runner import cli, globs
from local_runner.env import TOKEN_VARIABLE
from local_runner.errors import SystemFailure
from local_runner.git import split_credentials
from local_runner.job import Variable
from local_runner.settings import normalise_url
from local_runner.variables import Variables
from local_runner.workspace import lock, remove_tree, system_id

TREE = ("a.txt", "b.log", "src/main.py", "src/deep/er/x.py", "src/deep/y.txt", ".hidden/z", ".git/config")


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    for name in TREE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "out").symlink_to(tmp_path)
    return root


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.txt", {"a.txt"}),
        ("./a.txt", {"a.txt"}),
        ("*.txt", {"a.txt"}),
        ("**/*.txt", {"a.txt", "src/deep/y.txt"}),
        ("src", {"src/main.py", "src/deep/er/x.py", "src/deep/y.txt"}),
        ("src/", {"src/main.py", "src/deep/er/x.py", "src/deep/y.txt"}),
        ("src/*", {"src/main.py", "src/deep/er/x.py", "src/deep/y.txt"}),
        ("src/*/*", {"src/deep/er/x.py", "src/deep/y.txt"}),
        ("src/**/*.py", {"src/main.py", "src/deep/er/x.py"}),
        ("src/**", {"src/main.py", "src/deep/er/x.py", "src/deep/y.txt"}),
        ("*.{txt,log}", {"a.txt", "b.log"}),
        ("[!a].*", {"b.log"}),
        ("?.txt", {"a.txt"}),
        ("[z-a]", set()),
        ("[!]", set()),
        ("missing", set()),
        ("../tree/a.txt", set()),
        ("/etc/hostname", set()),
        ("out", {"out"}),
        ("out/tree/a.txt", set()),
        ("out/*", set()),
    ],
)
def test_globs(tree, pattern, expected):
    assert globs.find(tree, pattern) == expected


def test_absolute_patterns_work_within_the_project(tree):
    assert globs.find(tree, f"{tree}/src/*.py") == {"src/main.py"}
    assert globs.find(tree, f"{tree}-other/src/*.py") == set()


def test_everything_leaves_out_git(tree):
    assert globs.find(tree, "**") == {*TREE, "out"} - {".git/config"}
    assert globs.find(tree, ".git") == {".git/config"}


@pytest.mark.parametrize(
    ("definitions", "expected"),
    [
        ([("A", "1"), ("A", "2")], {"A": "2"}),
        ([("A", "x$B"), ("B", "${C}!"), ("C", "c")], {"A": "xc!"}),
        ([("A", "$$B and $UNKNOWN.")], {"A": "$B and ."}),
        ([("A", "one"), ("A", "$A two")], {"A": "one two"}),
        ([("PATH", "/opt:$PATH")], {"PATH": "/opt:/bin"}),
        ([("A", "$B"), ("B", "$A")], {"A": "", "B": ""}),
        ([("A", "100$ ${ $1")], {"A": "100$ ${ $1"}),
    ],
)
def test_variables_expand(tmp_path, definitions, expected):
    variables = Variables(
        [Variable(key, value) for key, value in definitions], inherited={"PATH": "/bin"}, file_dir=tmp_path
    )

    environment = variables.environment()
    assert {key: environment[key] for key in expected} == expected


def test_raw_variables_are_left_alone_and_used_as_they_are(tmp_path):
    variables = Variables(
        [
            Variable("RAW", "$HOME", raw=True),
            Variable("USE", "<$RAW>"),
            Variable("bad-name", "x"),
            Variable("N", "\0"),
        ],
        inherited={},
        file_dir=tmp_path,
    )

    assert variables.environment() == {"RAW": "$HOME", "USE": "<$HOME>"}
    assert variables.skipped == ["bad-name", "N"]


def test_masked_values_are_secret_before_and_after_expansion(tmp_path):
    variables = Variables(
        [Variable("S", "a$T", masked=True), Variable("T", "b")], inherited={}, file_dir=tmp_path
    )

    assert variables.secrets() == {"a$T", "ab"}


def test_explosive_variables_are_refused(tmp_path):
    chain = [Variable(f"V{n}", f"$V{n + 1}" * 10) for n in range(20)] + [Variable("V20", "0123456789")]

    with pytest.raises(SystemFailure, match="16 MiB"):
        Variables(chain, inherited={}, file_dir=tmp_path)


def test_credentials_are_split_from_the_url():
    assert split_credentials("http://gitlab-ci-token:x@host:8000/a/b.git") == (
        "http://host:8000/a/b.git",
        "http://gitlab-ci-token:x@host:8000/",
    )
    assert split_credentials("/srv/a.git") == ("/srv/a.git", "")


def test_url_is_normalised():
    assert normalise_url("https://host/sub/ci/") == "https://host/sub"
    with pytest.raises(ValueError, match="http"):
        normalise_url("ftp://host")


def test_system_id_is_kept(tmp_path):
    first = system_id(tmp_path)

    assert first.startswith("r_")
    assert len(first) == 14
    assert system_id(tmp_path) == first
    (tmp_path / ".runner_system_id").write_text("nonsense")
    assert system_id(tmp_path) != "nonsense"


def test_remove_tree_copes_with_locked_directories(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").touch()
    (tmp_path / "a/b").chmod(0o500)
    (tmp_path / "a").chmod(0o500)

    remove_tree(tmp_path / "a")

    assert not (tmp_path / "a").exists()


def test_a_work_directory_is_used_by_one_runner_at_a_time(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(TOKEN_VARIABLE, "glrt-x")
    with lock(tmp_path):
        assert cli.main(["--work-dir", str(tmp_path)]) == cli.EXIT_USAGE

    assert "another runner works in" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["--token", "t", "--url", "ftp://x"], ["--token", "t", "--concurrency", "0"]]
)
def test_bad_arguments(monkeypatch, capsys, arguments):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)

    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
