# Callbacks are open, for the token in the body decides; everything else needs a signature.

locals {
  routes = {
    "GET /workflows"                = "ResearchApi"
    "POST /workflows"               = "ResearchApi"
    "GET /workflows/{id}"           = "ResearchApi"
    "GET /workflows/{id}/callbacks" = "ResearchApi"
    "POST /workflows/{id}/approve"  = "ResearchApi"
    "POST /workflows/{id}/cancel"   = "ResearchApi"
    "DELETE /workflows/{id}"        = "ResearchApi"
    "POST /approve/{id}"            = "ResearchApi"
    "POST /callbacks"               = "CallbackHandler"
    "POST /callbacks/{id}"          = "CallbackHandler"
  }
  reached = toset(values(local.routes))
}

resource "aws_apigatewayv2_api" "research" {
  name          = var.name
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_stage" "v1" {
  api_id      = aws_apigatewayv2_api.research.id
  name        = "v1"
  auto_deploy = true
  default_route_settings {
    throttling_burst_limit = 200
    throttling_rate_limit  = 100
  }
}

resource "aws_apigatewayv2_integration" "own" {
  for_each               = local.reached
  api_id                 = aws_apigatewayv2_api.research.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.small[each.key].arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "own" {
  for_each           = local.routes
  api_id             = aws_apigatewayv2_api.research.id
  route_key          = each.key
  authorization_type = each.value == "CallbackHandler" ? "NONE" : "AWS_IAM"
  target             = "integrations/${aws_apigatewayv2_integration.own[each.value].id}"
}

resource "aws_lambda_permission" "api" {
  for_each      = local.reached
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.small[each.key].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.research.execution_arn}/v1/*"
}

output "callback_api_url" {
  value = local.own_url
}

output "approval_topic" {
  value = aws_sns_topic.approvals.arn
}

output "alarm_topic" {
  value = aws_sns_topic.alarms.arn
}
