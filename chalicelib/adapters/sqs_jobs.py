"""Jobs as SQS messages."""

import json
from typing import Any

from chalicelib.core.errors import UpstreamUnavailable


class SqsJobs:
    """urls: queue name (`ai`, `images`, `publish`) -> queue URL."""

    def __init__(self, sqs: Any, urls: dict[str, str]) -> None:
        self._sqs, self._urls = sqs, urls

    def send(self, queue: str, body: dict[str, Any], delay_seconds: int = 0) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        url = self._urls[queue]
        if not url:
            raise RuntimeError(f"{queue.upper()}_QUEUE_URL is not set for this function.")
        try:
            message_id: str = self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body), DelaySeconds=delay_seconds)["MessageId"]
        except (BotoCoreError, ClientError) as error:
            raise UpstreamUnavailable("The queue does not take the job at present.") from error
        return message_id

    def again(self, queue: str, receipt: str, seconds: int) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._sqs.change_message_visibility(QueueUrl=self._urls[queue], ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except (BotoCoreError, ClientError) as error:
            raise UpstreamUnavailable("The queue does not answer.") from error
