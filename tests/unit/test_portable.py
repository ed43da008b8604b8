"""Nothing of the package asks for one system: what only Unix has is not imported, and used only behind a question.

Read from the sources, since the tests run on one system alone.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import simulator
from simulator.errors import ResultError
from simulator.studies.sweeps.store import SweepFolder

PACKAGE = Path(simulator.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
#: modules of the standard library that "Availability: Unix" or "not Windows" is said of
UNIX_MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "readline", "curses"}
#: names of other modules that some systems lack
UNIX_NAMES = {
    "os": {
        "fork",
        "forkpty",
        "getuid",
        "geteuid",
        "getgid",
        "setsid",
        "killpg",
        "nice",
        "getloadavg",
        "uname",
        "mkfifo",
    }
    | {
        "mknod",
        "chown",
        "fchmod",
        "sched_getaffinity",
        "sched_setaffinity",
        "register_at_fork",
        "wait3",
        "wait4",
        "statvfs",
    },
    "signal": {"SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "alarm", "setitimer"}
    | {"pthread_sigmask", "pthread_kill", "sigwait"},
    "multiprocessing.context": {"ForkContext", "ForkProcess", "ForkServerContext", "ForkServerProcess"},
}


def foreign(tree: ast.AST) -> Iterator[str]:
    """Names that only some systems have, unless the same file asks `hasattr` for them."""
    asked = {
        node.args[1].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "hasattr"
        and isinstance(node.args[1], ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in UNIX_MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] in UNIX_MODULES:
                yield node.module
            yield from (alias.name for alias in node.names if alias.name in UNIX_NAMES.get(node.module, ()))
        elif isinstance(node, ast.Attribute):
            module = getattr(node.value, "id", "")
            if node.attr in UNIX_NAMES.get(module, ()) and node.attr not in asked:
                yield f"{module}.{node.attr}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_no_module_needs_unix(file: Path) -> None:
    """Neither to be imported nor to run."""
    assert list(foreign(ast.parse(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "from resource import getrusage",
        "import os\nos.fork()",
        "from multiprocessing.context import ForkContext",
    ],
)
def test_the_reading_would_find_it(code: str) -> None:
    """What the test above looks for."""
    assert list(foreign(ast.parse(code)))


def test_the_types_of_the_package_are_for_others_too() -> None:
    """PEP 561: `py.typed` beside the sources."""
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same thread", "another thread"])
def test_a_sweep_folder_is_for_one_at_a_time(tmp_path: Path, elsewhere: bool) -> None:
    """A second writer in this process is refused, in the same thread and in another; afterwards it is free."""
    manifest = {
        "identity": "x",
        "axes": {},
        "replications": 1,
        "precision": None,
        "max_replications": None,
        "version": "1",
    }
    schema = pa.schema([("point", pa.string())])
    said: list[str] = []

    def enter() -> None:
        try:
            with SweepFolder(tmp_path / "out", manifest, {}, schema):
                said.append("taken")
        except ResultError as error:
            said.append(str(error))

    def run() -> None:
        if elsewhere:
            thread = threading.Thread(target=enter)
            thread.start()
            thread.join()
        else:
            enter()

    with SweepFolder(tmp_path / "out", manifest, {}, schema):
        run()
    run()
    assert "another sweep is writing into" in said[0]
    assert said[1] == "taken"
