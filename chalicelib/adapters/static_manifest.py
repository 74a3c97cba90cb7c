"""What a static site holds, one small document per article, so that publishers at work at the same time never overwrite each other.

A document's name carries its sequence and a digest of its content, so a name never changes its meaning: a change is a new name, a
listing shows whether anything changed, and what was read once need not be read again. Folders are claimed here before they are used.
"""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from typing import Protocol
from urllib.parse import quote

from chalicelib.core.errors import NotFound, UpstreamUnavailable

READERS = 8
ATTEMPTS = 8


class ListableFiles(Protocol):
    """`ports.Files` as far as a static site needs it, and a listing."""

    def put(self, key: str, data: bytes, mime: str) -> None: ...

    def get(self, key: str) -> bytes:
        """Raises: NotFound."""
        ...

    def delete(self, key: str) -> None:
        """Deleting what is not there is success."""
        ...

    def list(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`; a key that was put before the call is in it (S3 is strongly consistent)."""
        ...


@dataclass(frozen=True)
class Entry:
    """One article of the site.

    directory: the folder its page is in, empty before the first page. claim: a folder wanted, not yet used. files: keys of its page and
    images, below the site's prefix. stale: keys that are to go. image: the key of its card's picture or empty. Times are ISO-8601.
    """

    source_id: str
    slug: str
    sequence: int = 0
    directory: str = ""
    claim: str = ""
    title: str = ""
    excerpt: str = ""
    language: str = "en"
    category: str = ""
    status: str = ""
    generated_by: str = ""
    minutes: int = 1
    image: str = ""
    image_alt: str = ""
    published_at: str = ""
    updated_at: str = ""
    files: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    def folders(self) -> set[str]:
        """Every folder that is not free as long as this entry stands."""
        return {f for f in (self.directory, self.claim, *(key.split("/")[0] for key in self.stale)) if f}


def _entry(data: dict[str, object]) -> Entry:
    known = {f.name for f in fields(Entry)}
    return Entry(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known})  # type: ignore[arg-type]


class Manifest:
    """The entries of one site below `prefix` (ends with a slash or is empty)."""

    def __init__(self, files: ListableFiles, prefix: str) -> None:
        self._files, self._prefix = files, prefix
        self._folder, self._summary = f"{prefix}_articles/", f"{prefix}_articles.json"
        self._read: dict[str, Entry] = {}

    def names(self) -> frozenset[str]:
        """The names of all documents; equal names mean equal content."""
        return frozenset(key[len(self._folder) :] for key in self._files.list(self._folder))

    def load(self) -> tuple[frozenset[str], dict[str, Entry]]:
        """The documents' names and the newest entry per source id.

        Raises: UpstreamUnavailable when the site changes faster than it can be read.
        """
        for _ in range(ATTEMPTS):
            names = self.names()
            newest: dict[str, str] = {}
            for name in sorted(names):
                newest[name.rsplit("~", 1)[0]] = name  # the sequence is padded, so the last in order is the newest
            try:
                entries = self._entries(newest.values())
            except NotFound:  # a newer document has taken its place
                continue
            return names, {entry.source_id: entry for entry in entries}
        raise UpstreamUnavailable("The site changes faster than it can be read.", retry_after_seconds=2)

    def _entries(self, wanted: Iterable[str]) -> list[Entry]:
        wanted = list(wanted)
        if any(name not in self._read for name in wanted):
            self._read.update({name: entry for name, entry in self._summarised().items() if name not in self._read})
        missing = [name for name in wanted if name not in self._read]
        if missing:
            with ThreadPoolExecutor(READERS) as pool:
                for name, data in zip(missing, pool.map(lambda n: self._files.get(self._folder + n), missing), strict=True):
                    self._read[name] = _entry(json.loads(data))
        return [self._read[name] for name in wanted]

    def _summarised(self) -> dict[str, Entry]:
        """What the last rebuild had read. It may be old; what it says of a name is right all the same."""
        try:
            return {name: _entry(data) for name, data in json.loads(self._files.get(self._summary)).items()}
        except NotFound:
            return {}

    def put(self, entry: Entry) -> Entry:
        """Store the entry as the newest of its source id and remove the older ones. Returns it with its sequence."""
        entry = replace(entry, sequence=entry.sequence + 1)
        data = json.dumps(asdict(entry), ensure_ascii=False, sort_keys=True).encode()
        stem = quote(entry.source_id, safe="")
        name = f"{stem}~{entry.sequence:08d}-{hashlib.sha256(data).hexdigest()[:12]}.json"
        self._files.put(self._folder + name, data, "application/json")
        self._read[name] = entry
        for key in self._files.list(f"{self._folder}{stem}~"):
            if key < self._folder + name:  # never a newer one: of two at work at once one has to stay
                self._files.delete(key)
        return entry

    def summarise(self, names: frozenset[str]) -> None:
        """Store all entries of `names` in one document, which spares the next reader a read per article."""
        data = {name: asdict(self._read[name]) for name in sorted(names) if name in self._read}
        self._files.put(self._summary, json.dumps(data, ensure_ascii=False).encode(), "application/json")
