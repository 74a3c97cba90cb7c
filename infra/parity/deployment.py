"""Deploys the package to the second engine by `infra.deploy`, then gives it what the tests begin with."""

import importlib.util
import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.bundle import RUNTIME_NEEDS
from infra.deploy import Deployment
from infra.derive import Json
from infra.parity.swaps import Here, swapped, with_bootstrap

WAIT = {"Delay": 1, "MaxAttempts": 180}
STAGE = "local"


class EngineDeployment(Deployment):
    """`make deploy`'s own, but for the address of the template, in which the engine wants the bucket behind the host."""

    def upload(self, package: Path) -> str:
        return f"https://s3.{self.region}.amazonaws.com/{self.bucket}{urlsplit(super().upload(package)).path}"


def runtime_folder(folder: Path) -> Path:
    """A folder with what AWS's Python runtimes bring, from this environment's packages."""
    folder.mkdir()
    for name in RUNTIME_NEEDS:
        found = importlib.util.find_spec(name)
        assert found is not None and found.origin is not None, name
        source = Path(found.origin)
        source = source.parent if source.name == "__init__.py" else source
        (folder / source.name).symlink_to(source)
    return folder


def deploy(package: Path, folder: Path, endpoint: str) -> dict[str, str]:
    """Create the stack, then update it with what is only known once it exists. Returns its outputs, with `ApiUrl`, the API's address here.

    The environment must point boto3 at the engine. Raises: DeployError.
    """
    import boto3

    folder.mkdir()
    template = json.loads((package / "sam.json").read_text(encoding="utf-8"))
    here = Here(runtime_folder(folder / "runtime"))
    with_bootstrap(package / "deployment.zip", folder / "deployment.zip")
    deployment = EngineDeployment(boto3.Session(), STAGE, wait=WAIT)
    (folder / "sam.json").write_text(json.dumps(swapped(template, here)), encoding="utf-8")
    deployment.apply(deployment.upload(folder), {"ReserveConcurrency": "no"})
    outputs = deployment.outputs()
    with urllib.request.urlopen(f"{endpoint}/{outputs['UserPoolId']}/.well-known/jwks.json", timeout=30) as answer:
        keys = answer.read().decode()
    address = f"{endpoint}/_aws/execute-api/{outputs['RestAPIId']}"
    (folder / "sam.json").write_text(json.dumps(swapped(template, Here(here.runtime, keys, address))), encoding="utf-8")
    deployment.apply(deployment.upload(folder), {})
    stage = urlsplit(outputs["EndpointURL"]).path.strip("/")
    configure_gateway(boto3.client("apigateway"), outputs["RestAPIId"], stage, template["Resources"]["RestAPI"]["Properties"])
    return {**outputs, "ApiUrl": f"{address}/{stage}"}


def configure_gateway(client: Any, api: str, stage: str, declared: Json) -> None:
    """What the template says of gateway responses, said again by API Gateway's own calls (see swaps.AFTERWARDS)."""
    for kind, response in declared["GatewayResponses"].items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        client.put_gateway_response(
            restApiId=api,
            responseType=kind,
            statusCode=str(response["StatusCode"]),
            responseTemplates=response["ResponseTemplates"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        )
    client.create_deployment(restApiId=api, stageName=stage)
