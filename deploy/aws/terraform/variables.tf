variable "researcher_agent_arn" {
  type        = string
  description = "Runtime on Bedrock AgentCore"
}

variable "analyst_agent_arn" {
  type        = string
  description = "Runtime on Bedrock AgentCore"
}

variable "writer_agent_arn" {
  type        = string
  description = "Runtime on Bedrock AgentCore"
}

variable "name" {
  type        = string
  default     = "research"
  description = "Begins the names of bucket, topics and roles"
}

variable "table_name" {
  type    = string
  default = "agent-workflows"
}

variable "build" {
  type        = string
  default     = "../build"
  description = "Folder that build.sh filled: research.zip and callback.zip"
}

variable "approval_timeout_hours" {
  type    = number
  default = 24
}

variable "allow_origin" {
  type        = string
  default     = "*"
  description = "What the callback handler answers as Access-Control-Allow-Origin"
}

variable "log_retention_days" {
  type    = number
  default = 30
}
