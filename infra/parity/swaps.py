"""What of the package is not deployed to the second engine as it is: each swap and its reason, made here and nowhere else."""

import copy
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import derive
from infra.bundle import ZIP_EPOCH
from infra.derive import Json

WORKERS_AT_ONCE = 2
RUNTIME_SOURCE = Path(__file__).with_name("runtime.py")


@dataclass(frozen=True)
class Swap:
    """what: is changed; why: it has to be; change: makes it in the template."""

    what: str
    why: str
    change: Callable[[Json, "Here"], None]


@dataclass(frozen=True)
class Here:
    """This machine and this stack. runtime: the folder with what AWS's runtimes bring. keys, address: the pool's public keys as JSON and
    the API's address without its stage, empty until there is a stack to have them."""

    runtime: Path
    keys: str = ""
    address: str = ""


def _variables(properties: Json) -> Json:
    variables: Json = properties.setdefault("Environment", {}).setdefault("Variables", {})
    return variables


def _runtime(template: Json, here: Here) -> None:
    for properties in derive.functions(template).values():
        properties["Runtime"] = "provided.al2023"
        _variables(properties)["RUNTIME"] = str(here.runtime)


def _throttle(template: Json, here: Here) -> None:
    for properties in derive.functions(template).values():
        _variables(properties)["THROTTLE"] = "off"


def _concurrency(template: Json, here: Here) -> None:
    for properties in derive.functions(template).values():
        for event in properties.get("Events", {}).values():
            if "ScalingConfig" in event["Properties"]:
                event["Properties"]["ScalingConfig"] = {"MaximumConcurrency": WORKERS_AT_ONCE}


def _tls_only(template: Json, here: Here) -> None:
    del template["Resources"]["BucketPolicy"]


def _binary_media_types(template: Json, here: Here) -> None:
    api = template["Resources"]["RestAPI"]["Properties"]
    types = api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"]
    api["BinaryMediaTypes"] = types  # AWS wants image~1png here, the engine takes that literally


def _secret_names(template: Json, here: Here) -> None:
    secrets = {name for name, resource in template["Resources"].items() if resource["Type"] == "AWS::SecretsManager::Secret"}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"Ref"} and value["Ref"] in secrets:
                return {"Fn::GetAtt": [value["Ref"], "Id"]}
            return {key: walk(part) for key, part in value.items()}
        return [walk(part) for part in value] if isinstance(value, list) else value

    template.update(walk(template))


def _metric_math(template: Json, here: Here) -> None:
    for name, resource in list(template["Resources"].items()):
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            del template["Resources"][name]


def _known_later(template: Json, here: Here) -> None:
    if here.keys:
        _variables(derive.functions(template)["APIHandler"]).update(LOCAL_JWKS=here.keys, PUBLIC_URL=here.address)


SWAPS = (
    Swap(
        "runtime python3.x -> provided.al2023 with infra/parity/runtime.py as bootstrap",
        "the engine's Python runtime calls every failure Runtime.HandlerError, so no typed Retry or Catch would match",
        _runtime,
    ),
    Swap("THROTTLE=off in every function", "the tests ask more often than a person may, as against `make serve`", _throttle),
    Swap(
        f"MaximumConcurrency {WORKERS_AT_ONCE} instead of a parameter",
        "the engine hands a number's Ref over as text and then compares it with a number; each worker is a process",
        _concurrency,
    ),
    Swap("no bucket policy", "it refuses whatever does not come by TLS, which is everything on loopback", _tls_only),
    Swap("binary media types as a property of the API", "the engine does not read them in the OpenAPI body", _binary_media_types),
    Swap("Ref of a secret -> its Id", "the engine answers its name, AWS its ARN, which the roles' policies name", _secret_names),
    Swap("no alarms on metric math", "the engine refuses AWS::CloudWatch::Alarm with Metrics", _metric_math),
    Swap(
        "LOCAL_JWKS and PUBLIC_URL in the API's function, by an update of the stack",
        "nothing answers https://cognito-idp.<region>.amazonaws.com on this machine, and the engine serves the API below a path",
        _known_later,
    ),
)
# Made by API calls once the stack exists (deployment.configure_gateway).
AFTERWARDS = "gateway responses by PutGatewayResponse: the engine does not read them in the OpenAPI body either"


def swapped(template: Json, here: Here) -> Json:
    """The template as it is deployed here."""
    changed = copy.deepcopy(template)
    for swap in SWAPS:
        swap.change(changed, here)
    return changed


def with_bootstrap(package: Path, target: Path) -> None:
    """Copy the packaged zip and add the bootstrap, which runs with this Python."""
    shutil.copyfile(package, target)
    entry = zipfile.ZipInfo("bootstrap", ZIP_EPOCH)
    entry.external_attr = 0o755 << 16
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(entry, f"#!{sys.executable} -IBS\n{RUNTIME_SOURCE.read_text(encoding='utf-8')}")
