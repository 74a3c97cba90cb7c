"""Binary objects in a folder, for the local stage and for a static site that is opened from disk."""

import os
import tempfile
from pathlib import Path, PurePosixPath

from chalicelib.core.errors import NotFound, UpstreamUnavailable, ValidationFailed


class FolderFiles:
    """`ports.Files` (and `list`) on a folder. Keys are relative POSIX paths; one that would leave the folder is refused.

    A put is atomic: a reader sees the old object or the new one, never half of it. Objects' types are told by their names, so
    `mime` is not kept.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def _path(self, key: str) -> Path:
        pure = PurePosixPath(key)
        if not key or "\0" in key or "\\" in key or pure.is_absolute() or any(part in ("", ".", "..") for part in key.split("/")):
            raise ValidationFailed.field("key", "is not a key of a file")
        path = self._root.joinpath(*pure.parts)
        # A link inside the folder could lead out of it.
        if not path.resolve().is_relative_to(self._root):
            raise ValidationFailed.field("key", "leaves the folder")
        return path

    def put(self, key: str, data: bytes, mime: str, *, keep_days: int | None = None) -> None:
        if keep_days is not None:
            raise ValueError("a folder deletes nothing by itself")
        path = self._path(key)
        handle, temporary = self._temporary(path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)  # mkstemp makes it private; a web server has to read it
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _temporary(self, folder: Path) -> tuple[int, str]:
        for _ in range(10):  # a delete at the same time may take the empty folder away again
            folder.mkdir(parents=True, exist_ok=True)
            try:
                return tempfile.mkstemp(dir=folder, prefix=".put-")
            except FileNotFoundError:
                continue
        raise UpstreamUnavailable(f"The folder {folder.name} keeps disappearing.")

    def get(self, key: str) -> bytes:
        """Raises: NotFound."""
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFound(f"There is no file {key}.") from error

    def delete(self, key: str) -> None:
        """Deleting what is not there is success. Folders that become empty go as well."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self._root or not folder.is_dir() or any(folder.iterdir()):
                return
            try:
                folder.rmdir()
            except OSError:  # somebody put a file there meanwhile
                return

    def list(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`, sorted."""
        base = self._path(prefix.rstrip("/")) if prefix.rstrip("/") else self._root
        start = base if prefix.endswith("/") or base == self._root else base.parent
        # os.walk leaves out what disappears while it looks.
        paths = (Path(folder, name) for folder, _, names in os.walk(start) for name in names if not name.startswith(".put-"))
        keys = (path.relative_to(self._root).as_posix() for path in paths)
        return sorted(key for key in keys if key.startswith(prefix))

    def url(self, key: str, seconds: int = 300) -> str:
        """A file:// address; it does not expire."""
        return self._path(key).as_uri()
