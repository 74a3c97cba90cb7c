"""HTTP of everything that asks a model: planning, writing, drawing, and the prompts they are asked with."""

from chalicelib.ai import audit_routes, planner_routes, prompt_routes, writer_routes

ROUTERS = (
    planner_routes.router,
    writer_routes.router,
    writer_routes.drawing,
    prompt_routes.router,
    audit_routes.router,
    audit_routes.calls,
)
