"""Runs `chalice package` from a clean copy of the sources, then makes the zip smaller, quicker to start, reproducible, and proves it."""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from infra import build, derive, limits, shipped
from infra.derive import ROOT, BuildError, Json

SOURCES = ("app.py", "chalicelib", ".chalice")
OURS = frozenset({"app.py", "chalicelib", "chalice"})  # what `chalice package` puts beside the dependencies
DEPENDENCIES = ROOT / "build" / "dependencies"  # ready to zip, kept between runs by what they were made from
# Every Lambda runtime brings these, 17 MB zipped; a dependency that asks for them must not put them into the zip.
IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer")
RUNTIME_NEEDS = (*IN_THE_RUNTIME, "dateutil", "six", "jmespath", "urllib3")
# Nothing of these is imported at run time; tests alone are a third of numpy's files.
USELESS_DIRECTORIES = frozenset({"tests", "__pycache__", "_pyinstaller"})
USELESS_SUFFIXES = (".pyi", ".pyx", ".pxd", ".c", ".h", ".a")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say: the same sources give the same bytes
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}  # what machines call themselves -> Lambda's name


def package(stage: str, out: Path, architecture: str = "") -> None:
    """Write `sam.json` and `deployment.zip` to `out`, for the Python that runs this. architecture: Lambda's name, by default what
    .chalice/config.json says. Raises: BuildError."""
    stale = build.write_or_compare(build.policy_files(), check=True)
    if stale:
        raise BuildError(f"out of date: {', '.join(stale)}; run `python -m infra.build policies`")
    out = out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    merge = out / "merge.json"
    merge.write_text(json.dumps(build.merge_file(build.chalice_template(stage, architecture)), indent=2), encoding="utf-8")
    zipped = out / "deployment.zip"
    architecture = build.chalice_config(stage, architecture=architecture).lambda_architecture
    dependencies = DEPENDENCIES / _dependencies_key(architecture)
    with tempfile.TemporaryDirectory(prefix="igny8-package-") as scratch:
        app = Path(scratch, "app")
        _chalice_package(Path(scratch, "project"), stage, architecture, merge, out, with_dependencies=not dependencies.exists())
        _extract(zipped, app, dependencies)
        _compile(app)
        template = _template(out, stage, architecture)
        unzipped_bytes = _zip(zipped, app, dependencies)
        target = shipped.Target(sys.version_info[:2], architecture)
        if wrong := shipped.findings(zipped, target, (ROOT / "requirements.txt").read_text(encoding="utf-8")):
            raise BuildError("\n  ".join(["the zip is wrong:", *wrong]))
        proven = ARCHITECTURES.get(platform.machine()) == architecture and sys.platform == "linux"
        if proven:
            _prove(template, zipped, Path(scratch, "unzipped"))
    if large := [str(measure) for measure in (*limits.of_template(template), *limits.of_zip(zipped)) if not measure.fits]:
        raise BuildError("\n  ".join(["more than AWS takes:", *large]))
    proof = "every handler imported from the zip" if proven else "not imported here: it is for another machine"
    print(
        f"{out.relative_to(ROOT) if out.is_relative_to(ROOT) else out}: deployment.zip {zipped.stat().st_size / 1e6:.1f} MB "
        f"({unzipped_bytes / 1e6:.1f} MB unzipped), sam.json {(out / 'sam.json').stat().st_size / 1e3:.0f} kB, "
        f"{len(template['Resources'])} resources, {len(derive.functions(template))} functions; "
        f"Python {target.python[0]}.{target.python[1]}, {architecture}, {proof}"
    )


def _dependencies_key(architecture: str) -> str:
    made_from = [(ROOT / "requirements.txt").read_text(encoding="utf-8"), Path(__file__).read_text(encoding="utf-8")]
    made_from += [sys.version, architecture, importlib.metadata.version("chalice")]
    return hashlib.sha256("\0".join(made_from).encode()).hexdigest()[:16]


def _chalice_package(project: Path, stage: str, architecture: str, merge: Path, out: Path, *, with_dependencies: bool) -> None:
    # From a copy, because Chalice zips whatever lies in chalicelib, stale bytecode and editors' files included.
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "deployments", "deployed", ".*.swp")
    project.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=ignore)
        else:
            shutil.copy2(ROOT / name, project / name)
    config = project / ".chalice" / "config.json"
    said = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**said, "lambda_architecture": architecture}), encoding="utf-8")
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8") if with_dependencies else ""
    (project / "requirements.txt").write_text(requirements, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("chalice")), "package", "--stage", stage, "--merge-template", str(merge), str(out)]
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **os.environ}  # Chalice asks for a region; the template names none
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or "Could not install dependencies" in done.stdout:
        raise BuildError(f"chalice package failed:\n{done.stdout}{done.stderr}")


def _template(out: Path, stage: str, architecture: str) -> Json:
    written: Json = json.loads((out / "sam.json").read_text(encoding="utf-8"))
    if written != json.loads(json.dumps(build.template(stage, architecture))):
        raise BuildError("sam.json differs from infra.build.template(): the local stack would not run what is deployed")
    return written


def _extract(zipped: Path, app: Path, dependencies: Path) -> None:
    """Split what Chalice packed into the app and, when they are not there yet, the dependencies, pruned and compiled."""
    app.mkdir()
    with zipfile.ZipFile(zipped) as packed:
        packed.extractall(app)
    if not dependencies.exists():
        DEPENDENCIES.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=DEPENDENCIES))
        for path in app.iterdir():
            if path.name not in OURS:
                shutil.move(path, fresh / path.name)
        for file in _files(fresh):
            if _is_useless(file.relative_to(fresh)):
                file.unlink()
        _compile(fresh, strict=False)
        fresh.rename(dependencies)


def _files(tree: Path) -> list[Path]:
    return sorted(path for path in tree.rglob("*") if path.is_file())


def _is_useless(path: Path) -> bool:
    top = path.parts[0]
    return (
        top == "bin"
        or top.partition("-")[0] in IN_THE_RUNTIME
        or path.suffix in USELESS_SUFFIXES
        or bool(USELESS_DIRECTORIES & set(path.parts[:-1]))
    )


def _compile(tree: Path, *, strict: bool = True) -> None:
    """Add bytecode that Lambda neither makes at a cold start nor compares with time stamps (`unchecked-hash`).

    It holds for the Python that packages, which is also the runtime Chalice writes into the template. Not strict: some libraries
    carry templates with a .py name, which nobody imports.
    """
    for file in _files(tree):
        if file.suffix == ".py":
            try:
                name = file.relative_to(tree).as_posix()
                py_compile.compile(str(file), dfile=name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            except py_compile.PyCompileError as broken:
                if strict:
                    raise BuildError(str(broken)) from broken


def _prove(template: Json, zipped: Path, unzipped: Path) -> None:
    """Import every handler and every pinned library in a process of its own, with nothing on the path but the unzipped zip and what the
    runtime brings. Raises: BuildError when requirements.txt lacks something or too much was left out.
    """
    with zipfile.ZipFile(zipped) as packed:
        packed.extractall(unzipped)
    handlers = sorted(function["Handler"] for function in derive.functions(template).values())
    libraries = ["PIL.Image", "genai_prices", "jwt", "markdown_it", "nh3", "numpy", "openai", "requests", "slugify"]
    code = (
        "import importlib, sys\n"
        "sys.path[:0] = sys.argv[1:3]\n"
        f"for name in {libraries!r}: importlib.import_module(name)\n"
        f"for handler in {handlers!r}:\n"
        "    module, _, name = handler.rpartition('.')\n"
        "    assert callable(getattr(importlib.import_module(module), name)), handler\n"
    )
    with tempfile.TemporaryDirectory(prefix="igny8-runtime-") as runtime:
        for name in RUNTIME_NEEDS:
            found = importlib.util.find_spec(name)
            assert found is not None and found.origin is not None, name
            source = Path(found.origin)
            Path(runtime, source.parent.name if source.name == "__init__.py" else source.name).symlink_to(
                source.parent if source.name == "__init__.py" else source
            )
        command = [sys.executable, "-I", "-S", "-B", "-c", code, str(unzipped), runtime]
        done = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"the zip is not complete:\n{done.stderr}")


def _zip(target: Path, *trees: Path) -> int:
    """Zip the trees with fixed order and time stamps. Returns the unzipped size in bytes."""
    total = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for tree in trees:
            for file in _files(tree):
                entry = zipfile.ZipInfo(file.relative_to(tree).as_posix(), ZIP_EPOCH)
                entry.external_attr = 0o755 << 16 if ".so" in file.suffixes else 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                data = file.read_bytes()
                total += len(data)
                packed.writestr(entry, data)
    return total
