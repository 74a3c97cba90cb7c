"""What a change set would do to a stack, as lines to read before it is executed, and what of it could lose customers' data."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# What lies in these is nowhere else.
HOLDS_DATA = frozenset(
    {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Cognito::UserPool", "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::SQS::Queue"}
)
_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}


@dataclass(frozen=True)
class Change:
    """action: Add, Modify, Remove or another of CloudFormation's; replacement: True, False, Conditional, or "" where it says nothing."""

    action: str
    name: str
    kind: str
    replacement: str = ""

    @property
    def endangers(self) -> bool:
        """Whether something that holds data would be left behind or begun anew."""
        return self.kind in HOLDS_DATA and (
            self.action == "Remove" or (self.action != "Add" and self.replacement in ("True", "Conditional"))
        )

    def __str__(self) -> str:
        how = {"True": "  REPLACED", "Conditional": "  perhaps replaced"}.get(self.replacement, "") if self.action == "Modify" else ""
        return f"{_SIGNS.get(self.action, '?')} {self.name} ({self.kind}){how}"


def of_change_set(described: Iterable[dict[str, Any]]) -> list[Change]:
    """The changes of the pages of a described change set, those that endanger something first."""
    found = [
        Change(r["Action"], r["LogicalResourceId"], r["ResourceType"], r.get("Replacement", ""))
        for page in described
        for change in page.get("Changes", ())
        if (r := change.get("ResourceChange"))
    ]
    return sorted(found, key=lambda c: (not c.endangers, c.action, c.name))


def summary(changes: list[Change]) -> str:
    """One line of counts and a line for each change, but for resources that are all new."""
    counts = {action: sum(c.action == action for c in changes) for action in ("Add", "Modify", "Remove")}
    replaced = sum(c.replacement == "True" for c in changes)
    head = f"{counts['Add']} to add, {counts['Modify']} to change, {counts['Remove']} to remove; {replaced} of them replaced"
    shown = changes if any(c.action != "Add" for c in changes) else []
    return "\n  ".join([head, *map(str, shown)])
