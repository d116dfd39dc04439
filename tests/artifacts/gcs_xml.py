"""The part of Google Cloud Storage's XML API that a client of objects uses, in memory: no package has an emulator of it.

Written after the service's reference: uploads whole and in parts, `x-goog-if-generation-match`, ranges, lists of version 2, deletes.
"""

from __future__ import annotations

import sys
import threading
import time
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

LOCK = threading.Lock()
OBJECTS: dict[str, tuple[bytes, int, float]] = {}
UPLOADS: dict[str, dict[int, bytes]] = {}
GENERATIONS = iter(range(1_000, 1 << 60))


class Bucket(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def what(self) -> tuple[str, dict[str, str]]:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        _, _, name = unquote(url.path).lstrip("/").partition("/")
        return name, query

    def store(self, name: str, content: bytes) -> None:
        wanted = self.headers.get("x-goog-if-generation-match")
        with LOCK:
            found = OBJECTS.get(name)
            if wanted is not None and int(wanted) != (found[1] if found else 0):
                return self.reply(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            generation = next(GENERATIONS)
            OBJECTS[name] = (content, generation, time.time())
        tag = f'"{md5(content).hexdigest()}"'
        if self.command == "POST":
            body = f"<CompleteMultipartUploadResult><ETag>{escape(tag)}</ETag></CompleteMultipartUploadResult>"
            return self.reply(200, body.encode(), x_goog_generation=str(generation))
        return self.reply(200, ETag=tag, x_goog_generation=str(generation))

    def do_PUT(self) -> None:
        name, query = self.what()
        content = self.rfile.read(int(self.headers["content-length"]))
        if "uploadId" in query:
            UPLOADS[query["uploadId"]][int(query["partNumber"])] = content
            return self.reply(200, ETag=f'"{md5(content).hexdigest()}"')
        return self.store(name, content)

    def do_POST(self) -> None:
        name, query = self.what()
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if "uploads" in query:
            upload = f"upload-{next(GENERATIONS)}"
            UPLOADS[upload] = {}
            body = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            return self.reply(200, body.encode())
        parts = UPLOADS.pop(query["uploadId"])
        return self.store(name, b"".join(parts[number] for number in sorted(parts)))

    def do_DELETE(self) -> None:
        name, query = self.what()
        if "uploadId" in query:
            UPLOADS.pop(query["uploadId"], None)
            return self.reply(204)
        with LOCK:
            found = OBJECTS.pop(name, None)
        return self.reply(204 if found else 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        name, query = self.what()
        if not name:
            return self.reply(200, listed(query).encode(), content_type="application/xml")
        with LOCK:
            found = OBJECTS.get(name)
        if found is None:
            return self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
        content, generation, at = found
        about = {
            "ETag": f'"{md5(content).hexdigest()}"',
            "x_goog_generation": str(generation),
            "Last_Modified": formatdate(at, usegmt=True),
        }
        span = self.headers.get("range")
        if span is None:
            return self.reply(200, content, **about)
        first, last = (int(number) for number in span.removeprefix("bytes=").split("-"))
        last = min(last, len(content) - 1)
        return self.reply(206, content[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(content)}", **about)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def listed(query: dict[str, str]) -> str:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
    contents, folders = [], set()
    with LOCK:
        objects = sorted(OBJECTS.items())
    for name, (content, _, at) in objects:
        if not name.startswith(prefix):
            continue
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if found:
            folders.add(prefix + head + delimiter)
            continue
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        contents.append(
            f"<Contents><Key>{escape(name)}</Key><LastModified>{moment}</LastModified>"
            f"<ETag>&quot;{md5(content).hexdigest()}&quot;</ETag><Size>{len(content)}</Size></Contents>"
        )
    shown = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in sorted(folders))
    return f"<ListBucketResult>{''.join(contents)}{shown}</ListBucketResult>"


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Bucket).serve_forever()
