"""The stack: table, bucket, topics, four functions with a role each, the API, and the alarms."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

NAMESPACE = "ResearchWorkflow/Callbacks"
WORKFLOW = "ResearchWorkflow"


class Research(Stack):
    """The research workflow on AWS."""

    def __init__(self, scope: Construct, name: str, agents: dict[str, str], code: Path, table_name: str) -> None:
        super().__init__(scope, name)
        self.code, self.agents = code, agents
        self.table = self.make_table(table_name)
        self.bucket = self.make_bucket()
        self.approvals = sns.Topic(self, "Approvals")
        self.api = gateway.HttpApi(self, "Api", api_name="research", create_default_stage=False)
        throttle = gateway.ThrottleSettings(rate_limit=100, burst_limit=200)
        gateway.HttpStage(self, "Stage", http_api=self.api, stage_name="v1", auto_deploy=True, throttle=throttle)
        self.own = f"https://{self.api.api_id}.execute-api.{self.region}.{self.url_suffix}/v1"
        workflow = self.make_workflow()
        self.make_front("DurableControllerFunction", "research.DurableControllerFunction", self.start_rights())
        api = self.make_front("ResearchApi", "research.api_handler", self.start_rights() + self.list_rights())
        callback = self.make_callback()
        # Workflows that wait go on with the code that they began with.
        version = workflow.current_version
        version.apply_removal_policy(RemovalPolicy.RETAIN)
        functions.Alias(self, "Live", alias_name="live", version=version)
        self.make_routes(api, callback)
        self.make_alarms()

    def make_table(self, name: str) -> dynamodb.Table:
        text = dynamodb.AttributeType.STRING
        table = dynamodb.Table(
            self,
            "Workflows",
            table_name=name,
            partition_key=dynamodb.Attribute(name="workflow_id", type=text),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
            time_to_live_attribute="ttl",
            removal_policy=RemovalPolicy.RETAIN,
        )
        for index, key, order in (("status-index", "status", "created_at"), ("callback-index", "callback_workflow_id", "timestamp")):
            table.add_global_secondary_index(
                index_name=index,
                partition_key=dynamodb.Attribute(name=key, type=text),
                sort_key=dynamodb.Attribute(name=order, type=text),
            )
        return table

    def make_bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Artifacts",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        for prefix, days in (("callbacks/", 14), ("artifacts/", 90), ("approvals/", 90)):
            bucket.add_lifecycle_rule(prefix=prefix, expiration=Duration.days(days))
        bucket.add_lifecycle_rule(abort_incomplete_multipart_upload_after=Duration.days(7))
        return bucket

    def allow(self, verbs: list[str], *resources: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(actions=verbs, resources=list(resources))

    def executions(self) -> list[str]:
        """The durable function, unqualified and with every qualifier."""
        arn = self.format_arn(service="lambda", resource=f"function:{WORKFLOW}")
        return [arn, f"{arn}:*"]

    def start_rights(self) -> list[iam.PolicyStatement]:
        """To start a workflow, to decide about it, and to end it with its agents."""
        verbs = ["InvokeFunction", "GetDurableExecutionHistory", "SendDurableExecutionCallbackSuccess", "StopDurableExecution"]
        return [
            self.allow([f"lambda:{verb}" for verb in verbs], *self.executions()),
            self.allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], self.table.table_arn),
            self.allow(["events:PutEvents"], self.bus()),
            self.allow(["bedrock-agentcore:StopRuntimeSession"], *self.runtimes()),
        ]

    def areas(self, *names: str) -> list[str]:
        """What lies below a folder of the bucket."""
        return [self.bucket.arn_for_objects(f"{name}/*") for name in names]

    def bus(self) -> str:
        return self.format_arn(service="events", resource="event-bus/default")

    def runtimes(self) -> list[str]:
        return [arn for agent in self.agents.values() for arn in (agent, f"{agent}/runtime-endpoint/*")]

    def agent_variables(self) -> dict[str, str]:
        return {f"{name.upper()}_AGENT_ARN": arn for name, arn in self.agents.items()}

    def list_rights(self) -> list[iam.PolicyStatement]:
        return [
            self.allow(["dynamodb:Query", "dynamodb:Scan"], f"{self.table.table_arn}/index/status-index"),
            self.allow(["dynamodb:Query"], f"{self.table.table_arn}/index/callback-index"),
            self.allow(["s3:GetObject"], *self.areas("reports")),
        ]

    def make_function(
        self,
        name: str,
        handler: str,
        rights: list[iam.PolicyStatement],
        environment: dict[str, str],
        folder: str = "research",
        memory: int = 256,
        timeout: Duration = Duration.seconds(30),
        durable: functions.DurableConfig | None = None,
    ) -> functions.Function:
        group = logs.LogGroup(self, f"{name}Logs", log_group_name=f"/aws/lambda/{name}", retention=logs.RetentionDays.ONE_MONTH)
        lines = self.format_arn(service="logs", resource=f"log-group:/aws/lambda/{name}:*")
        rights = [self.allow(["logs:CreateLogStream", "logs:PutLogEvents"], lines), *rights]
        role = iam.Role(
            self,
            f"{name}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"own": iam.PolicyDocument(statements=rights)},
        )
        common = {"ARTIFACT_BUCKET": self.bucket.bucket_name, "WORKFLOW_TABLE": self.table.table_name, "RESEARCH_SERVICES": "aws"}
        return functions.Function(
            self,
            name,
            function_name=name,
            runtime=functions.Runtime.PROVIDED_AL2023,
            architecture=functions.Architecture.ARM_64,
            code=functions.Code.from_asset(str(self.code / folder)),
            handler=handler,
            # The role is complete as it stands: the construct shall add nothing to it.
            role=role.without_policy_updates(),
            memory_size=memory,
            timeout=timeout,
            durable_config=durable,
            log_group=group,
            environment={**common, **environment},
        )

    def make_workflow(self) -> functions.Function:
        verbs = ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState", "lambda:SendDurableExecutionCallbackSuccess"]
        rights = [
            self.allow(verbs, *self.executions()),
            self.allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], self.table.table_arn),
            self.allow(["s3:GetObject"], *self.areas("artifacts", "approvals", "reports", "callbacks")),
            self.allow(["s3:PutObject"], *self.areas("artifacts", "approvals", "reports")),
            self.allow(["sns:Publish"], self.approvals.topic_arn),
            self.allow(["events:PutEvents"], self.bus()),
            self.allow(["bedrock-agentcore:InvokeAgentRuntime", "bedrock-agentcore:StopRuntimeSession"], *self.runtimes()),
        ]
        environment = {**self.agent_variables(), "CALLBACK_API_URL": self.own, "APPROVAL_TIMEOUT_HOURS": "24", "APPROVAL_SNS_TOPIC_ARN": self.approvals.topic_arn}
        lasting = functions.DurableConfig(execution_timeout=Duration.days(365), retention_period=Duration.days(14))
        return self.make_function(WORKFLOW, "research.handler", rights, environment, memory=1024, timeout=Duration.seconds(900), durable=lasting)

    def make_front(self, name: str, handler: str, rights: list[iam.PolicyStatement]) -> functions.Function:
        environment = {**self.agent_variables(), "CALLBACK_API_URL": self.own, "WORKFLOW_FUNCTION": f"{WORKFLOW}:live"}
        return self.make_function(name, handler, rights, environment)

    def make_callback(self) -> functions.Function:
        rights = [
            self.allow(["lambda:SendDurableExecutionCallbackSuccess", "lambda:SendDurableExecutionCallbackFailure"], *self.executions()),
            self.allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], self.table.table_arn),
            self.allow(["s3:PutObject"], self.bucket.arn_for_objects("callbacks/*")),
        ]
        return self.make_function("CallbackHandler", "callback.handler", rights, {"CALLBACK_ALLOW_ORIGIN": "*"}, folder="callback")

    def make_routes(self, api: functions.Function, callback: functions.Function) -> None:
        """Callbacks are open, for the token in the body decides; everything else needs a signature."""
        get, post, delete = gateway.HttpMethod.GET, gateway.HttpMethod.POST, gateway.HttpMethod.DELETE
        to_api, to_callback = integrations.HttpLambdaIntegration("ToApi", api), integrations.HttpLambdaIntegration("ToCallback", callback)
        signed = authorizers.HttpIamAuthorizer()
        paths = {
            "/workflows": [get, post],
            "/workflows/{id}": [get, delete],
            "/workflows/{id}/callbacks": [get],
            "/workflows/{id}/approve": [post],
            "/workflows/{id}/cancel": [post],
            "/approve/{id}": [post],
        }
        for path, methods in paths.items():
            self.api.add_routes(path=path, methods=methods, integration=to_api, authorizer=signed)
        for path in ("/callbacks", "/callbacks/{id}"):
            self.api.add_routes(path=path, methods=[post], integration=to_callback)

    def make_alarms(self) -> None:
        tell = actions.SnsAction(sns.Topic(self, "Alarms"))

        def metric(name: str, statistic: str, minutes: int) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=name,
                dimensions_map={"FunctionName": "CallbackHandler"},
                statistic=statistic,
                period=Duration.minutes(minutes),
            )

        rate = cloudwatch.MathExpression(
            expression="100 * (refused + failed) / callbacks",
            using_metrics={
                "refused": metric("ClientErrors", "Sum", 5),
                "failed": metric("ServerErrors", "Sum", 5),
                "callbacks": metric("Callbacks", "Sum", 5),
            },
            period=Duration.minutes(5),
        )
        alarms = {
            "CallbackErrorRate": (rate, 5),
            "CallbackLatency": (metric("Latency", "p99", 5), 3000),
            "StorageFailures": (metric("StorageFailures", "Sum", 15), 10),
        }
        for name, (figure, threshold) in alarms.items():
            alarm = cloudwatch.Alarm(
                self,
                f"{name}Alarm",
                alarm_name=name,
                metric=figure,
                threshold=threshold,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            alarm.add_alarm_action(tell)
