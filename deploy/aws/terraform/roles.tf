# What each function may do: lists of actions and what they are allowed on.

locals {
  executions = [local.workflow, "${local.workflow}:*"]
  agent_arns = flatten([for arn in values(local.agents) : [arn, "${arn}/runtime-endpoint/*"]])
  start_rights = [
    {
      actions = [
        "lambda:InvokeFunction",
        "lambda:GetDurableExecutionHistory",
        "lambda:SendDurableExecutionCallbackSuccess",
        "lambda:StopDurableExecution",
      ]
      resources = local.executions
    },
    { actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = [local.table] },
    { actions = ["events:PutEvents"], resources = [local.bus] },
    { actions = ["bedrock-agentcore:StopRuntimeSession"], resources = local.agent_arns },
  ]

  rights = {
    ResearchWorkflow = [
      {
        actions   = ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState", "lambda:SendDurableExecutionCallbackSuccess"]
        resources = local.executions
      },
      { actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], resources = [local.table] },
      { actions = ["s3:GetObject"], resources = [for area in ["artifacts", "approvals", "reports", "callbacks"] : "${local.artifacts}/${area}/*"] },
      { actions = ["s3:PutObject"], resources = [for area in ["artifacts", "approvals", "reports"] : "${local.artifacts}/${area}/*"] },
      { actions = ["sns:Publish"], resources = [local.topic] },
      { actions = ["events:PutEvents"], resources = [local.bus] },
      { actions = ["bedrock-agentcore:InvokeAgentRuntime", "bedrock-agentcore:StopRuntimeSession"], resources = local.agent_arns },
    ]
    DurableControllerFunction = local.start_rights
    ResearchApi = concat(local.start_rights, [
      { actions = ["dynamodb:Query", "dynamodb:Scan"], resources = ["${local.table}/index/status-index"] },
      { actions = ["dynamodb:Query"], resources = ["${local.table}/index/callback-index"] },
      { actions = ["s3:GetObject"], resources = ["${local.artifacts}/reports/*"] },
    ])
    CallbackHandler = [
      {
        actions   = ["lambda:SendDurableExecutionCallbackSuccess", "lambda:SendDurableExecutionCallbackFailure"]
        resources = local.executions
      },
      { actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = [local.table] },
      { actions = ["s3:PutObject"], resources = ["${local.artifacts}/callbacks/*"] },
    ]
  }
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "rights" {
  for_each = local.rights

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.place}:log-group:/aws/lambda/${each.key}:*"]
  }

  dynamic "statement" {
    for_each = each.value
    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

resource "aws_iam_role" "own" {
  for_each           = local.rights
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_iam_role_policy" "own" {
  for_each = local.rights
  name     = "own"
  role     = aws_iam_role.own[each.key].id
  policy   = data.aws_iam_policy_document.rights[each.key].json
}

resource "aws_cloudwatch_log_group" "own" {
  for_each          = local.rights
  name              = "/aws/lambda/${each.key}"
  retention_in_days = var.log_retention_days
}
