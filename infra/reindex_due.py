"""The due list of automations follows from their settings: what a restored table lacks of it is put back, or nothing would ever start."""

from chalicelib.automation.config import CONFIG
from chalicelib.automation.schedule import due_key, rescheduling
from chalicelib.core.context import Context, Deps
from chalicelib.core.scope import Scope
from chalicelib.core.table import Item


def put_due(deps: Deps, item: Item, *, dry: bool = False) -> bool:
    """Give an automation that is switched on its row in the due list. False when it has one, needs none, or is no automation.

    A due time that has passed starts one run with the scheduler's next look, as after any outage."""
    if item.get("kind") != CONFIG.name:
        return False
    tenant, config = item["pk"].partition("#")[0], CONFIG.from_item(item)
    key = due_key(tenant, config)
    if not config.enabled or key is None or deps.ops.get(key) is not None:
        return False
    if not dry:
        ctx = Context(Scope.worker(tenant, "operator"), deps)
        for write in rescheduling(ctx, config, config):
            deps.ops.write(write)
    return True
