"""The voice that a site's automation settings name: read by the AI functions, which automation imports and which may not import it."""

from dataclasses import dataclass, fields

from chalicelib.core.context import Context
from chalicelib.core.entity import in_site

SETTINGS = in_site("CFG")  # where automation keeps the settings of its sites
SETTINGS_TAIL = "automation"


@dataclass(frozen=True)
class AutomationVoice:
    """What the settings say; empty where they say nothing. author_profile, strategy: ids."""

    tone: str = ""
    language: str = ""
    market: str = ""
    author_profile: str | None = None
    strategy: str | None = None


def automation_voice(ctx: Context, site_id: str) -> AutomationVoice:
    """Raises: NotFound for a site that the scope does not see."""
    ctx.scope.need_site(site_id)
    item = ctx.deps.table.get(SETTINGS.key(ctx.tenant, SETTINGS.make_id(site_id, SETTINGS_TAIL))) or {}
    return AutomationVoice(**{field.name: item[field.name] for field in fields(AutomationVoice) if field.name in item})
