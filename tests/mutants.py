"""`make mutants`: changes one thing at a time in verdicts, scripts and policies, and runs its tests.

    python -m tests.mutants --seconds 1200 --seed 7 [store/queue worker/pacing/permits.py]

The tests run once and are recorded: which script, and which function of the mutated modules, each of
them uses. Each mutant runs against those tests only, quick ones first, in a copy of the repository.
One that no test notices survives: a test is missing, or the change has no effect. Mutants come in
random order until the time is over. Survivors are listed; the last line is JSON.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from lupa.lua51 import LuaError, LuaRuntime  # type: ignore[import-untyped]

# fmt: off
TARGETS = (
    "store/*.lua", "worker/results/*.py", "worker/pacing/failure_policy.py", "worker/pacing/b*.py",
    "worker/pacing/permits.py", "worker/stall_gate.py", "worker/delivery/settlement.py",
    "store/purposes.py", "producer/policies.py",
)
TESTS = (
    "-m", "not timing and not long", "-k", "not redis",  # of the servers only Valkey
    "--maxfail", "100",
    "tests/conformance", "tests/unit/worker", "tests/unit/store", "tests/unit/producer/test_policies.py",
    "tests/unit/producer/messages", "tests/integration/worker", "tests/integration/store",
)
MOST_TEST_SECONDS = 30.0  # tests of a mutant, as long as they took unchanged
MUTANT_SECONDS = 90.0  # a mutant that runs longer hangs, and counts as noticed
FLIPS = {
    "==": ["~="], "~=": ["=="], "!=": ["=="], "<": [">=", "<="], "<=": [">", "<"], ">": ["<=", ">="],
    ">=": ["<", ">"], "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "and": ["or"], "or": ["and"],
    "not": [""], "true": ["false"], "false": ["true"],
}
PYTHON_FLIPS: dict[type, list[Any]] = {
    ast.Lt: [ast.GtE, ast.LtE], ast.LtE: [ast.Gt, ast.Lt], ast.Gt: [ast.LtE, ast.GtE],
    ast.GtE: [ast.Lt, ast.Gt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.Add: [ast.Sub],
    ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult], ast.And: [ast.Or], ast.Or: [ast.And],
}
# fmt: on
TOKEN = re.compile(
    r"--.*|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|\[\d+\]|\.\.|[A-Za-z_]\w*\d\w*"  # stay
    r"|(?P<op>==|~=|<=|>=|<|>|(?<=\s)[-+*/](?=\s)|\b(?:and|or|not|true|false|\d+(?:\.\d+)?)\b)"
)
CONDITION = re.compile(r"\bif (.+?) then\b")
SHORT = re.compile(r"\b(?:then|do|else) (?!--|end\b|if\b)([^;]+?)(?= end\b| else\b)")
STATEMENT = re.compile(
    r"\s*(?:redis\.)?\w+\(.*\)$|\s*[\w.\[\]#]+(?:, [\w.\[\]#]+)* = .*|\s*return\b.*|\s*break$"
)


@dataclass(frozen=True, slots=True)
class Mutant:
    file: str
    line: int
    change: str
    text: str  # of the whole file
    function: str = ""  # of Python: tests that never call it are left out


def mutants_of(file: str) -> Iterator[Mutant]:
    """All mutants of a file; those that do not compile are left out."""
    text, lua = Path(file).read_text(), LuaRuntime()
    if file.endswith(".py"):
        yield from _visit(file, text.encode(), ast.parse(text), "")
        return
    rows = text.splitlines(keepends=True)
    for at, row in enumerate(rows):
        for changed in _changed(row.rstrip("\n")):
            whole = "".join([*rows[:at], changed + "\n", *rows[at + 1 :]])
            try:
                lua.compile(whole)
            except LuaError:
                continue
            yield Mutant(file, at + 1, f"{row.strip()}  ->  {changed.strip()}", whole)


def _changed(row: str) -> Iterator[str]:
    """A line of Lua with one operator, number, condition or statement changed."""
    for token in TOKEN.finditer(row):
        if op := token["op"]:
            for other in FLIPS.get(op) or [f"{float(op) + 1:.10g}"]:
                yield row[: token.start()] + other + row[token.end() :]
    for one in CONDITION.finditer(row):
        yield row[: one.start(1)] + "true" + row[one.end(1) :]
    for one in SHORT.finditer(row):
        yield row[: one.start(1)] + row[one.end(1) :]
    if STATEMENT.match(row):
        yield ""


def _visit(file: str, raw: bytes, node: ast.AST, function: str) -> Iterator[Mutant]:
    """Mutants of a part of a Python module. Texts for people, types and log lines stay."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        function = function or node.name
    shown = ast.unparse(node) if isinstance(node, ast.Expr) else ""
    if isinstance(node, ast.JoinedStr | ast.Assert) or shown.startswith(("log.", "'", '"')):
        return
    for becomes in _changes(node):
        at: Any = node
        starts = [0, *(one.end() for one in re.finditer(b"\n", raw))]
        first, last = (
            starts[at.lineno - 1] + at.col_offset,
            starts[at.end_lineno - 1] + at.end_col_offset,
        )
        changed = (raw[:first] + becomes.encode() + raw[last:]).decode()
        yield Mutant(
            file, at.lineno, f"{raw[first:last].decode()}  ->  {becomes}", changed, function
        )
    for name, child in ast.iter_fields(node):
        if name not in ("annotation", "returns", "decorator_list", "bases"):
            for one in child if isinstance(child, list) else [child]:
                if isinstance(one, ast.AST):
                    yield from _visit(file, raw, one, function)


def _changes(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Compare(left, [op], [right]):
            for other in PYTHON_FLIPS[type(op)]:
                yield f"({ast.unparse(ast.Compare(left, [other()], [right]))})"
        case ast.BoolOp(op, values):
            yield f"({ast.unparse(ast.BoolOp(PYTHON_FLIPS[type(op)][0](), values))})"
        case ast.BinOp(left, op, right) if type(op) in PYTHON_FLIPS:
            yield f"({ast.unparse(ast.BinOp(left, PYTHON_FLIPS[type(op)][0](), right))})"
        case ast.UnaryOp(ast.Not(), operand):
            yield f"({ast.unparse(operand)})"
        case ast.IfExp(test, body, orelse):
            yield f"({ast.unparse(ast.IfExp(test, orelse, body))})"
        case ast.Constant(bool(value)):
            yield str(not value)
        case ast.Constant(int(value) | float(value)):
            yield str(value + 1)
        case ast.Return(value) if value is not None and ast.unparse(value) != "None":
            yield "return None"
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "pass"


class Recorder:
    """A plugin of pytest: the scripts and functions that each test uses, and its seconds."""

    def __init__(self, home: Path, targets: Sequence[str], out: Path) -> None:
        self._used: set[str] = set()
        self._tests: dict[str, tuple[list[str], float]] = {}
        self._failed: set[str] = set()
        self._names = {str(home / one): one for one in targets}
        self._out = out

    def _trace(self, frame: Any, event: str, _: object) -> None:
        if name := self._names.get(frame.f_code.co_filename):
            self._used |= {name, f"{name}:{frame.f_code.co_name}"}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        from store.client import Call  # noqa: PLC0415 - of the copy

        real, began = Call.__init__, time.monotonic()

        def noted(call: Any, script: str | None, *rest: Any) -> None:
            self._used.add(f"{script}.lua")
            real(call, script, *rest)

        self._used.clear()
        Call.__init__ = noted  # type: ignore[assignment]
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            Call.__init__ = real  # type: ignore[method-assign]
            self._tests[item.nodeid] = (sorted(self._used), time.monotonic() - began)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        kept = {name: used for name, used in self._tests.items() if name not in self._failed}
        self._out.write_text(json.dumps(kept))


def run_tests(arguments: Sequence[str], log: Path, seconds: float, *plugins: object) -> int:
    """The exit code of pytest in a process of its own, forked so that libraries are imported once."""
    if not (child := os.fork()):
        code = 70
        try:
            os.setsid()
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(out, 1)
            os.dup2(out, 2)
            code = int(pytest.main(["-q", "-x", "--tb=line", *arguments], plugins=plugins))
        finally:
            os._exit(code)
    end, ended = time.monotonic() + seconds, (0, 0)
    while not ended[0]:
        ended = os.waitpid(child, os.WNOHANG)
        if not ended[0] and time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)
    return os.waitstatus_to_exitcode(ended[1])


def tests_of(mutant: Mutant, recorded: dict[str, tuple[list[str], float]]) -> list[str]:
    """The tests that use what a mutant changed: those of scripts alone first, quick ones first."""
    path = Path(mutant.file)
    wanted = {f"{mutant.file}:{mutant.function}" if mutant.function else mutant.file, path.name}
    if path.parent == Path("store/lua"):
        includes = re.compile(rf"^-- include:.*\b{path.stem}\b", re.MULTILINE)
        wanted = {
            one.name for one in Path("store").rglob("*.lua") if includes.search(one.read_text())
        }
    users = [(name, took) for name, (used, took) in recorded.items() if wanted & set(used)]
    chosen, seconds = [], 0.0
    for name, took in sorted(users, key=lambda one: ("conformance" not in one[0], one[1])):
        seconds += took
        if seconds <= MOST_TEST_SECONDS:
            chosen.append(name)
    return chosen


def mutate(given: argparse.Namespace, home: Path, record: Path) -> int:
    """Record the tests, run the mutants, tell the survivors."""
    found = sorted(str(one.relative_to(home)) for one in home.rglob("*.*"))
    files = [one for one in found if any(fnmatch(one, target) for target in TARGETS)]
    log = home / "tests.log"
    if not record.exists() and run_tests(TESTS, log, 3600, Recorder(home, files, record)):
        print(f"Not used, since they fail unchanged:\n{log.read_text()[-3000:]}", file=sys.stderr)
    recorded = json.loads(record.read_text())
    files = [one for one in files if one.startswith(tuple(given.only or [""]))]
    mutants = [one for file in files for one in mutants_of(file)]
    random.Random(given.seed).shuffle(mutants)
    end, run, survived, no_verdict = time.monotonic() + given.seconds, 0, 0, 0
    for mutant in mutants:
        if time.monotonic() > end:
            break
        path, tests, run = Path(mutant.file), tests_of(mutant, recorded), run + 1
        before = path.read_text()
        path.write_text(mutant.text)
        code = run_tests(tests, log, MUTANT_SECONDS) if tests else 0
        if code > pytest.ExitCode.INTERRUPTED:  # the run itself is broken
            no_verdict += 1
        if code == 0:
            survived += 1
            shown = " ".join(mutant.change.split())
            print(
                f"{mutant.file}:{mutant.line}: {shown}{'' if tests else '  (no test)'}", flush=True
            )
        path.write_text(before)
    told = {"mutants": len(mutants), "run": run, "survived": survived, "no_verdict": no_verdict}
    print(json.dumps(told))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("only", nargs="*", help="paths to mutate instead of all")
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recorded", type=Path, help="keeps what the tests use; read if it exists")
    given = parser.parse_args()
    root, home = Path.cwd(), Path(tempfile.mkdtemp(prefix="mutants-"))
    record = (given.recorded or home / "recorded.json").absolute()
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True)
    try:
        for name in filter(os.path.isfile, tracked.stdout.split("\0")):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, home / name)
        os.chdir(home)
        sys.path[:] = [str(home), *(one for one in sys.path if one and Path(one) != root)]
        sys.modules.pop("tests", None)
        os.environ["CI"] = "true"  # the same examples of property tests each time
        return mutate(given, home, record)
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    sys.exit(main())
