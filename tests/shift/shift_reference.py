"""Straight, slow float64 references, written from the formulas and the written rules."""

from __future__ import annotations

import numpy as np
import scipy.linalg


def frechet_sqrtm(a, b, eps=0.0):
    """|m1 - m2|^2 + tr(C1 + C2 - 2 sqrtm((C1 + eps I)(C2 + eps I))), real part."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    difference = a.mean(0) - b.mean(0)
    c1 = np.atleast_2d(np.cov(a, rowvar=False))
    c2 = np.atleast_2d(np.cov(b, rowvar=False))
    ridge = eps * np.eye(len(c1))
    root = scipy.linalg.sqrtm((c1 + ridge) @ (c2 + ridge))
    return float(difference @ difference + np.trace(c1 + c2) - 2 * np.trace(root).real)


def frechet_svd(a, b):
    """The same through singular values of the product of centred matrices."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    m1, m2 = a.mean(0), b.mean(0)
    a, b = (a - m1) / np.sqrt(len(a) - 1), (b - m2) / np.sqrt(len(b) - 1)
    root = scipy.linalg.svdvals(a @ b.T).sum()
    return float((m1 - m2) @ (m1 - m2) + (a**2).sum() + (b**2).sum() - 2 * root)


class PapersHeuristic:
    """protocols.md section 2.1, items 2 and 3, on lists of class names and of class means.

    The k-th swap of an iteration walks the sorted order from its k-th place on and takes the first
    position that is not among the last ``history`` used ones, as that list stands at this swap.
    ``repaired``: classes rest, on whichever side they stand; the state after the last iteration is
    recorded too; removal keeps swaps that raise the distance.
    """

    def __init__(self, names_train, names_test, mean_of, swaps, distance, repaired=False):
        self.names = [list(names_train), list(names_test)]
        self.feats = [[mean_of[n] for n in names_train], [mean_of[n] for n in names_test]]
        self.swaps, self.distance, self.repaired = swaps, distance, repaired

    def scores(self):
        train_mean, test_mean = np.mean(self.feats[0], axis=0), np.mean(self.feats[1], axis=0)
        d = np.linalg.norm
        train = [d(f - test_mean) - d(f - train_mean) for f in self.feats[0]]
        test = [d(f - train_mean) - d(f - test_mean) for f in self.feats[1]]
        return train, test

    def choose(self, used, history, descending=False):
        """Position pairs of one iteration, also put on ``used``; None when none is free.

        ``used``: a list of (train, test) a swap, of positions, or of class names when repaired.
        """
        orders = [
            sorted(range(len(scores)), key=lambda p: -scores[p] if descending else scores[p])
            for scores in self.scores()
        ]
        pairs = []
        for k in range(self.swaps):
            lately = used[max(0, len(used) - history) :]
            pair = []
            for side in (0, 1):
                place = k
                while place < len(orders[side]):
                    position = orders[side][place]
                    if self.repaired:
                        name = self.names[side][position]
                        rests = any(name in swapped for swapped in lately)
                    else:
                        rests = any(position == swapped[side] for swapped in lately)
                    if not rests:
                        break
                    place += 1
                else:
                    return None
                pair.append(position)
            pairs.append(tuple(pair))
            if self.repaired:
                used.append((self.names[0][pair[0]], self.names[1][pair[1]]))
            else:
                used.append(tuple(pair))
        return pairs

    def swap(self, pairs):
        for i, j in pairs:
            for train, test in (self.names, self.feats):
                train[i], test[j] = test[j], train[i]

    def delete(self, pairs):
        gone = [{i for i, _ in pairs}, {j for _, j in pairs}]
        for lists in (self.names, self.feats):
            for side in (0, 1):
                lists[side] = [x for p, x in enumerate(lists[side]) if p not in gone[side]]

    def run(self, iterations, history, descending=False):
        """(id, train names, test names) before every swap; the last swap stands in no record."""
        records, used = [], []
        sign = -1 if descending else 1
        for iteration in range(iterations):
            records.append((sign * iteration * self.swaps, *map(sorted, self.names)))
            self.last_names = [list(names) for names in self.names]
            pairs = self.choose(used, history, descending)
            if pairs is None:
                return records
            self.swap(pairs)
        if self.repaired:
            self.last_names = [list(names) for names in self.names]
            records.append((sign * iterations * self.swaps, *map(sorted, self.names)))
        return records

    def remove(self, iterations, history):
        """(id, train names, test names) after every removal iteration, on from ``run``.

        The names start where the last record stands, the features where the run ended.
        """
        self.names = [list(names) for names in self.last_names]
        records, used = [], []
        for iteration in range(1, iterations + 1):
            if min(map(len, self.feats)) < self.swaps + 2:
                break
            pairs = self.choose(used, history)
            if pairs is None:
                break
            before = self.distance(*self.feats)
            self.swap(pairs)
            after = self.distance(*self.feats)
            if after <= before if self.repaired else after >= before:
                self.swap(pairs)
                self.delete(pairs)
            records.append((iteration * self.swaps, *map(sorted, self.names)))
        return records


def clustered(classes=40, dims=24, images=6, seed=0, groups=4, spread=0.4):
    """Features [N, D], N class names and N ids: classes around some group centres."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, dims))
    means = centres[np.arange(classes) % groups] + 0.8 * rng.normal(size=(classes, dims))
    features = np.repeat(means, images, axis=0) + spread * rng.normal(size=(classes * images, dims))
    names = np.repeat([f"class{c:03d}" for c in range(classes)], images)
    ids = [f"{name}/{row:05d}" for row, name in enumerate(names)]
    return features.astype(np.float32), names, ids
