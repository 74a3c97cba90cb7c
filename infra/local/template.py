"""The part of CloudFormation's language our template uses: parameters, conditions and intrinsic functions."""

import re
from collections.abc import Callable
from typing import Any

REGION = "us-east-1"
ACCOUNT = "123456789012"
NO_VALUE = object()
_SUB = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(Exception):
    """The template says something this stack does not understand."""


class Template:
    """A template with its parameters chosen.

    reference: returns the physical id of a logical resource; attribute: an attribute of it. Both create it when needed.
    """

    def __init__(self, source: dict[str, Any], stack_name: str, parameters: dict[str, str]) -> None:
        self.source, self.stack_name = source, stack_name
        self.reference: Callable[[str], str] = _unset
        self.attribute: Callable[[str, str], Any] = _unset
        self.parameters: dict[str, Any] = {}
        for name, declared in source.get("Parameters", {}).items():
            value = parameters.get(name, declared.get("Default"))
            if value is None:
                raise TemplateError(f"parameter {name} has neither a value nor a default")
            is_list = declared.get("Type") == "CommaDelimitedList" or declared.get("Type", "").startswith("List<")
            self.parameters[name] = [part.strip() for part in str(value).split(",")] if is_list else str(value)
        unknown = parameters.keys() - self.parameters.keys()
        if unknown:
            raise TemplateError(f"unknown parameters: {', '.join(sorted(unknown))}")
        self.pseudo: dict[str, Any] = {
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack_name,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/local",
            "AWS::NotificationARNs": [],
            "AWS::NoValue": NO_VALUE,
        }

    def condition(self, name: str) -> bool:
        if name not in self.source.get("Conditions", {}):
            raise TemplateError(f"no such condition: {name}")
        return bool(self.resolve(self.source["Conditions"][name]))

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic function replaced by what it stands for."""
        if isinstance(value, list):
            return [item for part in value if (item := self.resolve(part)) is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in ("Ref", "Condition") and isinstance(argument, str):
                return self._ref(argument) if name == "Ref" else self.condition(argument)
            if name.startswith("Fn::"):
                function = getattr(self, "_" + name[4:].lower(), None)
                if function is None:
                    raise TemplateError(f"{name} is not supported")
                return function(argument)
        return {key: item for key, part in value.items() if (item := self.resolve(part)) is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name in self.pseudo:
            return self.pseudo[name]
        return self.parameters[name] if name in self.parameters else self.reference(name)

    def _getatt(self, argument: Any) -> Any:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self.attribute(name, attribute)

    def _sub(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument
        values = {key: self.resolve(part) for key, part in given.items()}

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in values:
                return str(values[name])
            return str(self._ref(name) if "." not in name else self._getatt(name))

        return _SUB.sub(replace, text)

    def _join(self, argument: Any) -> str:
        return str(argument[0]).join(str(part) for part in self.resolve(argument[1]))

    def _select(self, argument: Any) -> Any:
        return self.resolve(argument[1])[int(self.resolve(argument[0]))]

    def _split(self, argument: Any) -> list[str]:
        return str(self.resolve(argument[1])).split(argument[0])

    def _if(self, argument: Any) -> Any:
        return self.resolve(argument[1] if self.condition(argument[0]) else argument[2])

    def _equals(self, argument: Any) -> bool:
        left, right = self.resolve(argument)
        return str(left) == str(right)

    def _not(self, argument: Any) -> bool:
        return not self.resolve(argument[0])

    def _and(self, argument: Any) -> bool:
        return all(self.resolve(argument))

    def _or(self, argument: Any) -> bool:
        return any(self.resolve(argument))

    def _findinmap(self, argument: Any) -> Any:
        name, first, second = self.resolve(argument)
        return self.source["Mappings"][name][first][second]


def _unset(*names: str) -> str:
    raise TemplateError(f"{'.'.join(names)} cannot be resolved before the stack is provisioned")
