"""One function per CloudFormation type of our template: creates it in moto and says what Ref and Fn::GetAtt answer."""

import io
import json
import re
import zipfile
from typing import Any

from infra.local.provision import Creator, Function, Provisioner, Resource, arn
from infra.local.template import REGION, TemplateError

Properties = dict[str, Any]

_ROLE_TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def _code() -> bytes:
    """moto wants a zip; the code itself is imported from this process."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "")
    return buffer.getvalue()


def _given(properties: Properties, *names: str) -> Properties:
    return {name: properties[name] for name in names if name in properties}


def _table(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    name = properties.get("TableName") or p.name(logical_id)
    wanted = _given(
        properties, "AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput",
        "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "DeletionProtectionEnabled",
    )  # fmt: skip
    if "StreamSpecification" in properties:
        wanted["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
    described = p.client("dynamodb").create_table(TableName=name, **wanted)["TableDescription"]
    ttl = properties.get("TimeToLiveSpecification")
    if ttl and ttl.get("Enabled", True):
        p.client("dynamodb").update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": ttl["AttributeName"]}
        )
    attributes = {"Arn": described["TableArn"]}
    if "LatestStreamArn" in described:
        attributes["StreamArn"] = described["LatestStreamArn"]
    return Resource(logical_id, "AWS::DynamoDB::Table", name, attributes)


def _bucket(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    name = properties.get("BucketName") or re.sub(r"[^a-z0-9-]", "-", p.name(logical_id).lower())
    p.client("s3").create_bucket(Bucket=name)
    attributes = {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com",
    }
    return Resource(logical_id, "AWS::S3::Bucket", name, attributes)


def _queue(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    name = properties.get("QueueName") or p.name(logical_id)
    names = ("VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds", "ReceiveMessageWaitTimeSeconds", "FifoQueue")
    attributes = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in _given(properties, *names).items()}
    if "RedrivePolicy" in properties:
        attributes["RedrivePolicy"] = json.dumps(properties["RedrivePolicy"])
    url = p.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return Resource(logical_id, "AWS::SQS::Queue", url, {"Arn": arn("sqs", name), "QueueName": name, "QueueUrl": url})


def _key(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    metadata = p.client("kms").create_key(Description=properties.get("Description", logical_id))["KeyMetadata"]
    return Resource(logical_id, "AWS::KMS::Key", metadata["KeyId"], {"Arn": metadata["Arn"], "KeyId": metadata["KeyId"]})


def _alias(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    p.client("kms").create_alias(AliasName=properties["AliasName"], TargetKeyId=properties["TargetKeyId"])
    return Resource(logical_id, "AWS::KMS::Alias", properties["AliasName"])


def _secret(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    secrets = p.client("secretsmanager")
    if "GenerateSecretString" in properties:
        wanted = dict(properties["GenerateSecretString"])
        template, key = wanted.pop("SecretStringTemplate", None), wanted.pop("GenerateStringKey", None)
        value = secrets.get_random_password(**wanted)["RandomPassword"]
        if template is not None:
            value = json.dumps({**json.loads(template), key: value})
    else:
        value = properties.get("SecretString")  # none: a secret whose value somebody sets later
    given = {} if value is None else {"SecretString": value}
    made = secrets.create_secret(Name=properties.get("Name") or p.name(logical_id), **given)
    return Resource(logical_id, "AWS::SecretsManager::Secret", made["ARN"], {"Id": made["ARN"]})


def _user_pool(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    names = ("Policies", "AutoVerifiedAttributes", "UsernameAttributes", "AliasAttributes", "MfaConfiguration", "UsernameConfiguration")
    wanted = _given(properties, *names, "AdminCreateUserConfig", "AccountRecoverySetting", "Schema")
    name = properties.get("UserPoolName") or p.name(logical_id)
    pool = p.client("cognito-idp").create_user_pool(PoolName=name, **wanted)["UserPool"]
    host = f"cognito-idp.{REGION}.amazonaws.com/{pool['Id']}"
    attributes = {"Arn": pool["Arn"], "ProviderName": host, "ProviderURL": f"https://{host}", "UserPoolId": pool["Id"]}
    return Resource(logical_id, "AWS::Cognito::UserPool", pool["Id"], attributes)


def _user_pool_client(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    names = ("UserPoolId", "GenerateSecret", "ExplicitAuthFlows", "RefreshTokenValidity", "AccessTokenValidity", "IdTokenValidity")
    wanted = _given(properties, *names, "TokenValidityUnits", "PreventUserExistenceErrors", "ReadAttributes", "WriteAttributes")
    name = properties.get("ClientName") or p.name(logical_id)
    made = p.client("cognito-idp").create_user_pool_client(ClientName=name, **wanted)["UserPoolClient"]
    return Resource(logical_id, "AWS::Cognito::UserPoolClient", made["ClientId"], {"ClientId": made["ClientId"]})


def _state_machine(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    definition = properties.get("DefinitionString") or properties.get("Definition")
    text = definition if isinstance(definition, str) else json.dumps(definition)
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        text = text.replace("${" + name + "}", str(value))
    name = properties.get("StateMachineName") or properties.get("Name") or p.name(logical_id)
    kind = properties.get("StateMachineType") or properties.get("Type") or "STANDARD"
    role = properties.get("RoleArn") or properties.get("Role") or _default_role(p)
    made = p.client("stepfunctions").create_state_machine(name=name, definition=text, roleArn=role, type=kind)["stateMachineArn"]
    return Resource(logical_id, "AWS::StepFunctions::StateMachine", made, {"Arn": made, "Name": name})


def _role(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    name = properties.get("RoleName") or p.name(logical_id)[:64]
    made = p.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=_ROLE_TRUST)["Role"]
    return Resource(logical_id, "AWS::IAM::Role", name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})


def _default_role(p: Provisioner) -> str:
    """SAM makes a role for a function that names none; here one serves them all, since moto enforces none."""
    if p.default_role is None:
        made = p.client("iam").create_role(RoleName=f"{p.stack.name}-default-role", AssumeRolePolicyDocument=_ROLE_TRUST)
        p.default_role = str(made["Role"]["Arn"])
    return p.default_role


def _function(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    name = properties.get("FunctionName") or p.name(logical_id)
    variables = {key: str(value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()}
    timeout, memory = int(properties.get("Timeout", 3)), int(properties.get("MemorySize", 128))
    made = p.client("lambda").create_function(
        FunctionName=name,
        Runtime=properties.get("Runtime", "python3.11"),
        Role=properties.get("Role") or _default_role(p),
        Handler=properties["Handler"],
        Timeout=timeout,
        MemorySize=memory,
        Environment={"Variables": variables},
        Code={"ZipFile": _code()},
    )["FunctionArn"]
    p.stack.functions[name] = Function(logical_id, name, made, properties["Handler"], timeout, memory, variables)
    return Resource(logical_id, "AWS::Serverless::Function", name, {"Arn": made})


def _rule(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    name = properties.get("Name") or p.name(logical_id)
    return Resource(logical_id, "AWS::Events::Rule", name, {"Arn": arn("events", f"rule/{name}")})


def _mapping(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
    return Resource(logical_id, "AWS::Lambda::EventSourceMapping", p.name(logical_id))


# Types that change nothing a local run could notice: they get a name and an ARN, no service is asked. The value is how their ARN ends.
_INERT = {
    "AWS::Serverless::Api": ("apigateway", "/restapis/{}"),
    "AWS::ApiGateway::Account": ("apigateway", "/account/{}"),
    "AWS::ApiGateway::GatewayResponse": ("apigateway", "/gatewayresponses/{}"),
    "AWS::ApiGateway::RequestValidator": ("apigateway", "/requestvalidators/{}"),
    "AWS::ApiGateway::UsagePlan": ("apigateway", "/usageplans/{}"),
    "AWS::Budgets::Budget": ("budgets", "budget/{}"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "alarm:{}"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "alarm:{}"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch", "dashboard/{}"),
    "AWS::Cognito::UserPoolDomain": ("cognito-idp", "domain/{}"),
    "AWS::IAM::ManagedPolicy": ("iam", "policy/{}"),
    "AWS::IAM::Policy": ("iam", "policy/{}"),
    "AWS::Lambda::EventInvokeConfig": ("lambda", "event-invoke-config/{}"),
    "AWS::Lambda::LayerVersion": ("lambda", "layer:{}"),
    "AWS::Lambda::Permission": ("lambda", "permission/{}"),
    "AWS::Serverless::LayerVersion": ("lambda", "layer:{}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{}:*"),
    "AWS::Logs::MetricFilter": ("logs", "metric-filter:{}"),
    "AWS::Logs::ResourcePolicy": ("logs", "resource-policy:{}"),
    "AWS::S3::BucketPolicy": ("s3", "policy/{}"),
    "AWS::SNS::Subscription": ("sns", "subscription/{}"),
    "AWS::SNS::Topic": ("sns", "{}"),
    "AWS::SNS::TopicPolicy": ("sns", "policy/{}"),
    "AWS::SQS::QueuePolicy": ("sqs", "policy/{}"),
    "AWS::WAFv2::WebACL": ("wafv2", "webacl/{}"),
    "AWS::WAFv2::WebACLAssociation": ("wafv2", "association/{}"),
    "AWS::XRay::SamplingRule": ("xray", "sampling-rule/{}"),
}
_NAMES = ("Name", "LogGroupName", "AlarmName", "DashboardName", "TopicName", "ManagedPolicyName", "PolicyName")
# These are referred to by their ARN.
_REF_IS_ARN = {"AWS::SNS::Topic", "AWS::IAM::ManagedPolicy", "AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion"}

_CREATORS: dict[str, Creator] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::S3::Bucket": _bucket,
    "AWS::SQS::Queue": _queue,
    "AWS::KMS::Key": _key,
    "AWS::KMS::Alias": _alias,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::Cognito::UserPool": _user_pool,
    "AWS::Cognito::UserPoolClient": _user_pool_client,
    "AWS::StepFunctions::StateMachine": _state_machine,
    "AWS::Serverless::StateMachine": _state_machine,
    "AWS::IAM::Role": _role,
    "AWS::Serverless::Function": _function,
    "AWS::Events::Rule": _rule,
    "AWS::Lambda::EventSourceMapping": _mapping,
}


def _inert(kind: str) -> Creator:
    service, pattern = _INERT[kind]

    def create(p: Provisioner, logical_id: str, properties: Properties) -> Resource:
        name = next((str(properties[key]) for key in _NAMES if properties.get(key)), p.name(logical_id))
        identity = arn(service, pattern.format(name))
        attributes = {"Arn": identity, "RootResourceId": "root", "TopicArn": identity, "TopicName": name}
        return Resource(logical_id, kind, identity if kind in _REF_IS_ARN else name, attributes)

    return create


def creator_of(logical_id: str, kind: str) -> Creator:
    """The function that creates a type. Raises: TemplateError for a type nobody taught."""
    if kind in _CREATORS:
        return _CREATORS[kind]
    if kind in _INERT:
        return _inert(kind)
    raise TemplateError(f"{logical_id}: the local stack does not know the type {kind}")
