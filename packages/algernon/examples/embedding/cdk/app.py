"""A CDK app with a function of one's own that runs the Tasks of tasks.json."""

import json
from pathlib import Path

from aws_cdk import App, Duration, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct

EMBEDDING = Path(__file__).parents[1]
TASKS = EMBEDDING / "tasks.json"


class Billing(Stack):
    """The Tasks, and the function that runs them."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        tasks = CfnInclude(self, "Tasks", template_file=str(TASKS))
        outputs = {
            each: Token.as_string(tasks.get_output(each).value)
            for each in json.loads(TASKS.read_text(encoding="utf-8"))["Outputs"]
        }
        policies = [each for each in outputs if each.startswith("Worker")]
        queues = [each for each in outputs if each.startswith("Queue")]

        worker = lambda_.Function(
            self,
            "Billing",
            code=lambda_.Code.from_asset(str(EMBEDDING / "build")),
            handler="billing.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            timeout=Duration.seconds(30),
            memory_size=256,
            tracing=lambda_.Tracing.ACTIVE,
            environment={
                "ALGERNON_BUCKET_NAME": outputs["Bucket"],
                "ALGERNON_CACHE_DAYS": outputs["CacheDays"],
                "ALGERNON_EXTRA_RECEIVES": "2",
                "ALGERNON_FAILURES": "report",
                "ALGERNON_TOPIC_PREFIX": outputs["TopicPrefix"],
            },
        )
        for policy in policies:
            worker.role.add_managed_policy(
                iam.ManagedPolicy.from_managed_policy_arn(self, f"Its{policy}", outputs[policy])
            )
        for queue in queues:
            worker.add_event_source_mapping(
                queue,
                event_source_arn=outputs[queue],
                batch_size=10,
                report_batch_item_failures=True,
            )


app = App()
Billing(app, "billing")
app.synth()
