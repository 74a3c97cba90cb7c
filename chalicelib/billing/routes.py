"""HTTP of credits: balance, transactions, usage, prices."""

from dataclasses import asdict
from typing import Any

from chalicelib.billing.credits import Ledger
from chalicelib.billing.prices import price_rows
from chalicelib.billing.usage import TRANSACTION, USAGE
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call, Router
from chalicelib.core.service import Service

router = Router("billing", tag="Billing", throttle="billing")


class Transactions(Service[Any]):
    entity = TRANSACTION


class Usage(Service[Any]):
    entity = USAGE


@router.get("balance", summary="Credits of the account", answer=dict[str, int])
def balance(call: Call) -> Any:
    return asdict(Ledger(call.deps.table, call.ctx.tenant, call.deps.clock).balance())


@router.get("prices", summary="The price table", answer=list[dict[str, Any]])
def prices(call: Call) -> Any:
    return price_rows()


resource_routes(router, "transactions", Transactions, TRANSACTION, read="admin", verbs="list get")
resource_routes(router, "usage", Usage, USAGE, read="admin", verbs="list get")
