"""Builds the Chalice application: every feature's routes, workers and schedules. No logic lives here."""

from chalicelib import deps
from chalicelib.ai import consumers as ai_consumers
from chalicelib.ai import routes as ai
from chalicelib.auth import routes as auth
from chalicelib.auth.identity import authenticate
from chalicelib.automation import consumers as automation_consumers
from chalicelib.automation import lambdas as automation_lambdas
from chalicelib.automation import routes as automation
from chalicelib.billing import lambdas as billing_lambdas
from chalicelib.billing import routes as billing
from chalicelib.core.api import Igny8
from chalicelib.core.documentation import with_documentation
from chalicelib.core.idempotency import idempotent
from chalicelib.core.throttle import throttled
from chalicelib.integration import routes as integration
from chalicelib.planner import routes as planner
from chalicelib.system import routes as system
from chalicelib.system.metrics import measured
from chalicelib.writer import routes as writer

ROUTERS = (
    auth.router,
    planner.router,
    writer.router,
    *ai.ROUTERS,
    billing.router,
    system.router,
    integration.router,
    automation.router,
    system.root,
)

app = Igny8(app_name="igny8", configure_logs=False)  # powertools logs; Chalice would print every line once more
# Around every handler, from within: what is done already is answered again, and that counts as a request too.
routes = with_documentation(route for router in ROUTERS for route in router.routes)
app.serve(routes, deps.current, authenticate, around=(idempotent, throttled, measured))
for blueprint in (ai_consumers.bp, automation_consumers.bp, automation_lambdas.bp, billing_lambdas.bp):
    app.register_blueprint(blueprint)
