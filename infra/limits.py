"""What AWS takes at most, and what we come to: `python -m infra.limits build/deploy`."""

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import derive
from infra.derive import Json
from infra.local.template import Template

NAME = "x" * 120  # as long as an ARN or an address that a reference stands for


@dataclass(frozen=True)
class Measure:
    """A figure and the most it may be; note: a smaller limit that does not bind us, and why."""

    what: str
    is_: int
    most: int
    note: str = ""

    @property
    def fits(self) -> bool:
        return self.is_ <= self.most

    def __str__(self) -> str:
        return f"{'  ' if self.fits else '! '}{self.what:<52} {self.is_:>12,} of {self.most:>12,}{'  ' + self.note if self.note else ''}"


def of_template(template: Json) -> Iterator[Measure]:
    """Source: CloudFormation quotas; Lambda quotas (environment variables); IAM quotas (inline policies of a role)."""
    yield Measure("template, bytes (from S3)", len(compact(template).encode()), 1_000_000)
    yield Measure("resources after SAM has expanded it", expanded(template), 500)
    yield Measure("parameters", len(template.get("Parameters", {})), 200)
    yield Measure("outputs", len(template.get("Outputs", {})), 200)
    yield Measure("environment of a function, bytes (the largest)", max(environment_bytes(template).values()), 4_096)
    roles = {n: r["Properties"] for n, r in template["Resources"].items() if r["Type"] == "AWS::IAM::Role"}
    yield Measure("inline policies of a role, characters (the largest)", max(_policies(r) for r in roles.values()), 10_240)


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
    names = Template(template, "igny8-production", {})
    names.reference = lambda name: NAME
    names.attribute = lambda name, attribute: NAME
    shared = template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {})
    found = {}
    for name, properties in derive.functions(template).items():
        variables: dict[str, Any] = {**shared, **properties.get("Environment", {}).get("Variables", {})}
        found[name] = sum(len(key) + len(str(names.resolve(value)).encode()) for key, value in variables.items())
    return found


def _policies(role: Json) -> int:
    return sum(len(json.dumps(policy["PolicyDocument"], separators=(",", ":"))) for policy in role["Policies"])


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
