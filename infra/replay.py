"""`make replay QUEUE=publish STAGE=…`: what lies in a queue's dead letters, and back into the queue with it once its cause is mended.

Without `MOVE=1` it only shows. A message is sent before it is deleted from the dead letters: of a command that is cut off, a message may
be in both, and doing its work twice changes nothing. Work that is done or cancelled meanwhile ends by itself when its message comes again.
"""

import argparse
import json
import os
import sys
from collections import Counter
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.bootstrap import BootstrapError, stack_outputs

QUEUES = {"ai": "Ai", "images": "Images", "publish": "Publish"}
LOOK_SECONDS = 60  # how long a message that was only looked at stays hidden from the next look
SHOWN = ("work", "stage", "item", "content", "function", "task_id", "run", "tenant")


def letters(sqs: Any, dead_url: str, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` messages of the dead letters, each once."""
    found: dict[str, dict[str, Any]] = {}
    while len(found) < limit:
        answer = sqs.receive_message(
            QueueUrl=dead_url,
            MaxNumberOfMessages=min(10, limit - len(found)),
            VisibilityTimeout=LOOK_SECONDS,
            WaitTimeSeconds=1,
            AttributeNames=["All"],
        )
        fresh = {m["MessageId"]: m for m in answer.get("Messages", []) if m["MessageId"] not in found}
        if not fresh:
            break
        found |= fresh
    return list(found.values())


def line(message: dict[str, Any]) -> str:
    """One message for a person: what it was about, never its whole body (a run's message carries a task token)."""
    try:
        body = json.loads(message["Body"])
    except ValueError:
        return f"{message['MessageId']}  not JSON"
    shown = {k: body[k] for k in SHOWN if k in body} if isinstance(body, dict) else {}
    return f"{message['MessageId']}  {json.dumps(shown)}"


def move(sqs: Any, message: dict[str, Any], queue_url: str, dead_url: str) -> None:
    """Send first, delete then."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=message["Body"])
    sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])


def replay(sqs: Any, queue_url: str, dead_url: str, *, moving: bool, limit: int) -> Counter[str]:
    """Show or move up to `limit` messages. Returns how many were found and moved."""
    told: Counter[str] = Counter()
    for message in letters(sqs, dead_url, limit):
        told["found"] += 1
        if moving:
            move(sqs, message, queue_url, dead_url)
            told["moved"] += 1
        else:  # at once visible again for whoever looks next
            sqs.change_message_visibility(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        print(("moved  " if moving else "       ") + line(message))
    return told


def main() -> int:
    parser = argparse.ArgumentParser(prog="make replay")
    parser.add_argument("--stage", default=os.environ.get("STAGE", "dev"))
    parser.add_argument("--queue", choices=sorted(QUEUES), required=True)
    parser.add_argument("--move", action="store_true", help="put them back into the queue, not only show them")
    parser.add_argument("--limit", type=int, default=1000)
    options = parser.parse_args()
    try:
        outputs = stack_outputs(boto3.client("cloudformation"), options.stage)
        queue, dead = outputs[f"{QUEUES[options.queue]}QueueUrl"], outputs[f"{QUEUES[options.queue]}DeadLettersUrl"]
        told = replay(boto3.client("sqs"), queue, dead, moving=options.move, limit=options.limit)
    except KeyError as error:
        print(f"The stack has no output {error}; deploy this version first: make deploy STAGE={options.stage}", file=sys.stderr)
        return 1
    except (BootstrapError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{told['found']} found, {told['moved']} moved." + ("" if options.move or not told["found"] else " MOVE=1 moves them."))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
