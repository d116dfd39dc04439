"""Writes what services answer, as TestState holds mocked results against it, out of the models of the botocore that tests/requirements.txt names.

    python3 tests/conformance/asl/shapes.py crates/asl/src/test_state/shapes

A line is `operation NAME SHAPE`, or a shape: `NAME structure FIELD[!]:SHAPE ..` (`!`: always there), `NAME list SHAPE`, `NAME map SHAPE`,
`NAME string MIN..MAX [WORD|WORD]` or `NAME number MIN..MAX`. Shapes without bounds are `string`, `number`, `boolean` and `any`.
"""

import sys
from pathlib import Path

import botocore.session

# Whole services, and those of which only what Step Functions itself offers is wanted.
WHOLE = [
    "athena", "batch", "cloudwatch", "codebuild", "dynamodb", "ecs", "eks", "events", "firehose", "kinesis", "kms", "lambda",
    "logs", "s3", "scheduler", "secretsmanager", "sns", "sqs", "stepfunctions", "sts",
]
PARTS = {
    "databrew": ["StartJobRun"],
    "emr": ["AddJobFlowSteps", "CancelSteps", "ModifyInstanceFleet", "ModifyInstanceGroups", "RunJobFlow"],
    "emr-containers": ["CreateVirtualCluster", "DeleteVirtualCluster", "StartJobRun"],
    "emr-serverless": ["CreateApplication", "StartJobRun", "CancelJobRun"],
    "glue": ["GetJobRun", "StartCrawler", "StartJobRun"],
    "sagemaker": [
        "CreateEndpoint", "CreateEndpointConfig", "CreateHyperParameterTuningJob", "CreateLabelingJob", "CreateModel",
        "CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob", "UpdateEndpoint",
    ],
    "ssm": ["GetParameter", "GetParameters", "GetParametersByPath", "PutParameter", "SendCommand"],
}
# Where recordings of Step Functions show an older model than botocore's.
RECORDED = {("lambda", "MemorySize"): {"max": 10240}}
STRINGS = {"string", "timestamp", "blob", "character"}
NUMBERS = {"integer", "long", "float", "double"}


def bounds(shape):
    least, most = shape.get("min"), shape.get("max")
    if not least and most is None:
        return None
    return f"{'' if least is None else least}..{'' if most is None else most}"


class Service:
    def __init__(self, model):
        self.shapes = model["shapes"]
        self.lines = {}

    def name(self, name):
        """The name under which a shape is written; a plain one has none of its own."""
        shape = self.shapes[name]
        kind = shape["type"]
        if shape.get("document"):
            return "any"
        if kind == "boolean":
            return kind
        if kind in STRINGS | NUMBERS:
            plain = "string" if kind in STRINGS else "number"
            within = bounds(shape)
            words = "|".join(shape.get("enum", []))
            if within is None and not words:
                return plain
            self.lines[name] = f"{name} {plain} {within or '..'} {words}".rstrip()
        elif name not in self.lines:
            self.lines[name] = ""
            self.lines[name] = f"{name} {self.inside(shape, kind)}"
        return name

    def inside(self, shape, kind):
        if kind == "list":
            return f"list {self.name(shape['member']['shape'])}"
        if kind == "map":
            return f"map {self.name(shape['value']['shape'])}"
        required = shape.get("required", [])
        fields = [
            f"{name[0].upper()}{name[1:]}{'!' if name in required else ''}:{self.name(member['shape'])}"
            for name, member in shape["members"].items()
        ]
        return " ".join(["structure", *fields])


def main(folder):
    loader = botocore.session.get_session().get_component("data_loader")
    for service in sorted([*WHOLE, *PARTS]):
        model = loader.load_service_model(service, "service-2")
        for (of, shape), bound in RECORDED.items():
            if of == service:
                model["shapes"][shape].update(bound)
        written = Service(model)
        operations = []
        for name, operation in sorted(model["operations"].items()):
            if "output" in operation and name in PARTS.get(service, [name]):
                operations.append(f"operation {name} {written.name(operation['output']['shape'])}")
        lines = [*operations, *(written.lines[name] for name in sorted(written.lines))]
        (folder / f"{service}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
