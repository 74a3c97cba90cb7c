"""Builds what is deployed: the one CloudFormation template and the zip, both from the app; `python -m infra.build --help`.

Chalice turns the app into a SAM template; infra/resources/*.yaml and infra/derive.py say the rest in one merge file. The local
stack provisions from the same template (`template("local")`), so what runs on a laptop is what is deployed.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy import models
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.deployer import BaseDeployStep, BuildStage, InjectDefaults, PolicyGenerator, SwaggerBuilder
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.deploy.validate import validate_configuration
from chalice.package import SAMTemplateGenerator, TemplateDeepMerger
from chalice.policy import AppPolicyGenerator
from chalice.utils import OSUtils, serialize_to_json

from chalicelib.core.openapi import document
from infra import derive
from infra.derive import ROOT, BuildError, Json
from infra.target import PYTHONS, Target

CODE_URI = "./deployment.zip"
POLICIES = ROOT / ".chalice"
OPENAPI = ROOT / "docs" / "openapi.json"


class _NoZip(BaseDeployStep):
    """Stands where Chalice builds the deployment package, which takes a minute and is not needed to know the template."""

    def handle_deploymentpackage(self, config: Config, resource: models.DeploymentPackage) -> None:
        resource.filename = CODE_URI


class _Principals:
    """Service principals of the public AWS partition; Chalice asks an AWS client for them, which wants a region and credentials."""

    def service_principal(self, service: str) -> str:
        return f"{service}.amazonaws.com"


def target(stage: str, python: str = "", architecture: str = "") -> Target:
    """What a stage is packaged for: by default this Python, and the processor that .chalice/config.json says. Raises: BuildError."""
    try:
        return Target.named(
            python or f"{sys.version_info[0]}.{sys.version_info[1]}", architecture or chalice_config(stage).lambda_architecture
        )
    except ValueError as problem:
        raise BuildError(str(problem)) from problem


def chalice_config(stage: str, root: Path = ROOT, architecture: str = "") -> Config:
    """Chalice's configuration of one stage; the app is imported when it is first asked for. architecture: instead of the file's."""
    known = json.loads((root / ".chalice" / "config.json").read_text(encoding="utf-8"))["stages"]
    if stage not in known:
        raise BuildError(f"stage {stage!r} is not in .chalice/config.json (there are {', '.join(known)})")
    config = CLIFactory(str(root)).create_config_obj(stage)
    if architecture:
        config._user_provided_params["lambda_architecture"] = architecture
    return config


def chalice_template(stage: str, made_for: Target | None = None) -> Json:
    """What Chalice alone makes of the app, without building the zip. made_for: instead of this Python and the file's processor.

    Raises: BuildError when a function is unknown to .chalice/config.json or infra/permissions.yaml, ValueError from Chalice's own
    validation (which `chalice package` leaves out).
    """
    config = chalice_config(stage, architecture=made_for.architecture if made_for else "")
    _check_functions_are_configured(config)
    validate_configuration(config)
    osutils = OSUtils()
    build = BuildStage(
        [InjectDefaults(), _NoZip(), PolicyGenerator(AppPolicyGenerator(osutils), osutils), SwaggerBuilder(CFNSwaggerGenerator())]
    )
    graph = ApplicationGraphBuilder().build(config, stage)
    build.execute(config, DependencyBuilder().build_dependencies(graph))
    generated = SAMTemplateGenerator(config, _Principals()).generate(DependencyBuilder().build_dependencies(graph))
    plain: Json = json.loads(serialize_to_json(generated))
    return plain


def _check_functions_are_configured(config: Config) -> None:
    app = config.chalice_app
    declared = {"api_handler", *(f.name for f in app.pure_lambda_functions), *(e.name for e in app.event_sources)}
    on_disk = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))["lambda_functions"]
    for page, known in ((".chalice/config.json", set(on_disk)), ("infra/permissions.yaml", set(derive.permissions()["functions"]))):
        if declared != known:
            raise BuildError(
                f"{page}: missing {sorted(declared - known)}, no longer in the app {sorted(known - declared)} (Lambda functions)"
            )


def merge_file(app: Json, made_for: Target | None = None) -> Json:
    """The one merge file for `chalice package`: our resources, and what follows from the app and from what it is packaged for."""
    ours = derive.resources()
    parts = (
        derive.logs_and_alarms(app, ours),
        derive.event_sources(app, ours),
        derive.concurrency(app),
        derive.pipeline(app, ours, derive.definition()),
        derive.runtime(app, made_for.version if made_for else ""),
    )
    for part in parts:
        ours = TemplateDeepMerger().merge(part, ours)
    return ours


def template(stage: str = "local", made_for: Target | None = None) -> Json:
    """The whole SAM template of a stage: exactly what `package` writes to sam.json, without building the zip."""
    app = chalice_template(stage, made_for)
    merged: Json = TemplateDeepMerger().merge(merge_file(app, made_for), app)
    return merged


def state_machine() -> str:
    """Text of infra/state_machine.asl.json, generated from the stages."""
    from chalicelib.automation.state_machine import definition

    return json.dumps(definition(), indent=2) + "\n"


def openapi() -> str:
    """Text of docs/openapi.json, generated from the app's routes."""
    from app import routes

    return json.dumps(document(routes), indent=1, ensure_ascii=False) + "\n"


def policy_files() -> dict[Path, str]:
    """Path -> text of every .chalice/policy-<function>.json, generated from infra/permissions.yaml."""
    return {
        POLICIES / f"policy-{name}.json": json.dumps(document, indent=2) + "\n"
        for name, document in derive.policies(derive.permissions()).items()
    }


def write_or_compare(files: dict[Path, str], *, check: bool) -> list[str]:
    """Write generated files, or with `check` only compare. Returns the paths that differ (written or found stale)."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if not check:
        for path in stale:
            path.write_text(files[path], encoding="utf-8")
    return [str(path.relative_to(ROOT)) for path in stale]


def _generate(files: dict[Path, str], *, check: bool, command: str) -> int:
    stale = write_or_compare(files, check=check)
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run `{command}`", file=sys.stderr)
        return 1
    print(f"{len(files)} file(s) {'compared' if check else 'written'}, {len(stale)} differed")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.build", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("template", "print the whole SAM template of a stage"),
        ("merge", "print the merge file"),
        ("package", "build the zip and the template in --out"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--stage", default="local" if name == "template" else "dev")
        if name == "package":
            command.add_argument("--out", type=Path, default=ROOT / "build" / "deploy")
            command.add_argument("--arch", default="", help="x86_64 or arm64; default: what .chalice/config.json says")
            command.add_argument("--python", default="", help=f"{', '.join(PYTHONS)}; default: the one that runs this")
    for name, text in (
        ("asl", "write infra/state_machine.asl.json"),
        ("policies", "write .chalice/policy-*.json"),
        ("openapi", "write docs/openapi.json"),
    ):
        commands.add_parser(name, help=text).add_argument("--check", action="store_true", help="compare, write nothing")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status."""
    options: Any = _parser().parse_args(arguments)
    try:
        if options.command == "asl":
            return _generate({derive.DEFINITION: state_machine()}, check=options.check, command="python -m infra.build asl")
        if options.command == "openapi":
            return _generate({OPENAPI: openapi()}, check=options.check, command="python -m infra.build openapi")
        if options.command == "policies":
            return _generate(policy_files(), check=options.check, command="python -m infra.build policies")
        if options.command == "package":
            from infra.bundle import package

            package(options.stage, options.out, target(options.stage, options.python, options.arch))
            return 0
        app = chalice_template(options.stage)
        shown = merge_file(app) if options.command == "merge" else TemplateDeepMerger().merge(merge_file(app), app)
        print(json.dumps(shown, indent=2))
        return 0
    except BuildError as problem:
        print(f"infra.build: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
