"""Serves presigned S3 URLs on a loopback port: what a browser, or another process, fetches or uploads.

Unlike moto's server it checks the signature (SigV4 in the query) and the expiry, and offers nothing else.
"""

import hashlib
import hmac
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from botocore.exceptions import ClientError

_MAX_BYTES = 64 * 1024 * 1024


class Refused(Exception):
    """status: the HTTP status; code: S3's error code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def check_signature(method: str, target: str, headers: dict[str, str], access_key: str, secret_key: str, now: datetime) -> None:
    """Accept a request presigned with this key pair. headers: lower-case names.

    Raises: Refused. Source: AWS, "Authenticating requests: using query parameters (Signature Version 4)".
    """
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if query.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        raise Refused(403, "AccessDenied", "The URL is not presigned with Signature Version 4.")
    try:
        key, date, region, service, _ = query["X-Amz-Credential"].split("/")
        signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds, given, names = int(query["X-Amz-Expires"]), query["X-Amz-Signature"], query["X-Amz-SignedHeaders"].split(";")
    except (KeyError, ValueError) as error:
        raise Refused(400, "AuthorizationQueryParametersError", "Incomplete signature.") from error
    if key != access_key:
        raise Refused(403, "InvalidAccessKeyId", "Unknown access key.")
    age = (now - signed_at).total_seconds()
    if age > seconds or age < -900:
        raise Refused(403, "AccessDenied", "Request has expired")
    others = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in query.items() if k != "X-Amz-Signature")
    canonical = "\n".join(
        [
            method,
            quote(unquote(parts.path), safe="/-_.~"),
            "&".join(f"{k}={v}" for k, v in others),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
            "",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        ]
    )
    scope = f"{date}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signing_key = f"AWS4{secret_key}".encode()
    for part in (date, region, service, "aws4_request"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(signing_key, to_sign.encode(), "sha256").hex(), given):
        raise Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")


class FilesServer:
    """The server; `url` is known at once, requests are answered from `start` on."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self._keys = access_key, secret_key
        self._s3: Any = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # a body after its headers would wait 40 ms for their acknowledgement

            def do_GET(self) -> None:
                outer._answer(self)

            do_HEAD = do_PUT = do_OPTIONS = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread: threading.Thread | None = None

    def start(self, s3: Any) -> None:
        self._s3 = s3
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="files", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        try:
            size = int(http.headers.get("content-length") or 0)
            if size > _MAX_BYTES:
                http.close_connection = True
                raise Refused(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            body = http.rfile.read(size)
            if http.command == "OPTIONS":
                self._send(http, 200, {"Access-Control-Allow-Methods": "GET, HEAD, PUT", "Access-Control-Allow-Headers": "*"}, b"")
                return
            headers = {name.lower(): value for name, value in http.headers.items()}
            check_signature(http.command, http.path, headers, *self._keys, now=datetime.fromtimestamp(time.time(), UTC))
            bucket, _, key = unquote(urlsplit(http.path).path).lstrip("/").partition("/")
            if http.command == "PUT":
                mime = headers.get("content-type", "binary/octet-stream")
                if mime.startswith("application/x-www-form-urlencoded"):  # urllib and curl name it unasked, and moto reads a form then
                    mime = "binary/octet-stream"
                made = self._s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=mime)
                self._send(http, 200, {"ETag": made["ETag"]}, b"")
                return
            wanted = {"Range": headers["range"]} if "range" in headers else {}
            found = self._s3.get_object(Bucket=bucket, Key=key, **wanted)
            query = dict(parse_qsl(urlsplit(http.path).query))
            about = {
                "Content-Type": query.get("response-content-type") or found["ContentType"],
                "Content-Disposition": query.get("response-content-disposition") or found.get("ContentDisposition"),
                "Content-Range": found.get("ContentRange"),
                "Cache-Control": found.get("CacheControl"),
                "ETag": found["ETag"],
                "Accept-Ranges": "bytes",
            }
            status = 206 if wanted else 200
            self._send(http, status, {name: value for name, value in about.items() if value}, found["Body"].read())
        except Refused as error:
            self._refuse(http, error.status, error.code, str(error))
        except ClientError as error:
            status = error.response["ResponseMetadata"].get("HTTPStatusCode", 400)
            self._refuse(http, status, error.response["Error"]["Code"], error.response["Error"].get("Message", ""))

    def _refuse(self, http: BaseHTTPRequestHandler, status: int, code: str, message: str) -> None:
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
        self._send(http, status, {"Content-Type": "application/xml"}, text.encode())

    def _send(self, http: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        http.send_response(status)
        for name, value in {**headers, "Access-Control-Allow-Origin": "*", "Content-Length": str(len(body))}.items():
            http.send_header(name, value)
        http.end_headers()
        if http.command != "HEAD":
            http.wfile.write(body)
