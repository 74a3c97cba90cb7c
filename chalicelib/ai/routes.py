"""HTTP of everything that asks a model: planning, writing, drawing."""

from chalicelib.ai import planner_routes, writer_routes

ROUTERS = (planner_routes.router, writer_routes.router, writer_routes.drawing)
