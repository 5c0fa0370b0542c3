# A function of one's own that runs the Tasks of tasks.json.

terraform {
  required_providers {
    aws     = { source = "hashicorp/aws", version = ">= 5.0" }
    archive = { source = "hashicorp/archive", version = ">= 2.0" }
  }
}

# Above 51,200 bytes, which 7 to 11 Tasks pass, CloudFormation takes a template_url instead.
resource "aws_cloudformation_stack" "tasks" {
  name          = "billing-tasks"
  template_body = file("${path.module}/../tasks.json")
  capabilities  = ["CAPABILITY_IAM"]
}

locals {
  # Which outputs there are has to be known before the stack is there.
  names    = keys(jsondecode(file("${path.module}/../tasks.json")).Outputs)
  policies = toset([for name in local.names : name if startswith(name, "Worker")])
  queues   = toset([for name in local.names : name if startswith(name, "Queue")])
  tasks    = aws_cloudformation_stack.tasks.outputs
}

data "archive_file" "code" {
  type        = "zip"
  source_dir  = "${path.module}/../build"
  output_path = "${path.module}/code.zip"
}

resource "aws_lambda_function" "worker" {
  function_name    = "billing"
  role             = aws_iam_role.worker.arn
  filename         = data.archive_file.code.output_path
  source_code_hash = data.archive_file.code.output_base64sha256
  handler          = "billing.handler"
  runtime          = "python3.13"
  timeout          = 30
  memory_size      = 256

  tracing_config {
    mode = "Active"
  }

  environment {
    variables = {
      ALGERNON_BUCKET_NAME    = local.tasks["Bucket"]
      ALGERNON_CACHE_DAYS     = local.tasks["CacheDays"]
      ALGERNON_EXTRA_RECEIVES = "2"
      ALGERNON_FAILURES       = "report"
      ALGERNON_TOPIC_PREFIX   = local.tasks["TopicPrefix"]
    }
  }

  depends_on = [aws_iam_role_policy_attachment.tasks]
}

resource "aws_lambda_event_source_mapping" "tasks" {
  for_each                = local.queues
  event_source_arn        = local.tasks[each.key]
  function_name           = aws_lambda_function.worker.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
}

resource "aws_iam_role" "worker" {
  name_prefix = "billing-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "tasks" {
  for_each   = local.policies
  role       = aws_iam_role.worker.name
  policy_arn = local.tasks[each.key]
}

data "aws_partition" "this" {}

resource "aws_iam_role_policy_attachment" "lambda" {
  for_each   = toset(["service-role/AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess"])
  role       = aws_iam_role.worker.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/${each.key}"
}

output "bucket" {
  description = "ALGERNON_BUCKET_NAME of whoever sends Tasks"
  value       = local.tasks["Bucket"]
}

output "topic_prefix" {
  description = "ALGERNON_TOPIC_PREFIX of whoever sends Tasks"
  value       = local.tasks["TopicPrefix"]
}

output "sender_policy" {
  description = "The ARN of the policy for the role of whoever sends Tasks"
  value       = local.tasks["SenderPolicy"]
}
