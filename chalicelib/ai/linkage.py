"""Average linkage over weighted points in numpy: exact up to a few thousand, by blocks above, as n squared of 100,000 does not fit."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Labels = NDArray[np.intp]
else:
    Floats = Labels = Any

NEVER = 1e6  # a distance no threshold reaches, and still far above 2 after being averaged with thousands of real ones
BLOCK = 5_000  # points linked at once: a float32 distance matrix of 100 MB
_ROWS = 2_048  # rows compared with all groups at once
_TURNS, _SAMPLE = 8, 20_000  # of k-means, and the points that settle its means
_ROUNDS = 3  # passes over other block borders before what is left is taken as apart


def average_linkage(means: Floats, weights: Floats, held: "NDArray[np.bool_]", threshold: float) -> Labels:
    """Cut the average-linkage tree of k points at a cosine distance.

    means: (k, d), each the mean of a point's unit vectors (a keyword is its own mean), so that `1 - a.b` is the average distance
    between the members of a and b. weights: (k,) members per point. held: (k,) points that may take others in but are never
    merged with each other (clusters that exist already). Returns a label per point, numbered by first appearance.

    Source: nearest-neighbour chain, Murtagh 1983; O(k^2) time and memory.
    """
    import numpy as np

    count = len(means)
    if count == 0:
        return np.zeros(0, np.intp)
    distance = 1.0 - means @ means.T
    distance[np.ix_(held, held)] = NEVER
    np.fill_diagonal(distance, np.inf)
    size = weights.astype(np.float32, copy=True)
    open_ = np.ones(count, bool)  # may still be merged; what is nearest beyond the threshold is closed for good
    parent = np.arange(count)
    chain: list[int] = []
    start = 0
    while True:
        if not chain:
            while start < count and not open_[start]:
                start += 1
            if start == count:
                break
            chain.append(start)
        top = chain[-1]
        near = int(np.argmin(distance[top]))
        if len(chain) == 1 and not distance[top, near] <= threshold:
            # Distances only grow as others merge (reducibility), so this point is finished; its column may stay as it is.
            open_[top] = False
            chain.pop()
            continue
        if len(chain) == 1 or distance[top, chain[-2]] > distance[top, near]:
            chain.append(near)
            continue
        other = chain[-2]
        del chain[-2:]
        keep, drop = min(top, other), max(top, other)
        one, two = distance[keep], distance[drop]
        # The lower bound keeps the linkage reducible under float rounding; without it a chain can run in a circle.
        row = np.maximum((size[keep] * one + size[drop] * two) / (size[keep] + size[drop]), np.minimum(one, two))
        row[[keep, drop]] = np.inf
        distance[keep] = row
        distance[:, keep] = row
        distance[drop] = np.inf
        distance[:, drop] = np.inf
        size[keep] += size[drop]
        open_[drop] = False
        parent[drop] = keep
    for point in range(count):  # a parent always comes before its child, so one pass resolves all
        parent[point] = parent[parent[point]]
    labels: Labels = np.unique(parent, return_inverse=True)[1].astype(np.intp)
    return labels


def link(means: Floats, weights: Floats, held: "NDArray[np.bool_]", threshold: float, block: int = BLOCK) -> Labels:
    """`average_linkage` for any number of points: above `block` inside blocks of a coarse k-means, then between what they found.

    The same points may be separated by a block's border, so what the blocks found is linked again as weighted points (exact, as
    the mean distance of two groups is the product of their means), on other borders while it is still too many.
    """
    import numpy as np

    labels = np.arange(len(means))
    for turn in range(_ROUNDS):
        if len(means) <= block:
            found: Labels = average_linkage(means, weights, held, threshold)[labels]
            return found
        found = np.empty(len(means), np.intp)
        used = 0
        for part in blocks(means, block // 2, turn):
            inside = average_linkage(means[part], weights[part], held[part], threshold)
            found[part] = inside + used
            used += int(inside.max()) + 1
        labels = found[labels]
        means, weights, held = _collapse(means, weights, held, found, used)
    return labels


def reassign(points: Floats, labels: Labels, held_sums: Floats, held_weights: Floats, floor: float, sweeps: int) -> Labels:
    """Let each point move to the group it is on average most similar to.

    points: (n, d) unit rows. labels: (n,) their groups, of which 0 to e - 1 exist already. held_sums: (e, d) sums of the unit rows
    those hold, held_weights: (e,) how many that are. floor: the mean cosine a point needs to move. sweeps: at most so many rounds;
    it stops when nothing moves.
    """
    import numpy as np

    known = len(held_sums)
    groups = max(int(labels.max()) + 1, known)
    now = labels
    for _ in range(sweeps):
        sums = np.zeros((groups, points.shape[1]), np.float32)
        np.add.at(sums, now, points)
        sums[:known] += held_sums
        counts = np.bincount(now, minlength=groups).astype(np.float32)
        counts[:known] += held_weights
        moved = now.copy()
        for at in range(0, len(points), _ROWS):
            rows = slice(at, at + _ROWS)
            home = now[rows]
            index = np.arange(len(home))
            score = points[rows] @ sums.T
            own = score[index, home] - 1.0  # its similarity to itself does not count
            others = counts[home] - 1.0
            score /= np.maximum(counts, 1.0)
            score[:, counts == 0] = -np.inf
            score[index, home] = np.where(others > 0, own / np.maximum(others, 1.0), -np.inf)  # nobody is at home alone
            moved[rows] = np.where(score.max(axis=1) >= floor, score.argmax(axis=1), home)
        if (moved == now).all():
            break
        now = moved
    return now


def _collapse(
    means: Floats, weights: Floats, held: "NDArray[np.bool_]", labels: Labels, groups: int
) -> tuple[Floats, Floats, "NDArray[np.bool_]"]:
    """The points of one label become one point: weighted mean, summed weight, held if one of them is."""
    import numpy as np

    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(groups))
    total = np.add.reduceat(weights[order], starts)
    summed = np.add.reduceat((means * weights[:, None])[order], starts, axis=0)
    some_held: NDArray[np.bool_] = np.logical_or.reduceat(held[order], starts)
    return (summed / total[:, None]).astype(np.float32), total.astype(np.float32), some_held


def blocks(vectors: Floats, size: int, seed: int = 0) -> list[Labels]:
    """Partition the rows into blocks of at most `size` similar ones by k-means, deterministic for a seed. Returns row numbers."""
    import numpy as np

    pending = [np.arange(len(vectors))]
    done: list[Labels] = []
    while pending:
        rows = pending.pop()
        if len(rows) <= size:
            done.append(rows)
            continue
        nearest = _k_means(vectors[rows], -(-len(rows) // size) + 1, seed)
        parts = [rows[nearest == one] for one in np.unique(nearest)]
        if len(parts) == 1:  # all alike: any border is as good as another
            done.extend(rows[at : at + size] for at in range(0, len(rows), size))
        else:
            pending.extend(parts)
    return done


def _k_means(vectors: Floats, centres: int, seed: int) -> Labels:
    """Number of the nearest of `centres` means, which a sample has settled."""
    import numpy as np

    random = np.random.default_rng(seed)
    some = vectors[random.permutation(len(vectors))[:_SAMPLE]]
    middle = some[:centres].copy()
    for _ in range(_TURNS):
        nearest = np.argmax(some @ middle.T - (middle**2).sum(1) / 2, axis=1)
        for one in range(len(middle)):
            own = some[nearest == one]
            if len(own):
                middle[one] = own.mean(0)
    found: Labels = np.argmax(vectors @ middle.T - (middle**2).sum(1) / 2, axis=1).astype(np.intp)
    return found
