"""Runs a Python function under the Lambda Runtime API, with the standard library alone.

If the function or its interpreter brings `awslambdaric`, that official client takes over at once; EVERSTEP_RUNTIME=bundled prevents it.
"""

import contextvars
import datetime
import decimal
import importlib
import importlib.util
import json
import logging
import os
import runpy
import socket
import sys
import threading
import time
import traceback

API = "/2018-06-01/runtime"
JSON_LOG = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
REQUEST = contextvars.ContextVar("request", default=None)


class Fault(Exception):
    """An error of the runtime, with the type that Lambda gives it."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.trace = list(trace)


class Connection:
    """One kept-alive connection to the Runtime API. A request is one write: two would wait for each other's acknowledgement."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.address = address
        self.socket = socket.create_connection((host.strip("[]"), int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def call(self, method, path, body=b"", error_type=None):
        head = [f"{method} {API}{path} HTTP/1.1", f"Host: {self.address}"]
        if method == "POST":
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        if error_type:
            safe = "".join(c if 32 < ord(c) < 127 else "_" for c in error_type)
            head.append(f"Lambda-Runtime-Function-Error-Type: {safe}")
        self.socket.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        status_line = self.file.readline()
        if not status_line:
            raise ConnectionError("the Runtime API closed the connection")
        headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode("utf-8", "replace")
        answer = self.file.read(int(headers.get("content-length", 0)))
        return int(status_line.split()[1]), headers, answer


class Fields:
    """Attributes from a dictionary; those that are missing are None."""

    def __init__(self, names, values):
        for name in names:
            setattr(self, name, values.get(name))


class LambdaContext:
    def __init__(self, headers):
        env = os.environ.get
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = client_context(headers.get("lambda-runtime-client-context"))
        self.identity = Fields(("cognito_identity_id", "cognito_identity_pool_id"), {})
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", 0))

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


def client_context(text):
    if not text:
        return None
    try:
        values = json.loads(text)
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse Client Context JSON: {error}")
    context = Fields(("custom", "env", "client"), values)
    if context.client is not None:
        names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
        context.client = Fields(names, context.client)
    return context


class JsonFormatter(logging.Formatter):
    """One JSON object per record, with Lambda's members; further attributes of the record come along."""

    STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id"}

    def format(self, record):
        line = {
            "timestamp": utc(record.created).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
            "requestId": REQUEST.get(),
        }
        if record.exc_info and record.exc_info[0]:
            kind, value, trace = record.exc_info
            line["stackTrace"] = traceback.format_tb(trace)
            line["errorType"] = kind.__name__
            line["errorMessage"] = str(value)
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        for name, value in vars(record).items():
            if name not in self.STANDARD and name not in line:
                line[name] = value
        present = {name: value for name, value in line.items() if value is not None}
        return json.dumps(present, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    def format(self, record):
        when = utc(record.created).strftime("%Y-%m-%dT%H:%M:%S") + ".%03dZ" % int(record.msecs)
        text = f"[{record.levelname}]\t{when}\t{REQUEST.get() or ''}\t{record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        # One message, one line of the log: the host turns these back into line ends.
        return text.replace("\n", "\r")


class StdoutHandler(logging.Handler):
    def emit(self, record):
        try:
            sys.stdout.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def utc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


def set_up_logging():
    handler = StdoutHandler()
    handler.setFormatter(JsonFormatter() if JSON_LOG else TextFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG").replace("FATAL", "CRITICAL")
    if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


def find_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}")
    except SyntaxError as error:
        place = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [place])
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def to_json(value):
    if isinstance(value, bytes):
        # As AWS's runtime does it: the bytes are the answer.
        return value
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=plain)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, default=plain).encode()


def describe(error, request_id=""):
    if isinstance(error, Fault):
        error_type, trace = error.error_type, error.trace
    else:
        error_type = type(error).__name__
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
        trace = traceback.format_list([f for f in frames if "importlib" not in f.filename])
    return {"errorMessage": str(error), "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def log_error(described):
    if JSON_LOG:
        now = utc(time.time()).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = json.dumps({"timestamp": now, "level": "ERROR", **described}, ensure_ascii=False)
    else:
        lines = [f"[ERROR] {described['errorType']}: {described['errorMessage']}", "Traceback (most recent call last):"]
        lines += "".join(described["stackTrace"]).splitlines()
        text = "\r".join(lines).replace("\n", "\r")
    sys.stdout.write(text + "\n")


def invoke(handler, headers, event):
    """The path and body to answer with, and the error's type if it is one."""
    request_id = headers["lambda-runtime-aws-request-id"]
    try:
        context = LambdaContext(headers)
        try:
            value = json.loads(event)
        except ValueError as error:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}")
        result = handler(value, context)
        try:
            return "response", to_json(result), None
        except (TypeError, ValueError) as error:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}")
    except Exception as error:
        described = describe(error, request_id)
        log_error(described)
        return "error", json.dumps(described).encode(), described["errorType"]


def serve(handler, address):
    connection = Connection(address)
    while True:
        status, headers, event = connection.call("GET", "/invocation/next")
        if status != 200:
            raise ConnectionError(f"invocation/next answered {status}")
        request_id = headers["lambda-runtime-aws-request-id"]
        REQUEST.set(request_id)
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
        path, body, error_type = invoke(handler, headers, event)
        sys.stdout.flush()
        sys.stderr.flush()
        status, _, answer = connection.call("POST", f"/invocation/{request_id}/{path}", body, error_type)
        REQUEST.set(None)
        if status == 413:
            # The host has told the caller; this process is as good as before, but its connection may not be.
            connection = Connection(address)
        elif status >= 500:
            sys.exit(1)
        elif status >= 400:
            sys.stderr.write(f"the Runtime API refused an answer: {answer.decode('utf-8', 'replace')}\n")


def serve_thread(handler, address):
    try:
        serve(handler, address)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def main(handler_name):
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    set_up_logging()
    try:
        handler = find_handler(handler_name)
    except Exception as error:
        described = describe(error)
        log_error(described)
        sys.stdout.flush()
        Connection(address).call("POST", "/init/error", json.dumps(described).encode(), described["errorType"])
        sys.exit(1)
    extra = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY") or 1) - 1
    for _ in range(extra):
        threading.Thread(target=serve_thread, args=(handler, address), daemon=True).start()
    serve(handler, address)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    sys.path[0] = os.getcwd()
    official = importlib.util.find_spec("awslambdaric")
    if official is not None and os.environ.get("EVERSTEP_RUNTIME") != "bundled":
        runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
    else:
        main(sys.argv[1])
