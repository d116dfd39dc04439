locals {
  figures = { namespace = "ResearchWorkflow/Callbacks", dimensions = { FunctionName = "CallbackHandler" } }
}

resource "aws_cloudwatch_metric_alarm" "error_rate" {
  alarm_name          = "CallbackErrorRate"
  alarm_description   = "More than 5 % of the callbacks of 5 minutes were refused or failed"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "rate"
    expression  = "100 * (refused + failed) / callbacks"
    label       = "Percent"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { refused = "ClientErrors", failed = "ServerErrors", callbacks = "Callbacks" }
    content {
      id = metric_query.key
      metric {
        namespace   = local.figures.namespace
        dimensions  = local.figures.dimensions
        metric_name = metric_query.value
        period      = 300
        stat        = "Sum"
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "latency" {
  alarm_name          = "CallbackLatency"
  alarm_description   = "One callback in a hundred took more than 3 seconds"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  namespace           = local.figures.namespace
  dimensions          = local.figures.dimensions
  metric_name         = "Latency"
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 3000
  treat_missing_data  = "notBreaching"
}

resource "aws_cloudwatch_metric_alarm" "storage" {
  alarm_name          = "StorageFailures"
  alarm_description   = "More than 10 callbacks of 15 minutes could not be stored"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  namespace           = local.figures.namespace
  dimensions          = local.figures.dimensions
  metric_name         = "StorageFailures"
  statistic           = "Sum"
  period              = 900
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  treat_missing_data  = "notBreaching"
}
