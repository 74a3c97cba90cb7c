"""What AWS takes at most, and what we come to: `python -m infra.limits build/deploy`."""

import argparse
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import derive
from infra.derive import Json
from infra.local.template import Template

NAME = "x" * 120  # as long as an ARN or an address that a reference stands for


@dataclass(frozen=True)
class Measure:
    """A figure and the most it may be."""

    what: str
    is_: int
    most: int

    @property
    def fits(self) -> bool:
        return self.is_ <= self.most

    def __str__(self) -> str:
        return f"{'  ' if self.fits else '! '}{self.what:<52} {self.is_:>12,} of {self.most:>12,} {self.is_ / self.most:>5.0%}"


def of_template(template: Json) -> Iterator[Measure]:
    """Source: quotas of CloudFormation, Lambda (environment variables, concurrency), IAM (inline policies of a role), Step Functions
    (definition), API Gateway (resources of an API), as a new account has them."""
    yield Measure("template, bytes (from S3)", len(compact(template).encode()), 1_000_000)
    yield Measure("resources after SAM has expanded it", expanded(template), 500)
    yield Measure("parameters", len(template.get("Parameters", {})), 200)
    yield Measure("outputs", len(template.get("Outputs", {})), 200)
    yield Measure("environment of a function, bytes (the largest)", max(environment_bytes(template).values()), 4_096)
    yield Measure("inline policies of a role, characters (the largest)", _policies(template), 10_240)
    machines = [
        r["Properties"]["DefinitionString"] for r in template["Resources"].values() if r["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    yield Measure("definition of the state machine, bytes", max(len(text.encode()) for text in machines), 1024 * 1024)
    apis = [r["Properties"]["DefinitionBody"] for r in template["Resources"].values() if r["Type"] == "AWS::Serverless::Api"]
    yield Measure("resources of the API (parts of paths)", max(len(path_parts(api["paths"])) for api in apis), 300)
    yield Measure("concurrency reserved, of 1,000 less the last 100", reserved(template), 900)


def compact(template: Json) -> str:
    """The template as it is sent: white space would double it."""
    return json.dumps(template, sort_keys=True, separators=(",", ":"))


def expanded(template: Json) -> int:
    """How many resources there are once SAM has made its own: for each event a permission and a rule or a mapping, and the API's stage
    and deployment."""
    events = sum(len(properties.get("Events", {})) for properties in derive.functions(template).values())
    apis = sum(r["Type"] == "AWS::Serverless::Api" for r in template["Resources"].values())
    return len(template["Resources"]) + 2 * events + 2 * apis


def environment_bytes(template: Json) -> dict[str, int]:
    """Bytes of names and values of each function's environment variables."""
    names = _named(template)
    shared = template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {})
    found = {}
    for name, properties in derive.functions(template).items():
        variables: dict[str, Any] = {**shared, **properties.get("Environment", {}).get("Variables", {})}
        found[name] = sum(len(key) + len(str(names.resolve(value)).encode()) for key, value in variables.items())
    return found


def path_parts(paths: Iterable[str]) -> set[str]:
    """API Gateway's resources: every beginning of a path, and the root."""
    return {"/".join(parts[: length + 1]) for path in paths for parts in [path.rstrip("/").split("/")] for length in range(len(parts))}


def reserved(template: Json) -> int:
    """What all functions reserve by the default parameters."""
    names = _named(template)
    found = [properties.get("ReservedConcurrentExecutions") for properties in derive.functions(template).values()]
    return sum(int(amount) for amount in map(names.resolve, found) if amount)


def _policies(template: Json) -> int:
    """Characters of the policies of the role that has most."""
    names = _named(template)
    roles = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    texts = ([json.dumps(names.resolve(p["PolicyDocument"]), separators=(",", ":")) for p in role["Policies"]] for role in roles)
    return max(sum(map(len, found)) for found in texts)


def _named(template: Json) -> Template:
    """The template, with long names for what only exists once it is deployed."""
    names = Template(template, "igny8-production", {})
    names.reference = lambda name: NAME
    names.attribute = lambda name, attribute: NAME
    return names


def of_zip(zipped: Path) -> Iterator[Measure]:
    """Source: Lambda quotas, deployment package."""
    with zipfile.ZipFile(zipped) as packed:
        unzipped = sum(entry.file_size for entry in packed.infolist())
    yield Measure("zip, bytes", zipped.stat().st_size, 50 * 1024 * 1024)
    yield Measure("unzipped, bytes", unzipped, 250 * 1024 * 1024)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.limits", description=__doc__)
    parser.add_argument("package", type=Path, help="what `make package` wrote")
    package = parser.parse_args(arguments).package
    template = json.loads((package / "sam.json").read_text(encoding="utf-8"))
    measures = [*of_template(template), *of_zip(package / "deployment.zip")]
    print("\n".join(str(measure) for measure in measures))
    return 0 if all(measure.fits for measure in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
