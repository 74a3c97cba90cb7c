"""The project's own sources as syntax trees: who imports whom, and what runs at import time."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Made, fetched or private; none of it is source.
NOT_SOURCE = {
    ".git",
    ".venv",
    ".venv-llm",
    ".venv-parity",
    ".local",
    "build",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}


@dataclass(frozen=True)
class Import:
    """One import of `target` (a module's full name) in `file`, seen from the root."""

    file: str
    line: int
    target: str
    typing_only: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project."""
    found: list[Path] = []
    folders = [ROOT]
    while folders:
        for path in folders.pop().iterdir():
            if path.name in NOT_SOURCE or path.suffix == ".pyc" or path.is_symlink():
                continue
            (folders if path.is_dir() else found).append(path)
    return tuple(sorted(found))


def python(*folders: str) -> list[Path]:
    """Python files below these folders (or these files), seen from the root."""
    chosen = [ROOT / folder for folder in folders]
    return [p for p in files() if p.suffix == ".py" and any(p == c or c in p.parents for c in chosen)]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    """Full module name of a file."""
    name = relative(path).removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__")


def imports(path: Path) -> list[Import]:
    """All imports of a file, inside functions as well. `from chalicelib.ai import engine` counts as chalicelib.ai.engine."""
    typing_only = {id(n) for block in ast.walk(tree(path)) if _is_type_checking(block) for n in ast.walk(block)}
    found: list[Import] = []
    for node in ast.walk(tree(path)):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path)
            targets = [_submodule(base, alias.name) for alias in node.names]
        found += [Import(relative(path), node.lineno, target, id(node) in typing_only) for target in dict.fromkeys(targets)]
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    package = module(path).split(".") if path.name == "__init__.py" else module(path).split(".")[:-1]
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _submodule(base: str, name: str) -> str:
    folder = ROOT / base.replace(".", "/")
    return f"{base}.{name}" if (folder / f"{name}.py").exists() or (folder / name).is_dir() else base


def at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs when the module is imported: bodies of functions do not, their defaults and decorators do."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*child.decorator_list, *child.args.defaults, *(d for d in child.args.kw_defaults if d)):
                yield part
                yield from at_import_time(part)
        elif isinstance(child, ast.Lambda):
            yield from (d for d in child.args.defaults)
        else:
            yield child
            yield from at_import_time(child)
