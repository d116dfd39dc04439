# A function is made durable when it is made. Version 5 of the provider cannot say so; Cloud Control can, and version 6 has it, too.
resource "aws_s3_object" "research" {
  bucket = aws_s3_bucket.artifacts.id
  key    = "code/research-${filesha256("${var.build}/research.zip")}.zip"
  source = "${var.build}/research.zip"
}

resource "aws_cloudcontrolapi_resource" "workflow" {
  type_name = "AWS::Lambda::Function"
  desired_state = jsonencode({
    FunctionName  = "ResearchWorkflow"
    Runtime       = "provided.al2023"
    Architectures = ["arm64"]
    Handler       = "research.handler"
    Role          = aws_iam_role.own["ResearchWorkflow"].arn
    MemorySize    = 1024
    Timeout       = 900
    Code          = { S3Bucket = aws_s3_bucket.artifacts.id, S3Key = aws_s3_object.research.key }
    DurableConfig = { ExecutionTimeout = 31536000, RetentionPeriodInDays = 14 }
    Environment = {
      Variables = merge(local.environment, local.agents, {
        CALLBACK_API_URL       = local.own_url
        APPROVAL_TIMEOUT_HOURS = tostring(var.approval_timeout_hours)
        APPROVAL_SNS_TOPIC_ARN = aws_sns_topic.approvals.arn
      })
    }
  })
  depends_on = [aws_cloudwatch_log_group.own, aws_iam_role_policy.own]
}

# A workflow that waits for weeks goes on with the code that it began with: each code is a version of its own, and stays when the next one
# comes. Only CloudFormation leaves what it does not list any more.
resource "aws_cloudformation_stack" "workflow_version" {
  name = "${var.name}-version"
  template_body = jsonencode({
    Resources = {
      "Version${substr(filesha256("${var.build}/research.zip"), 0, 16)}" = {
        Type                = "AWS::Lambda::Version"
        DeletionPolicy      = "Retain"
        UpdateReplacePolicy = "Retain"
        Properties          = { FunctionName = "ResearchWorkflow", Description = aws_s3_object.research.key }
      }
    }
    Outputs = {
      Version = { Value = { "Fn::GetAtt" = ["Version${substr(filesha256("${var.build}/research.zip"), 0, 16)}", "Version"] } }
    }
  })
  depends_on = [aws_cloudcontrolapi_resource.workflow]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = "ResearchWorkflow"
  function_version = aws_cloudformation_stack.workflow_version.outputs["Version"]
}

locals {
  front = merge(local.agents, { CALLBACK_API_URL = local.own_url, WORKFLOW_FUNCTION = "ResearchWorkflow:live" })
  small = {
    DurableControllerFunction = { handler = "research.DurableControllerFunction", zip = "research.zip", environment = local.front }
    ResearchApi               = { handler = "research.api_handler", zip = "research.zip", environment = local.front }
    CallbackHandler           = { handler = "callback.handler", zip = "callback.zip", environment = { CALLBACK_ALLOW_ORIGIN = var.allow_origin } }
  }
}

resource "aws_lambda_function" "small" {
  for_each         = local.small
  function_name    = each.key
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  handler          = each.value.handler
  role             = aws_iam_role.own[each.key].arn
  memory_size      = 256
  timeout          = 30
  filename         = "${var.build}/${each.value.zip}"
  source_code_hash = filebase64sha256("${var.build}/${each.value.zip}")
  environment { variables = merge(local.environment, each.value.environment) }
  depends_on = [aws_cloudwatch_log_group.own, aws_iam_role_policy.own]
}
