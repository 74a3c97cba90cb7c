"""Which keywords belong together, by their vectors alone: a language model asked to partition keywords invents, drops and doubles them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.ai.linkage import BLOCK, link, reassign

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Places = NDArray[np.intp]
else:
    Floats = Places = Any

MAX_SIZE = 25  # keywords one cluster may hold: more is not one article plan any more
BLANK = "blank"
NO_VECTOR = "no_vector"

# The list's mean is the site's subject, which all its keywords share and which hides what tells them apart; of a handful of
# keywords the mean is mostly the keywords themselves. It is therefore subtracted in the share n / (n + _SHRINK).
_SHRINK = 4.0
_SWEEPS = 5
_CRUMB = 3  # keywords; fewer make no group when an oversized one is cut


@dataclass(frozen=True)
class Left:
    """A keyword in no cluster. index: its place in `texts`. reason: BLANK or NO_VECTOR (its vector is zero or not finite)."""

    index: int
    reason: str


@dataclass(frozen=True)
class Grouping:
    """Where each keyword went, by its place in `texts`; each place occurs exactly once over the three.

    joined: id of an existing cluster -> places that join it (no empty entries). new: the new groups, largest first, each 1 to
    `max_size` places, ascending. left: what could not be placed.
    """

    joined: dict[str, tuple[int, ...]]
    new: tuple[tuple[int, ...], ...]
    left: tuple[Left, ...]


@dataclass(frozen=True)
class _Held:
    """An existing cluster: unit vectors (m, d) of its members."""

    id: str
    vectors: Floats


def group(
    texts: Sequence[str],
    vectors: Any,
    threshold: float,
    existing: Iterable[tuple[str, Any]] = (),
    *,
    max_size: int = MAX_SIZE,
    block: int = BLOCK,
) -> Grouping:
    """Put every keyword into one existing or new group.

    texts: n keywords of one sector, all that are pending (independent batches measured far worse than the whole list). vectors:
    (n, d), an Embedder's answer to them. threshold: that Embedder's. existing: (id, vectors) of the sector's clusters, vectors
    being (m, d) of its members, in the same space, so an Embedder whose space depends on the list (`list_bound`) needs them
    embedded in the same call. An existing cluster takes in what average linkage would add to it, nearest first, until it holds
    `max_size`; existing clusters are never merged, split or emptied. New groups above `max_size` are cut again around their own
    mean. block: keywords linked at once.

    Deterministic. Raises: ValueError when the shapes do not fit.
    """
    import numpy as np

    matrix = np.asarray(vectors, np.float32)
    if len(texts) == 0:
        return Grouping({}, (), ())
    if matrix.ndim != 2 or len(matrix) != len(texts):
        raise ValueError(f"{len(texts)} texts need vectors of shape ({len(texts)}, d), not {matrix.shape}")
    usable = _usable(matrix)
    left = tuple(Left(at, NO_VECTOR if text.strip() else BLANK) for at, text in enumerate(texts) if not text.strip() or not usable[at])
    gone = {one.index for one in left}
    places = np.array([at for at in range(len(texts)) if at not in gone], np.intp)
    if len(places) == 0:
        return Grouping({}, (), left)

    points = _unit(matrix[places])
    held = _held(existing, points.shape[1])
    space = _space(points, held)
    labels = _within_size(space, _linked(space, threshold, block), threshold, max_size, block)
    # Linkage never takes an early merge back: let every keyword move to the group it is on average most similar to.
    sums, weights = space.held_means * space.held_weights[:, None], space.held_weights
    sweeps = _SWEEPS if len(points) <= block else 1
    labels = reassign(space.centred, labels, sums, weights, 1 - threshold, sweeps)
    labels = _within_size(space, labels, threshold, max_size, block)

    joined: dict[str, tuple[int, ...]] = {}
    new: list[tuple[int, ...]] = []
    for label, rows in _by_label(labels):
        members = tuple(int(place) for place in places[rows])
        if label < len(held):
            joined[held[label].id] = members
        else:
            new.append(members)
    return Grouping(joined, tuple(sorted(new, key=lambda one: (-len(one), one))), left)


@dataclass(frozen=True)
class _Space:
    """Keywords and existing clusters around their common mean.

    points: (n, d) unit rows as they came; centred: (n, d) the same around the mean, unit rows; held: the e existing clusters;
    held_means: (e, d) means of their centred unit rows; held_weights: (e,) their members.
    """

    points: Floats
    centred: Floats
    held: Sequence[_Held]
    held_means: Floats
    held_weights: Floats


def _space(points: Floats, held: Sequence[_Held] = ()) -> _Space:
    import numpy as np

    parts = [points, *(one.vectors for one in held)]
    total = np.sum([part.sum(axis=0) for part in parts], axis=0)
    mean = total / np.float32(sum(len(part) for part in parts) + _SHRINK)
    held_means = np.zeros((len(held), points.shape[1]), np.float32)
    for at, one in enumerate(held):
        held_means[at] = _unit(one.vectors - mean).mean(axis=0)
    return _Space(points, _unit(points - mean), held, held_means, np.array([len(one.vectors) for one in held], np.float32))


def _linked(space: _Space, threshold: float, block: int) -> Places:
    """A label per keyword: below e the number of the existing cluster it joins, from e on a new group."""
    import numpy as np

    known, count = len(space.held), len(space.points)
    labels = link(
        np.concatenate([space.held_means, space.centred]),
        np.concatenate([space.held_weights, np.ones(count, np.float32)]),
        np.arange(known + count) < known,
        threshold,
        block,
    )
    return labels[known:]  # labels count by first appearance and no two existing clusters share one: theirs are 0 to e - 1


def _within_size(space: _Space, labels: Places, threshold: float, max_size: int, block: int) -> Places:
    """The same labels, with groups of more than `max_size` cut up and what an existing cluster has no room for in new groups."""
    import numpy as np

    out = np.empty_like(labels)
    used = len(space.held)
    for label, rows in _by_label(labels):
        if label < len(space.held):
            one = space.held[label]
            room = max(0, max_size - len(one.vectors))
            nearest = rows[np.argsort(-(space.centred[rows] @ space.held_means[label]), kind="stable")]
            out[nearest[:room]] = label
            rows = np.sort(nearest[room:])
        for piece in _pieces(space.points, rows, threshold, max_size, block):
            out[piece] = used
            used += 1
    return out


def _pieces(points: Floats, rows: Places, threshold: float, max_size: int, block: int) -> list[Places]:
    """Row numbers -> lists of at most `max_size` of them, cut around their own mean as often as needed."""
    import numpy as np

    if len(rows) <= max_size:
        return [rows] if len(rows) else []
    space = _space(points[rows])
    parts = [rows[part] for part in _gathered(space.centred, _linked(space, threshold, block), max_size)]
    if len(parts) == 1:
        # Nothing to tell them apart by: cut evenly along the direction in which they differ most.
        along = np.argsort(space.centred @ _main_direction(space.centred), kind="stable")
        parts = [np.sort(rows[part]) for part in np.array_split(along, -(-len(rows) // max_size))]
    return [piece for part in parts for piece in _pieces(points, part, threshold, max_size, block)]


def _by_label(labels: Places) -> list[tuple[int, Places]]:
    """(label, ascending rows that carry it), in order of label."""
    import numpy as np

    order = np.argsort(labels, kind="stable")
    return [(int(labels[rows[0]]), rows) for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)]


def _held(existing: Iterable[tuple[str, Any]], width: int) -> list[_Held]:
    """The existing clusters that have a usable vector."""
    import numpy as np

    clusters = []
    for name, given in existing:
        rows = np.asarray(given, np.float32)
        if rows.size == 0:
            continue
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ValueError(f"cluster {name}: vectors of shape {rows.shape} do not fit keywords of width {width}")
        rows = rows[_usable(rows)]
        if len(rows):
            clusters.append(_Held(name, _unit(rows)))
    return clusters


def _usable(vectors: Floats) -> "NDArray[np.bool_]":
    """Which rows are finite and not zero."""
    import numpy as np

    finite = np.isfinite(vectors)
    some: NDArray[np.bool_] = np.all(finite, axis=1) & np.any(np.where(finite, vectors, 0.0) != 0, axis=1)
    return some


def _unit(vectors: Floats) -> Floats:
    import numpy as np

    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))
    return unit


def _gathered(centred: Floats, labels: Places, max_size: int) -> list[Places]:
    """Rows by label, with crumbs added to the likeliest group that has room for them.

    What is left of an oversized group around its own mean may be hardly more than noise, which falls into crumbs; as all of it was
    one group, a crumb is better off in a neighbour than alone.
    """
    import numpy as np

    parts = {label: rows for label, rows in _by_label(labels)}
    sums = {label: centred[rows].sum(axis=0) for label, rows in parts.items()}
    for crumb in sorted((label for label, rows in parts.items() if len(rows) < _CRUMB), key=lambda label: (len(parts[label]), label)):
        size = len(parts[crumb])
        if size >= _CRUMB:
            continue  # it has taken others in meanwhile
        roomy = [label for label, rows in parts.items() if label != crumb and len(rows) + size <= max_size]
        if roomy:
            means = np.stack([sums[label] / len(parts[label]) for label in roomy])
            home = roomy[int(np.argmax(means @ sums[crumb]))]
            parts[home] = np.sort(np.concatenate([parts[home], parts.pop(crumb)]))
            sums[home] = sums[home] + sums.pop(crumb)
    return list(parts.values())


def _main_direction(centred: Floats) -> Floats:
    """First principal direction by power iteration from a fixed start."""
    import numpy as np

    direction = np.ones(centred.shape[1], np.float32)
    for _ in range(20):
        direction = centred.T @ (centred @ direction)
        direction /= np.maximum(np.linalg.norm(direction), np.float32(1e-9))
    return direction
