"""The AI functions there are, found in `functions/`: a module with FUNCTION and a prompt of the same name is one more."""

import importlib
import pkgutil
from functools import cache

from chalicelib.ai import functions
from chalicelib.ai.function import AIFunction


@cache
def all_functions() -> dict[str, AIFunction]:
    """Name -> function, in alphabetical order."""
    found = {}
    for module in sorted(pkgutil.iter_modules(functions.__path__), key=lambda m: m.name):
        function = importlib.import_module(f"{functions.__name__}.{module.name}").FUNCTION
        if function.name != module.name:
            raise TypeError(f"functions/{module.name}.py declares {function.name}")
        found[function.name] = function
    return found


def get(name: str) -> AIFunction:
    """Raises: KeyError."""
    return all_functions()[name]
