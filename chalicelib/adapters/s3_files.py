"""Files in S3, private, read from outside only by short-lived signed addresses."""

from typing import Any

from chalicelib.core.errors import NotFound, UpstreamUnavailable


class S3Files:
    """s3: a boto3 client. signer: the client that signs addresses, when a reader reaches S3 by another endpoint than we do."""

    def __init__(self, s3: Any, bucket: str, signer: Any = None) -> None:
        self._s3, self._bucket, self._signer = s3, bucket, signer or s3

    def put(self, key: str, data: bytes, mime: str, *, keep_days: int | None = None) -> None:
        tag = {"Tagging": f"keep-days={keep_days}"} if keep_days else {}  # which the bucket's lifecycle rule looks for
        self._call("put_object", Key=key, Body=data, ContentType=mime, **tag)

    def get(self, key: str) -> bytes:
        return bytes(self._call("get_object", Key=key)["Body"].read())

    def delete(self, key: str) -> None:
        self._call("delete_object", Key=key)

    def list(self, prefix: str) -> "list[str]":
        keys: list[str] = []
        start: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", Prefix=prefix, **start)
            keys += [o["Key"] for o in page.get("Contents", [])]
            if not page.get("IsTruncated"):
                return keys
            start = {"ContinuationToken": page["NextContinuationToken"]}

    def url(self, key: str, seconds: int = 300) -> str:
        signed: str = self._signer.generate_presigned_url("get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds)
        return signed

    def upload_url(self, key: str, size: int, seconds: int = 900) -> str:
        """The size is signed, so S3 itself refuses a larger file."""
        wanted = {"Bucket": self._bucket, "Key": key, "ContentLength": size}
        signed: str = self._signer.generate_presigned_url("put_object", Params=wanted, ExpiresIn=seconds)
        return signed

    def _call(self, operation: str, **ask: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._s3, operation)(Bucket=self._bucket, **ask)
            return answer
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                raise NotFound("There is no such file.") from None
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500 or error.response["Error"]["Code"] == "SlowDown":
                raise UpstreamUnavailable("The file store does not answer.") from error
            raise
        except BotoCoreError as error:
            raise UpstreamUnavailable("The file store does not answer.") from error
