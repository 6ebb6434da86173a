"""Several processes train as one does: the batch of pairs is the global batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from process_cases import CASES, State, in_double, process, trained
from torch.multiprocessing.spawn import start_processes

from oodml.core.errors import UsageError
from oodml.training.distributed import Processes
from oodml.training.launch import check_devices, free_port

WORLDS = (2, 4)


@pytest.fixture
def double() -> Iterator[None]:
    cast = torch.Tensor.float
    in_double()
    yield
    torch.set_default_dtype(torch.float32)
    torch.Tensor.float = cast  # type: ignore[method-assign]


@pytest.fixture(scope="module", params=WORLDS)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of all cases in so many processes."""
    folder = tmp_path_factory.mktemp(f"world{request.param}")
    arguments = (request.param, free_port(), str(folder))
    start_processes(process, arguments, nprocs=request.param, start_method="spawn")
    return folder


def of(folder: Path, name: str, steps: int, rank: int = 0) -> tuple[State, State]:
    found: tuple[State, State] = torch.load(folder / f"{name}-{steps}-{rank}.pt")
    return found


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_weights_are_those_of_one_process(
    name: str, results: Path, double: None
) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    for steps in (4, 8):
        expected = trained(name, fabric, steps=steps)
        found = of(results, name, steps)
        for one, other in zip(expected, found, strict=True):
            assert one.keys() == other.keys()
            for key in one:
                torch.testing.assert_close(other[key], one[key], rtol=1e-6, atol=1e-9, msg=key)
    ranks = len(list(results.glob(f"{name}-8-*.pt")))
    for rank in range(1, ranks):
        _, weights = of(results, name, 8, rank)
        for key, value in weights.items():
            assert torch.equal(value, found[1][key]), f"{key} in process {rank}"


def test_a_run_of_several_continues_at_the_leaders_checkpoint(results: Path) -> None:
    found = [torch.load(path) for path in sorted(results.glob("continued-*.pt"))]
    assert len(found) in WORLDS
    for short, long in found:
        assert (short[0], long[0]) == (5, 9)
        for key, value in long[1].items():
            assert torch.equal(value, found[0][1][1][key]), key


def test_shares_are_contiguous_and_differ_by_one_row_at_most() -> None:
    class Four:
        world_size = 4
        global_rank = 0

    shares = []
    for rank in range(4):
        Four.global_rank = rank
        shares.append(Processes(Four()).rows(18))  # type: ignore[arg-type]
    rows = [list(range(18))[one] for one in shares]
    assert [row for one in rows for row in one] == list(range(18))
    assert sorted(len(one) for one in rows) == [4, 4, 5, 5]
    with pytest.raises(UsageError, match="a batch of 3 rows cannot be shared by 4"):
        Processes(Four()).rows(3)  # type: ignore[arg-type]


def test_more_devices_than_there_are_is_said() -> None:
    check_devices("cpu", 8)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="device 'cuda'"):
            check_devices("cuda", 2)
