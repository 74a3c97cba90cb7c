"""`make costs ARTICLES=1000`: what AWS takes in a month, as a table.

What an article consumes is measured in a run on this machine, what the stack takes at rest is counted in its template; prices, and what
nobody can measure here, stand in `infra/prices.yaml`. Without what models cost, which each paid operation keeps (`billing/usage/`).
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra import derive
from infra.costs_measure import Used, measure

PRICES = Path(__file__).with_name("prices.yaml")
MINUTES_A_MONTH = 30 * 24 * 60
GB = 1e9
# Memory at which Lambda gives one whole CPU. Source: AWS Lambda developer guide, "Configure Lambda function memory"
MB_OF_A_CPU = 1769


@dataclass(frozen=True)
class Line:
    """what: in words; quantity: of the price's unit; how: measured, counted (in the template) or assumed."""

    what: str
    price: str
    quantity: float
    how: str

    def dollars(self, prices: dict[str, Any]) -> float:
        return self.quantity * float(prices[self.price]["dollars"]) / float(prices[self.price]["per"])


def of_an_article(used: Used, template: dict[str, Any], assumed: dict[str, Any]) -> Iterator[Line]:
    """What one article takes, its share of its run included."""
    n, calls = used.articles, used.calls
    memory = _memory(template)
    yield Line("write units of the tables", "table_write", used.write_units / n, "measured")
    yield Line("read units of the tables", "table_read", used.read_units / n, "measured")
    yield Line("state transitions", "transition", used.transitions / n, "measured")
    yield Line("invocations", "lambda_request", sum(used.functions.values()) / n, "measured")
    work = sum(seconds * max(1.0, MB_OF_A_CPU / memory[name]) * memory[name] / 1024 for name, seconds in used.cpu_seconds.items())
    yield Line("GB-seconds of work", "lambda_gb_second", work / n, "measured")
    waits = {kind: (assumed["waiting"][kind], count) for kind, count in used.operations.items()}
    waiting = sum(count * wait["seconds"] * memory[wait["function"]] / 1024 for wait, count in waits.values())
    yield Line("GB-seconds of waiting for models", "lambda_gb_second", waiting / n, "calls measured, seconds assumed")
    yield Line("GB-seconds of publishing", "lambda_gb_second", assumed["publish_seconds"] * memory["PublishWorker"] / 1024, "assumed")
    messages = calls["sqs.SendMessage"] / n
    yield Line("requests of queues, three a message", "queue_request", 3 * messages, "measured")
    yield Line("files put", "file_put", calls["s3.PUT"] / n, "measured")
    yield Line("files read", "file_get", calls["s3.GET"] / n, "measured")
    yield Line("requests of KMS", "key_request", sum(c for name, c in calls.items() if name.startswith("kms.")) / n, "measured")
    yield Line("requests of the API", "api_request", assumed["api_requests"], "assumed")
    api = assumed["api_requests"] * assumed["api_seconds"] * memory["APIHandler"] / 1024
    yield Line("GB-seconds of the API", "lambda_gb_second", api, "assumed")
    yield Line("GB of logs", "log_gb", assumed["log_kb"] * 1000 / GB, "assumed")
    yield Line("GB kept in the tables, a month", "table_gb", used.table_bytes / n / GB, "measured")
    yield Line("GB of their backup, a month", "table_backup_gb", used.table_bytes / n / GB, "measured")
    yield Line("GB of files, a month", "file_gb", used.file_bytes / n / GB, "measured")


def at_rest(template: dict[str, Any], assumed: dict[str, Any]) -> Iterator[Line]:
    """What the stack takes in a month in which nothing is written."""
    kinds = [r["Type"] for r in template["Resources"].values()]
    yield Line("KMS keys", "key", kinds.count("AWS::KMS::Key"), "counted")
    yield Line("secrets", "secret", kinds.count("AWS::SecretsManager::Secret"), "counted")
    alarms = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    yield Line("metrics of alarms", "alarm", sum(_metrics(alarm) for alarm in alarms), "counted")
    yield Line("the application's metrics", "metric", assumed["metrics"], "assumed")
    yield Line("dashboards", "dashboard", kinds.count("AWS::CloudWatch::Dashboard"), "counted")
    memory, runs, work = _memory(template), 0.0, 0.0
    queues = 0
    for name, properties in derive.functions(template).items():
        for event in properties.get("Events", {}).values():
            if event["Type"] == "Schedule":
                times = MINUTES_A_MONTH / _minutes(event["Properties"]["Schedule"])
                runs, work = runs + times, work + times * assumed["idle_seconds"] * memory[name] / 1024
            queues += event["Type"] == "SQS"
    yield Line("invocations by schedule", "lambda_request", runs, "counted")
    yield Line("GB-seconds of these", "lambda_gb_second", work, "assumed")
    yield Line("requests of queues that are empty", "queue_request", queues * assumed["polls_a_minute"] * MINUTES_A_MONTH, "assumed")


def _metrics(alarm: dict[str, Any]) -> int:
    """How many metrics an alarm is charged for: those that its expression names."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1


def _minutes(rate: str) -> float:
    number, unit = rate.removeprefix("rate(").removesuffix(")").split()
    return float(number) * {"minute": 1, "hour": 60, "day": 1440}[unit.rstrip("s")]


def _memory(template: dict[str, Any]) -> dict[str, int]:
    return {name: int(properties.get("MemorySize", 128)) for name, properties in derive.functions(template).items()}


def table(used: Used, template: dict[str, Any], known: dict[str, Any], articles: int) -> str:
    """In markdown: each line for an article and for a month of `articles`, and the sums."""
    prices, assumed = known["prices"], known["assumed"]
    rows = [("an article", line, line.dollars(prices), articles) for line in of_an_article(used, template, assumed)]
    rows += [("a month", line, line.dollars(prices), 1) for line in at_rest(template, assumed)]
    when = f"list prices of us-east-1 as written down on {known['written']}"
    out = [
        f"| what, {when} | quantity | dollars | {articles:,} articles a month, dollars | how known |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for per, line, dollars, times in sorted(rows, key=lambda row: (row[0], -row[2])):
        out.append(f"| {line.what}, {per} | {line.quantity:,.3g} | {dollars:.6f} | {dollars * times:.2f} | {line.how} |")
    each = sum(dollars for per, _, dollars, _ in rows if per == "an article")
    rest = sum(dollars for per, _, dollars, _ in rows if per == "a month")
    out.append(f"| **sum of an article** | | **{each:.6f}** | **{each * articles:.2f}** | |")
    out.append(f"| **sum of a month at rest** | | **{rest:.2f}** | **{rest:.2f}** | |")
    out.append(f"| **both** | | | **{each * articles + rest:.2f}** | {(each * articles + rest) / articles:.4f} an article |")
    return "\n".join(out)


def main() -> int:
    from infra.build import template

    text = os.environ.get("ARTICLES") or "1000"
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        print(f"ARTICLES={text} is not a number of articles.", file=sys.stderr)
        return 2
    known = yaml.safe_load(PRICES.read_text(encoding="utf-8"))
    try:
        used = measure()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    done = ", ".join(f"{count} {kind}" for kind, count in used.operations.most_common())
    print(f"Measured: one run of {used.articles} articles with {done}.\n")
    print(table(used, template("prod"), known, int(text)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
