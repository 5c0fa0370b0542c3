"""A template's expressions, as CloudFormation resolves them in a stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..conftest import ACCOUNT, REGION
from .statements import Statement

_NO_VALUE = object()


@dataclass(frozen=True)
class StackOfTemplate:
    """A stack, of which it is known what its resources are called.

    Attributes:
        template: Its template.
        physical_ids: What `Ref` gives of its resources that are made, by logical id.
        parameters: Its parameters, but for those that are what the template says.
        name: Its name.
    """

    template: Mapping[str, Any]
    physical_ids: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    name: str = "shop"

    def resolved(self, expression: Any) -> Any:
        """Return what an expression is in the stack."""
        match expression:
            case {"Ref": name}:
                return self._reference(name)
            case {"Fn::GetAtt": [resource, "Arn"]}:
                return self._arn(resource)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^!}]+)\}", lambda found: self._substituted(found[1]), text)
            case {"Fn::If": [condition, yes, no]}:
                return self.resolved(yes if self.holds(condition) else no)
            case {"Fn::Join": [between, parts]}:
                return between.join(self.resolved(parts))
            case {"Fn::Split": [between, text]}:
                return self.resolved(text).split(between)
            case dict():
                assert not [name for name in expression if name.startswith("Fn::")], expression
                resolved = {name: self.resolved(each) for name, each in expression.items()}
                return {name: each for name, each in resolved.items() if each is not _NO_VALUE}
            case list():
                return [each for each in map(self.resolved, expression) if each is not _NO_VALUE]
            case _:
                return expression

    def holds(self, condition: str) -> bool:
        """Tell whether a condition of the template holds."""
        return self._holds(self.template["Conditions"][condition])

    def properties(self, resource: str) -> Any:
        """Return the properties of a resource."""
        return self.resolved(self.template["Resources"][resource]["Properties"])

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the properties of all resources of a type, by their logical ids."""
        return {
            name: self.properties(name)
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind and self._is_made(resource)
        }

    def statements_of_role(self, role: str) -> list[Statement]:
        """Return the statements of all policies of a role that is in the template."""
        resources = self.template["Resources"]
        properties = resources[role]["Properties"]
        attached = [resources[policy["Ref"]] for policy in properties["ManagedPolicyArns"]]
        policies = [*properties["Policies"], *(each["Properties"] for each in attached)]
        return [statement for policy in policies for statement in self._statements_in(policy)]

    def statements_of_policy(self, policy: str) -> list[Statement]:
        """Return the statements of a managed policy that is in the template."""
        return self._statements_in(self.template["Resources"][policy]["Properties"])

    def _statements_in(self, policy: Mapping[str, Any]) -> list[Statement]:
        return [*self.resolved(policy["PolicyDocument"])["Statement"]]

    def _is_made(self, resource: Mapping[str, Any]) -> bool:
        return "Condition" not in resource or self.holds(resource["Condition"])

    def _holds(self, condition: Any) -> bool:
        match condition:
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolved(one) == self.resolved(other))
            case {"Fn::Not": [other]}:
                return not self._holds(other)
            case {"Fn::And": others}:
                return all(map(self._holds, others))
            case {"Fn::Or": others}:
                return any(map(self._holds, others))
            case {"Condition": name}:
                return self.holds(name)
        raise AssertionError(condition)

    def _reference(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{self.name}/1",
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        declared = self.template["Parameters"].get(name)
        if declared is None:
            return self._physical_id(name)
        value = self.parameters.get(name, declared.get("Default"))
        return value.split(",") if declared["Type"] == "CommaDelimitedList" else value

    def _physical_id(self, resource: str) -> str:
        """Return a resource's name, or where it isn't made the one that it would begin with."""
        return self.physical_ids.get(resource, f"{self.name}-{resource}")

    def _substituted(self, name: str) -> str:
        resource, _, attribute = name.partition(".")
        expression = {"Fn::GetAtt": [resource, attribute]} if attribute else {"Ref": name}
        return str(self.resolved(expression))

    def _arn(self, resource: str) -> str:
        name = self._physical_id(resource)
        match self.template["Resources"][resource]["Type"]:
            case "AWS::S3::Bucket":
                return f"arn:aws:s3:::{name}"
            case "AWS::SQS::Queue":
                return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name.rsplit('/', 1)[1]}"
            case "AWS::Logs::LogGroup":
                # AWS CloudFormation Template Reference, AWS::Logs::LogGroup: it ends so.
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"
            case "AWS::IAM::Role":
                return f"arn:aws:iam::{ACCOUNT}:role/{name}"
        raise AssertionError(resource)
