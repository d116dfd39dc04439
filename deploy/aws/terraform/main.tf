# The research workflow on AWS: a durable function, its controller, its API and its callback handler.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

data "aws_caller_identity" "own" {}
data "aws_partition" "own" {}
data "aws_region" "own" {}

locals {
  account   = data.aws_caller_identity.own.account_id
  partition = data.aws_partition.own.partition
  region    = data.aws_region.own.name
  place     = "${local.region}:${local.account}"

  # Addresses are put together from names, so that a plan shows what every role may do.
  table     = "arn:${local.partition}:dynamodb:${local.place}:table/${var.table_name}"
  bucket    = "${var.name}-artifacts-${local.account}"
  artifacts = "arn:${local.partition}:s3:::${local.bucket}"
  topic     = "arn:${local.partition}:sns:${local.place}:${var.name}-approvals"
  bus       = "arn:${local.partition}:events:${local.place}:event-bus/default"
  workflow  = "arn:${local.partition}:lambda:${local.place}:function:ResearchWorkflow"

  agents = {
    RESEARCHER_AGENT_ARN = var.researcher_agent_arn
    ANALYST_AGENT_ARN    = var.analyst_agent_arn
    WRITER_AGENT_ARN     = var.writer_agent_arn
  }

  own_url = "${aws_apigatewayv2_api.research.api_endpoint}/v1"
  environment = {
    ARTIFACT_BUCKET   = local.bucket
    WORKFLOW_TABLE    = var.table_name
    RESEARCH_SERVICES = "aws"
  }
}
