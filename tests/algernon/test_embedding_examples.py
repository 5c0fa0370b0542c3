"""Tasks in a template of one's own: what the examples for SAM, CDK and Terraform deploy runs."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from algernon import SentTask, send_task
from algernon.local.aws import LocalAWS
from algernon.system.code_archive import code_archive
from algernon.template import system_template
from algernon.worker import Worker

from ..waiting import wait_for

EXAMPLES = Path(__file__).parents[2] / "packages/algernon/examples/embedding"
FILES = [EXAMPLES / name for name in ("sam/template.yaml", "cdk/app.py", "terraform/main.tf")]
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
CODE = {"Bucket": "code", "Key": "code.zip"}
# Long enough for two batches on a busy machine.
SECONDS = 120

pytestmark = pytest.mark.starts


@pytest.fixture(scope="module")
def tasks_json() -> dict[str, Any]:
    """What ``algernon template billing:router --part tasks`` makes."""
    return system_template([Worker("billing.handler", ("price", "bill"), {})], part="tasks")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The zip of the examples' worker."""
    folder = tmp_path_factory.mktemp("worker")
    shutil.copy(EXAMPLES / "billing.py", folder)
    return code_archive("billing", folder)


@pytest.fixture(scope="module")
def aws(tasks_json: dict[str, Any], code: bytes) -> Iterator[LocalAWS]:
    """A local AWS, whose S3 has the code and the template, as whoever packages puts them there."""
    with LocalAWS() as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=CODE["Bucket"])
        s3.put_object(**CODE, Body=code)
        s3.put_object(Bucket=CODE["Bucket"], Key="tasks.json", Body=json.dumps(tasks_json))
        yield aws


def outputs_of_stack(aws: LocalAWS, name: str, template: str) -> dict[str, str]:
    """Create a stack, and return its outputs."""
    cloudformation = aws.client("cloudformation")
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    cloudformation.create_stack(StackName=name, TemplateBody=template, Capabilities=capabilities)

    def stack() -> Any:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]

    wait_for(lambda: not stack()["StackStatus"].endswith("_IN_PROGRESS"))
    assert stack()["StackStatus"] == "CREATE_COMPLETE", stack()
    return {one["OutputKey"]: one["OutputValue"] for one in stack()["Outputs"]}


def bill_for(
    aws: LocalAWS, outputs: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, items: list[str]
) -> object:
    """Return what the system makes of an order that is sent with what the outputs say."""
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", outputs["Bucket"])
    monkeypatch.setenv("ALGERNON_TOPIC_PREFIX", outputs["TopicPrefix"])
    task_id = send_task("price", {"items": items}, "bill", keep_result=True)
    return SentTask(task_id).result(timeout=SECONDS)


def test_sams_template_runs_tasks(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template for SAM, translated by SAM's own translator, runs a chain of its Tasks."""
    pytest.importorskip("samtranslator")
    # What `sam build` and `sam package` put in the place of local files.
    packaged = (
        FILES[0]
        .read_text(encoding="utf-8")
        .replace("TemplateURL: ../tasks.json", f"TemplateURL: {aws.endpoint_url}/code/tasks.json")
        .replace("CodeUri: ../build", f"CodeUri: {json.dumps(CODE)}")
        .replace("Runtime: python3.13", f"Runtime: {RUNTIME}")
    )

    outputs = outputs_of_stack(aws, "billing-sam", packaged)

    assert bill_for(aws, outputs, monkeypatch, ["ink", "paper"]) == "to pay: 1.00"


def test_what_terraform_makes_runs_tasks(
    aws: LocalAWS, tasks_json: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack of tasks.json alone, and a function as Terraform's file has it, run a chain."""
    outputs = outputs_of_stack(aws, "billing-tasks", json.dumps(tasks_json))
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="billing",
        Role="arn:aws:iam::000000000000:role/billing",
        Runtime=RUNTIME,
        Handler="billing.handler",
        Code={"S3Bucket": CODE["Bucket"], "S3Key": CODE["Key"]},
        Timeout=30,
        MemorySize=256,
        Environment={
            "Variables": {
                "ALGERNON_BUCKET_NAME": outputs["Bucket"],
                "ALGERNON_CACHE_DAYS": outputs["CacheDays"],
                "ALGERNON_EXTRA_RECEIVES": "2",
                "ALGERNON_FAILURES": "report",
                "ALGERNON_TOPIC_PREFIX": outputs["TopicPrefix"],
            }
        },
    )
    for name, arn in outputs.items():
        if name.startswith("Queue"):
            functions.create_event_source_mapping(
                EventSourceArn=arn,
                FunctionName="billing",
                BatchSize=10,
                FunctionResponseTypes=["ReportBatchItemFailures"],
            )

    assert bill_for(aws, outputs, monkeypatch, ["ink"]) == "to pay: 0.50"


def test_cdks_app_runs_tasks(
    aws: LocalAWS,
    tasks_json: dict[str, Any],
    code: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The template that CDK makes of its app, where that is installed, runs a chain."""
    pytest.importorskip("aws_cdk")
    folder = tmp_path / "embedding"
    shutil.copytree(EXAMPLES, folder)
    (folder / "tasks.json").write_text(json.dumps(tasks_json))
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        archive.extractall(folder / "build")
    environ = {**os.environ, "CDK_OUTDIR": str(tmp_path / "out")}
    subprocess.run([sys.executable, "app.py"], cwd=folder / "cdk", env=environ, check=True)
    template = json.loads((tmp_path / "out/billing.template.json").read_text())

    # What the bootstrapping of an account is asked for, and what `cdk deploy` puts there.
    del template["Parameters"]["BootstrapVersion"], template["Rules"]
    (function,) = (
        one for one in template["Resources"].values() if one["Type"] == "AWS::Lambda::Function"
    )
    function["Properties"]["Code"] = {"S3Bucket": CODE["Bucket"], "S3Key": CODE["Key"]}
    function["Properties"]["Runtime"] = RUNTIME
    outputs = outputs_of_stack(aws, "billing-cdk", json.dumps(template))

    assert {*tasks_json["Resources"]} <= {*template["Resources"]}
    assert bill_for(aws, outputs, monkeypatch, ["ink", "ink", "ink"]) == "to pay: 1.50"


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_the_examples_say_what_their_function_needs(file: Path) -> None:
    """Each has the function's settings, and the mapping's that belongs with them."""
    text = file.read_text(encoding="utf-8")

    assert set(re.findall(r"\bALGERNON_\w+(?=\"?\s*[:=])", text)) == {
        "ALGERNON_BUCKET_NAME",
        "ALGERNON_CACHE_DAYS",
        "ALGERNON_EXTRA_RECEIVES",
        "ALGERNON_FAILURES",
        "ALGERNON_TOPIC_PREFIX",
    }
    assert "ReportBatchItemFailures" in text or "report_batch_item_failures=True" in text


def test_sams_template_names_what_there_is(tasks_json: dict[str, Any]) -> None:
    """Each output that the template for SAM takes is one, and no queue or policy is left out."""
    taken = set(re.findall(r"Tasks\.Outputs\.(\w+)", FILES[0].read_text(encoding="utf-8")))

    assert taken <= {*tasks_json["Outputs"]}
    assert {name for name in tasks_json["Outputs"] if name.startswith(("Queue", "Worker"))} <= taken


def test_terraforms_file_is_well_formed() -> None:
    """Terraform reads its file, and would write it as it is."""
    if not (terraform := shutil.which("terraform")):
        pytest.skip("terraform isn't installed")

    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", str(FILES[2].parent)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
