"""Spreadsheet formulas in CSV cells: neutralised when we write, restored when we read.

Source: OWASP, CSV injection.
"""

_TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutralise_cell(text: str) -> str:
    """A cell that no spreadsheet runs as a formula: `'` before a cell that begins with = + - @ TAB or CR.

    A cell that begins so after apostrophes of its own gets one more, so that `restore_cell` takes exactly that one away again.
    """
    return "'" + text if text.lstrip("'").startswith(_TRIGGERS) else text


def restore_cell(text: str) -> str:
    """Undo `neutralise_cell`: take one `'` from before = + - @ TAB or CR. `="text"`, which some tools write, is text."""
    if text.startswith("'"):
        return text[1:] if text.lstrip("'").startswith(_TRIGGERS) else text
    return text[2:-1].replace('""', '"') if text.startswith('="') and text.endswith('"') and len(text) > 3 else text
