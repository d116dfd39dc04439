resource "aws_dynamodb_table" "workflows" {
  name         = var.table_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "workflow_id"

  dynamic "attribute" {
    for_each = ["workflow_id", "status", "created_at", "callback_workflow_id", "timestamp"]
    content {
      name = attribute.value
      type = "S"
    }
  }

  global_secondary_index {
    name            = "status-index"
    hash_key        = "status"
    range_key       = "created_at"
    projection_type = "ALL"
  }

  global_secondary_index {
    name            = "callback-index"
    hash_key        = "callback_workflow_id"
    range_key       = "timestamp"
    projection_type = "ALL"
  }

  point_in_time_recovery { enabled = true }
  server_side_encryption { enabled = true }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  lifecycle { prevent_destroy = true }
}

resource "aws_s3_bucket" "artifacts" {
  bucket = local.bucket
  lifecycle { prevent_destroy = true }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket                  = aws_s3_bucket.artifacts.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  dynamic "rule" {
    for_each = { "callbacks/" = 14, "artifacts/" = 90, "approvals/" = 90 }
    content {
      id     = trimsuffix(rule.key, "/")
      status = "Enabled"
      filter { prefix = rule.key }
      expiration { days = rule.value }
    }
  }

  rule {
    id     = "unfinished"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload { days_after_initiation = 7 }
  }
}

data "aws_iam_policy_document" "only_tls" {
  statement {
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.artifacts, "${local.artifacts}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id
  policy = data.aws_iam_policy_document.only_tls.json
}

resource "aws_sns_topic" "approvals" {
  name = "${var.name}-approvals"
}

resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}
