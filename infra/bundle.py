"""Makes what is deployed: `chalice package` from a clean copy of the sources, the dependencies beside it, reproducible, and proven."""

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from infra import build, derive, limits, shipped, wheels
from infra.derive import INFRA, ROOT, BuildError, Json
from infra.target import Target

SOURCES = ("app.py", "chalicelib", ".chalice")
RUNTIME_NEEDS = (*wheels.IN_THE_RUNTIME, "dateutil", "six", "jmespath", "urllib3")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say: the same sources give the same bytes


def package(stage: str, out: Path, target: Target) -> None:
    """Write `sam.json` and `deployment.zip` for the target to `out`. Raises: BuildError."""
    stale = build.write_or_compare(build.policy_files(), check=True)
    if stale:
        raise BuildError(f"out of date: {', '.join(stale)}; run `python -m infra.build policies`")
    out = out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    zipped = out / "deployment.zip"
    dependencies = wheels.dependencies(target)
    with tempfile.TemporaryDirectory(prefix="igny8-package-") as scratch:
        merge, app = Path(scratch, "merge.json"), Path(scratch, "app")
        merge.write_text(json.dumps(build.merge_file(build.chalice_template(stage, target), target)), encoding="utf-8")
        _chalice_package(Path(scratch, "project"), stage, target, merge, out)
        with zipfile.ZipFile(zipped) as packed:
            packed.extractall(app)
        wheels.compiled(app, target, beside=True)
        template = _template(out, stage, target)
        _zip(zipped, app, dependencies)
        if wrong := shipped.findings(zipped, target, wheels.REQUIREMENTS.read_text(encoding="utf-8")):
            raise BuildError("\n  ".join(["the zip is wrong:", *wrong]))
        proven = sys.platform == "linux" and platform.machine() == target.machine
        if proven:
            _prove(template, zipped, target, Path(scratch, "unzipped"))
    measures = [*limits.of_template(template), *limits.of_zip(zipped)]
    if large := [str(measure) for measure in measures if not measure.fits]:
        raise BuildError("\n  ".join(["more than AWS takes:", *large]))
    print(_summary(out, template, zipped, target, proven=proven))


def _summary(out: Path, template: Json, zipped: Path, target: Target, *, proven: bool) -> str:
    proof = (
        "every handler imported from the zip alone" if proven else "tags, ELF headers and files looked at, nothing run: another processor"
    )
    with zipfile.ZipFile(zipped) as packed:
        unzipped = sum(entry.file_size for entry in packed.infolist())
    return (
        f"{out.relative_to(ROOT) if out.is_relative_to(ROOT) else out}: Python {target.version} on {target.architecture}, "
        f"deployment.zip {zipped.stat().st_size / 1e6:.1f} MB ({unzipped / 1e6:.1f} MB unzipped), "
        f"sam.json {(out / 'sam.json').stat().st_size / 1e3:.0f} kB, {len(template['Resources'])} resources, "
        f"{len(derive.functions(template))} functions; {proof}"
    )


def _chalice_package(project: Path, stage: str, target: Target, merge: Path, out: Path) -> None:
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
    config.write_text(json.dumps({**said, "lambda_architecture": target.architecture}), encoding="utf-8")
    (project / "requirements.txt").write_text("", encoding="utf-8")  # infra/wheels.py brings them
    command = [str(Path(sys.executable).with_name("chalice")), "package", "--stage", stage, "--merge-template", str(merge), str(out)]
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **os.environ}  # Chalice asks for a region; the template names none
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"chalice package failed:\n{done.stdout}{done.stderr}")


def _template(out: Path, stage: str, target: Target) -> Json:
    """The template that Chalice wrote, compared with ours and without the white space that doubles it."""
    page = out / "sam.json"
    written: Json = json.loads(page.read_text(encoding="utf-8"))
    if written != json.loads(json.dumps(build.template(stage, target))):
        raise BuildError("sam.json differs from infra.build.template(): the local stack would not run what is deployed")
    page.write_text(limits.compact(written) + "\n", encoding="utf-8")
    return written


def _prove(template: Json, zipped: Path, target: Target, unzipped: Path) -> None:
    """Run infra/proof.py. Raises: BuildError when requirements.txt lacks something or too much was left out."""
    with zipfile.ZipFile(zipped) as packed:
        packed.extractall(unzipped)
    handlers = sorted(function["Handler"] for function in derive.functions(template).values())
    with tempfile.TemporaryDirectory(prefix="igny8-runtime-") as runtime:
        for name in RUNTIME_NEEDS:
            found = importlib.util.find_spec(name)
            assert found is not None and found.origin is not None, name
            source = Path(found.origin)
            Path(runtime, source.parent.name if source.name == "__init__.py" else source.name).symlink_to(
                source.parent if source.name == "__init__.py" else source
            )
        command = [wheels.interpreter(target), "-I", "-S", "-B", str(INFRA / "proof.py"), str(unzipped), runtime, *handlers]
        done = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"the zip is not complete:\n{done.stderr}")


def _zip(zipped: Path, *trees: Path) -> None:
    """Zip the trees with fixed order and time stamps."""
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for tree in trees:
            for file in wheels.files(tree):
                entry = zipfile.ZipInfo(file.relative_to(tree).as_posix(), ZIP_EPOCH)
                entry.external_attr = 0o755 << 16 if ".so" in file.suffixes else 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(entry, file.read_bytes(), compresslevel=9)
