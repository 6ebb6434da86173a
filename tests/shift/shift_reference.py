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
    """protocols.md section 2.1, items 2 and 3, on lists of class names and of class means."""

    def __init__(self, names_train, names_test, mean_of, swaps, distance):
        self.names = [list(names_train), list(names_test)]
        self.feats = [[mean_of[n] for n in names_train], [mean_of[n] for n in names_test]]
        self.swaps, self.distance = swaps, distance

    def scores(self):
        train_mean, test_mean = np.mean(self.feats[0], axis=0), np.mean(self.feats[1], axis=0)
        d = np.linalg.norm
        train = [d(f - test_mean) - d(f - train_mean) for f in self.feats[0]]
        test = [d(f - train_mean) - d(f - test_mean) for f in self.feats[1]]
        return train, test

    def choose(self, used, history, descending=False):
        """Position pairs of one iteration, or None when too few positions are free."""
        picked = []
        for side, scores in enumerate(self.scores()):
            order = sorted(
                range(len(scores)), key=lambda p: -scores[p] if descending else scores[p]
            )
            recent = [pair[side] for pair in used[len(used) - min(history, len(used)) :]]
            picked.append([p for p in order if p not in recent][: self.swaps])
        pairs = list(zip(*picked, strict=False))
        return pairs if len(pairs) == self.swaps else None

    def swap(self, pairs):
        for i, j in pairs:
            for train, test in (self.names, self.feats):
                train[i], test[j] = test[j], train[i]

    def delete(self, pairs):
        for lists in (self.names, self.feats):
            lists[0] = [x for p, x in enumerate(lists[0]) if p not in [i for i, _ in pairs]]
            lists[1] = [x for p, x in enumerate(lists[1]) if p not in [j for _, j in pairs]]

    def run(self, iterations, history, descending=False):
        """(id, train names, test names) before every swap; the last swap stands in no record."""
        records, used = [], []
        for iteration in range(iterations):
            sign = -1 if descending else 1
            records.append((sign * iteration * self.swaps, *map(sorted, self.names)))
            pairs = self.choose(used, history, descending)
            if pairs is None:
                break
            used += pairs
            self.swap(pairs)
        return records

    def remove(self, iterations, history):
        records, used = [], []
        for iteration in range(1, iterations + 1):
            if min(map(len, self.feats)) < self.swaps + 2:
                break
            pairs = self.choose(used, history)
            if pairs is None:
                break
            before = self.distance(*self.feats)
            used += pairs
            self.swap(pairs)
            if self.distance(*self.feats) >= before:
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
