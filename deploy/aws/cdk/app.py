"""The CDK app. Context: researcher, analyst, writer (AgentCore runtime ARNs), table, code (folder that build.sh filled)."""

from pathlib import Path

from aws_cdk import App
from research import Research

app = App()
agents = {name: app.node.get_context(name) for name in ("researcher", "analyst", "writer")}
code = Path(app.node.try_get_context("code") or Path(__file__).parent.parent / "build")
Research(app, "research", agents=agents, code=code, table_name=app.node.try_get_context("table") or "agent-workflows")
app.synth()
