from __future__ import annotations

import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info

from oodml.core.threads import (
    available_threads,
    one_blas_thread,
    one_decomposition_thread,
    run_in_threads,
)


def _blas_threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_every_item_is_worked_on_and_errors_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        assert available_threads() <= int(threads)
        done: list[int] = []
        run_in_threads(done.append, range(20))
        assert sorted(done) == list(range(20))
        with pytest.raises(ZeroDivisionError):
            run_in_threads(lambda n: print(1 // n), [1, 0, 1])


def test_blas_is_held_to_one_thread_inside_and_let_go_after() -> None:
    import scipy.linalg  # noqa: F401  (its BLAS is one of those looked at)

    before = _blas_threads()
    for block in (one_blas_thread(), one_decomposition_thread(100)):
        with block:
            assert _blas_threads() == {1}
        assert _blas_threads() == before
    with one_decomposition_thread(1 << 20):
        assert _blas_threads() == before, "huge matrices keep their threads"


def test_products_do_not_pay_for_scipy_and_decompositions_hold_its_blas() -> None:
    code = (
        "import sys, numpy\n"
        "from threadpoolctl import threadpool_info\n"
        "from oodml.core.threads import one_blas_thread, one_decomposition_thread\n"
        "with one_blas_thread():\n"
        "    assert 'scipy' not in sys.modules\n"
        "with one_decomposition_thread(10):\n"
        "    blas = [one for one in threadpool_info() if one['user_api'] == 'blas']\n"
        "    assert 'scipy.linalg' in sys.modules\n"
        "    assert {one['num_threads'] for one in blas} == {1}, blas\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
