"""Functions behind addresses of their own."""


def shows(event, _):
    return event


def bytes_back(event, _):
    return {
        "statusCode": 200,
        "headers": {"Content-Type": event["headers"]["content-type"]},
        "body": event["body"],
        "isBase64Encoded": event["isBase64Encoded"],
    }


def describes(event, _):
    return {"statusCode": 418, "headers": {"X-Pot": "tea"}, "cookies": ["a=1", "b=2"], "body": "short and stout"}


def version(event, context):
    return context.function_version
