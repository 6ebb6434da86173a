r"""The distance after every single swap of a partition at once.

Swapping class a of the left side with class b of the right changes the doubly centred cross-block
M by a matrix of rank 2, so the determinant of s² + M Mᵀ changes by that of a 4 x 4 matrix built
from resolvent products. With

    Tr((M Mᵀ)^½) = (1/π) ∫₀^∞ log det(1 + M Mᵀ / s²) ds

the nuclear norms of all n1 x n2 swaps follow from one singular value decomposition and four matrix
products for each node of a quadrature in log s. Mean and trace terms are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml.core.threads import one_decomposition_thread
from oodml.shift.distance.gram import Float, Index, double_centred

# Entries of a block of swaps priced together.
_BLOCK_ENTRIES = 1 << 16


@dataclass(frozen=True)
class Quadrature:
    """Where the integral over log s is evaluated.

    Attributes:
        nodes: Gauss-Legendre nodes.
        margin: e-folds beyond the largest and the smallest singular value that matters; the rest
            of both tails is added in closed form.
        smallest: singular values below this share of the largest are taken not to matter.
    """

    nodes: int
    margin: float
    smallest: float


QUICK = Quadrature(nodes=12, margin=2.0, smallest=1e-4)
FINE = Quadrature(nodes=48, margin=6.0, smallest=1e-7)


def swap_distances(gram: Float, left: Index, right: Index, rule: Quadrature = QUICK) -> Float:
    """Fréchet distance [n1, n2] after swapping each class of ``left`` with each of ``right``.

    Mean and trace terms exact, the nuclear norm to a relative 1e-5 or so: for ranking swaps, not
    for recording their value.
    """
    n1, n2 = len(left), len(right)
    moments, root = swap_moments(gram, left, right), swap_roots(gram, left, right, rule)
    return moments - 2.0 * root / np.sqrt((n1 - 1.0) * (n2 - 1.0))


def swap_moments(gram: Float, left: Index, right: Index) -> Float:
    """|m1 - m2|² + Tr(S1 + S2) [n1, n2] after each swap, exactly."""
    ones = np.ones(len(gram), dtype=np.int64)
    return move_moments(gram, gram.diagonal(), ones, left, right, left, right)


def move_moments(
    gram: Float,
    traces: Float,
    sizes: NDArray[np.int64],
    left: Index,
    right: Index,
    give: Index,
    get: Index,
) -> Float:
    """|m1 - m2|² + Tr(S1 + S2) [a, b] after the left side gives unit a and gets unit b.

    Args:
        gram: [U, U] inner products of the sums of the units' class means.
        traces: [U] sums of squared norms of the units' class means.
        sizes: [U] classes in each unit.
        left, right: units on each side.
        give, get: units to leave the left and the right side.
    """
    n1, n2 = float(sizes[left].sum()), float(sizes[right].sum())
    with_left, with_right = gram[:, left].sum(axis=1), gram[:, right].sum(axis=1)
    # The sum of the left side moves by e = sum_b - sum_a, that of the right side by -e.
    diagonal = gram.diagonal()
    squared = diagonal[give][:, None] + diagonal[get][None, :] - 2.0 * gram[np.ix_(give, get)]
    along1 = with_left[get][None, :] - with_left[give][:, None]
    along2 = with_right[get][None, :] - with_right[give][:, None]
    sum11 = with_left[left].sum() + 2.0 * along1 + squared
    sum22 = with_right[right].sum() - 2.0 * along2 + squared
    sum12 = with_left[right].sum() + along2 - along1 - squared
    more = (sizes[get][None, :] - sizes[give][:, None]).astype(np.float64)
    m1, m2 = np.maximum(n1 + more, 2.0), np.maximum(n2 - more, 2.0)
    change = traces[get][None, :] - traces[give][:, None]
    means = sum11 / m1**2 + sum22 / m2**2 - 2.0 * sum12 / (m1 * m2)
    trace1 = (traces[left].sum() + change - sum11 / m1) / (m1 - 1.0)
    trace2 = (traces[right].sum() - change - sum22 / m2) / (m2 - 1.0)
    return np.asarray(means + trace1 + trace2)


def swap_roots(gram: Float, left: Index, right: Index, rule: Quadrature = QUICK) -> Float:
    """‖M‖_* [n1, n2] after each swap, by quadrature."""
    n1, n2 = len(left), len(right)
    block = double_centred(gram[np.ix_(left, right)])
    with one_decomposition_thread(max(n1, n2)):
        u, sigma, vt = np.linalg.svd(block, full_matrices=False)
        keep = sigma > 1e-12 * sigma[0]
        if not keep.any():
            return np.zeros((n1, n2))
        u, sigma, vt = u[:, keep], sigma[keep], vt[keep]
        forms = _Forms.of(gram, left, right, block, u, sigma, vt)
        lowest = max(sigma[-1], rule.smallest * sigma[0])
        lower, upper = np.log(lowest) - rule.margin, np.log(sigma[0]) + rule.margin
        places, weights = np.polynomial.legendre.leggauss(rule.nodes)
        half = 0.5 * (upper - lower)
        total = np.exp(lower) * forms.log_ratio(np.exp(lower))
        total += np.exp(upper) * forms.log_ratio(np.exp(upper))
        for node, weight in zip(places, weights, strict=True):
            s = np.exp(half * node + 0.5 * (upper + lower))
            total += half * weight * s * forms.log_ratio(s)
    return np.asarray(sigma.sum() + total / np.pi)


def _entry_differences(gram: Float, left: Index, right: Index) -> Float:
    """|x_a - x_b|² [n1, n2]."""
    diagonal = gram.diagonal()
    cross = gram[np.ix_(left, right)]
    return np.asarray(diagonal[left][:, None] + diagonal[right][None, :] - 2.0 * cross)


@dataclass(frozen=True)
class _Forms:
    """What the rank-2 change looks like in the singular bases of M.

    A swap gives M' = M + x yᵀ + w zᵀ, where x and z are the centred unit vectors of the places p
    and q, y is the centred K[b, J] - K[a, J], and w the centred K[I, a] - K[I, b] less h x; the
    entry (p, q) is counted in both and h = |x_a - x_b|² takes it out once. In the singular bases,
    with rows of u and v for p and q,

        x = u_p,  z = v_q,  y = q_b - σ u_p,  w = p_a - σ v_q - h u_p.

    Attributes:
        u [n1, r], v [n2, r], sigma [r], block M; p [n1, r], q [n2, r] as above; h [n1, n2].
        yy, ww, xw, zy: plain inner products (w without its h x), [n1, n2].
        uq, pv: u σ qᵀ and p σ vᵀ [n1, n2].
    """

    u: Float
    v: Float
    sigma: Float
    block: Float
    p: Float
    q: Float
    h: Float
    yy: Float
    ww: Float
    xw: Float
    zy: Float
    uq: Float
    pv: Float

    @classmethod
    def of(
        cls, gram: Float, left: Index, right: Index, block: Float, u: Float, sigma: Float, vt: Float
    ) -> _Forms:
        cross = gram[np.ix_(left, right)]
        of_left, of_right = gram[np.ix_(left, left)], gram[np.ix_(right, right)]
        # Columns of K[I, .] and K[J, .] for classes of either side, centred over I and J.
        w_a, w_b = of_left - of_left.mean(axis=0), cross - cross.mean(axis=0)
        y_a, y_b = cross.T - cross.T.mean(axis=0), of_right - of_right.mean(axis=0)
        v = vt.T
        p = w_a.T @ u - cross.mean(axis=1) @ u
        q = y_b.T @ v - cross.mean(axis=0) @ v
        return cls(
            u=u,
            v=v,
            sigma=sigma,
            block=block,
            p=p,
            q=q,
            h=_entry_differences(gram, left, right),
            yy=_squared_distances(y_a, y_b),
            ww=_squared_distances(w_a, w_b),
            xw=w_a.diagonal()[:, None] - w_b,
            zy=y_b.diagonal()[None, :] - y_a.T,
            uq=(u * sigma) @ q.T,
            pv=(p * sigma) @ v.T,
        )

    def log_ratio(self, s: float) -> Float:
        """log of det(s² + M'M'ᵀ) / det(s² + M Mᵀ) for all swaps, [n1, n2]."""
        rows = max(1, _BLOCK_ENTRIES // len(self.v))
        node = _Node.of(self, s)
        parts = [slice(start, start + rows) for start in range(0, len(self.u), rows)]
        return np.concatenate([self._log_ratio_of(part, node) for part in parts])

    def _log_ratio_of(self, part: slice, node: _Node) -> Float:
        """The same for some rows: a block of them at a time stays in the processor's cache."""
        s, h = node.s, self.h[part]
        xmz = node.um[part] @ self.v.T
        uq = node.um[part] @ self.q.T
        pv = node.pm[part] @ self.v.T
        # sigma * inner = s * mixed - sigma / s: products with it need no further matrix product.
        u_v = s * xmz - self.block[part] / s
        u_q = s * uq - self.uq[part] / s
        p_v = s * pv - self.pv[part] / s
        xx = node.xx[part, None]
        xw = self.xw[part] / s + node.up[part, None] - u_v
        zy = self.zy[part] / s + node.vq[None, :] - u_v
        yy = self.yy[part] / s + node.qq[None, :] + node.uu[part, None] - 2.0 * u_q
        ww = self.ww[part] / s + node.pp[part, None] + node.vv[None, :] - 2.0 * p_v
        xmy = uq - node.uu_share[part, None]
        wmz = pv - node.vv_share[None, :]
        wmy = node.pm[part] @ self.q.T - node.pu_share[part, None] - node.vq_share[None, :]
        wmy += self.block[part] - s * s * xmz
        ww -= h * (2.0 * xw - h * xx)
        xw -= h * xx
        wmy -= h * xmy
        wmz -= h * xmz
        return _log_determinant(xx, ww, yy, node.zz[None, :], xw, zy, xmy, xmz, wmy, wmz)


@dataclass(frozen=True)
class _Node:
    """What the forms need at one node s: weighted bases, diagonal terms of rows and columns."""

    s: float
    um: Float
    pm: Float
    xx: Float
    zz: Float
    up: Float
    vq: Float
    qq: Float
    uu: Float
    pp: Float
    vv: Float
    uu_share: Float
    vv_share: Float
    pu_share: Float
    vq_share: Float

    @classmethod
    def of(cls, forms: _Forms, s: float) -> _Node:
        u, v, p, q, sigma = forms.u, forms.v, forms.p, forms.q, forms.sigma
        inverse = 1.0 / (s * s + sigma**2)
        mixed = sigma * inverse
        # s (s² + M Mᵀ)⁻¹ is 1/s everywhere plus this in the span of the singular vectors.
        inner = s * inverse - 1.0 / s
        squares, share = sigma**2 * inner, sigma * mixed
        uu, vv = u * u, v * v
        return cls(
            s=s,
            um=u * mixed,
            pm=p * mixed,
            xx=uu @ inner + (1.0 - 1.0 / len(u)) / s,
            zz=vv @ inner + (1.0 - 1.0 / len(v)) / s,
            up=(u * p) @ inner,
            vq=(v * q) @ inner,
            qq=(q * q) @ inner,
            uu=uu @ squares,
            pp=(p * p) @ inner,
            vv=vv @ squares,
            uu_share=uu @ share,
            vv_share=vv @ share,
            pu_share=(p * u) @ share,
            vq_share=(v * q) @ share,
        )


def _squared_distances(of_a: Float, of_b: Float) -> Float:
    """|column a - column b|² as [a, b]."""
    squares_a = np.einsum("ka,ka->a", of_a, of_a)
    squares_b = np.einsum("kb,kb->b", of_b, of_b)
    return np.asarray(squares_a[:, None] + squares_b[None, :] - 2.0 * (of_a.T @ of_b))


def _log_determinant(
    xx: Float,
    ww: Float,
    yy: Float,
    zz: Float,
    xw: Float,
    zy: Float,
    xmy: Float,
    xmz: Float,
    wmy: Float,
    wmz: Float,
) -> Float:
    """log det(1 + Ω N), N the resolvent form of [x, y, w, z], Ω their symplectic pairing.

    N is symmetric in (xx, ww, xw) and (yy, zz, zy) and antisymmetric between x, w and y, z.
    Expanded by the 2 x 2 minors of the first and the last two rows.
    """
    rows = (
        (1.0 + xmy, yy, wmy, zy),
        (-xx, 1.0 + xmy, -xw, xmz),
        (xmz, zy, 1.0 + wmz, zz),
        (-xw, wmy, -ww, 1.0 + wmz),
    )
    value: Float | float = 0.0
    for sign, i, j in ((1, 0, 1), (-1, 0, 2), (1, 0, 3), (1, 1, 2), (-1, 1, 3), (1, 2, 3)):
        k, m = (column for column in range(4) if column not in (i, j))
        upper = rows[0][i] * rows[1][j] - rows[0][j] * rows[1][i]
        lower = rows[2][k] * rows[3][m] - rows[2][m] * rows[3][k]
        value = value + sign * upper * lower
    # Rounding alone can bring a determinant that is almost zero below it.
    return np.asarray(np.log(np.maximum(value, 1e-300)))
