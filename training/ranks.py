"""The processes that tune one model together, one for each device: torch's DistributedDataParallel.

The run's own process has rank 0. It decides everything: which step comes next, when to score, to keep and to stop. The
other ranks compute their share of each batch and hear from rank 0 what to do. Each rank has the gradient
of the whole batch, so all take the same step.

A rank that dies ends the tuning: the others' next exchange fails. What was learnt is in the checkpoint, and a restart
of the run goes on from there with all ranks.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)
from torch.nn.parallel import DistributedDataParallel

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
LONGEST_WAIT = timedelta(hours=12)
"""The others wait while rank 0 scores the validation texts or writes a checkpoint."""
GRADIENT_WAIT = timedelta(minutes=5)
"""On GPUs a rank that has died is noticed after so long; without GPUs at once."""
REAPED_SECONDS = 5
"""A process that has died is found dead within so long."""
ARRIVAL_SECONDS = 0.2
"""Rank 0 asks so often whether the others are there."""
ARRIVED = "arrived"
"""The key of the store that counts the others that are there."""
END = -1

Item = TypeVar("Item")


class RankLost(RuntimeError):
    """A process that tuned with this one has died."""


class Order(NamedTuple):
    """What rank 0 says before each step."""

    step: int
    """The step to take; END for none."""
    steps: int
    """The steps of the tuning, on which the learning rate depends."""


NONE = Order(END, 0)


class Ranks:
    """The ranks, seen from one of them. By default there is one."""

    def __init__(self, rank: int = 0, count: int = 1, control: Any = None) -> None:
        """`control` is the process group in which orders are given."""
        self.rank = rank
        self.count = count
        self._control = control

    @property
    def leads(self) -> bool:
        """Whether this process decides."""
        return self.rank == 0

    def share(self, batch: Sequence[Item]) -> Sequence[Item]:
        """This rank's part of a batch."""
        return batch[self.rank :: self.count]

    def joined(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network, whose gradients are averaged over the ranks. All ranks get the weights of rank 0."""
        if self.count == 1:
            return network
        # The tokens' pooler and the like have no part in the loss.
        return DistributedDataParallel(network, forward_sync_buffers=False, find_unused_parameters=True)

    def alone(self, joined: torch.nn.Module) -> AbstractContextManager[Any]:
        """Within the context gradients are summed in this rank only."""
        return joined.no_sync() if isinstance(joined, DistributedDataParallel) else nullcontext()

    def total(self, loss: float) -> float:
        """The sum of a number over all ranks."""
        if self.count == 1:
            return loss
        summed = torch.tensor(loss, dtype=torch.float64)
        dist.all_reduce(summed, group=self._control)
        return float(summed)

    def order(self, order: Order = NONE) -> Order:
        """Rank 0 gives an order; the others hear it."""
        if self.count == 1:
            return order
        told = torch.tensor(order)
        dist.broadcast(told, src=0, group=self._control)
        return Order(*map(int, told))

    def given(self, state: dict[str, Any]) -> dict[str, Any]:
        """What rank 0 passes, on all ranks."""
        passed = [state]
        dist.broadcast_object_list(passed, src=0, group=self._control)
        return passed[0]


ALONE = Ranks()


class Follower(Protocol):
    """What another rank does. It is pickled into that rank's process."""

    def __call__(self, ranks: Ranks, device: torch.device) -> None:
        """Tune with the others, on this rank's device, until rank 0 says END."""
        ...


@dataclass(frozen=True)
class _Meeting:
    """Where and how the ranks meet."""

    count: int
    port: int
    device: str
    """The kind of the devices: cuda or cpu."""
    threads: int
    """The threads of each rank."""

    def prepare(self, rank: int) -> None:
        """Take the threads and the device of a rank."""
        torch.set_num_threads(self.threads)
        if self.device == "cuda":
            torch.cuda.set_device(rank)

    def attend(self, rank: int, store: TCPStore) -> Ranks:
        """Wait until all ranks are there. It cannot be interrupted, so all must be on their way."""
        on_gpu = self.device == "cuda"
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group(
            "nccl" if on_gpu else "gloo",
            store=store,
            rank=rank,
            world_size=self.count,
            timeout=GRADIENT_WAIT if on_gpu else LONGEST_WAIT,
        )
        return Ranks(rank, self.count, dist.new_group(backend="gloo", timeout=LONGEST_WAIT))


def how_many(wanted: int, device: torch.device, gpus: int) -> int:
    """How many processes tune on a kind of device. No two have one GPU: NCCL refuses that.

    `wanted` is 0 for one on each of the `gpus` that may be used.
    """
    return min(wanted or gpus, gpus) if device.type == "cuda" else wanted or 1


@contextmanager
def together(count: int, device: torch.device, follow: Follower) -> Iterator[Ranks]:
    """Start the other ranks, and end them behind the context. Within it this process has rank 0.

    Raises RankLost if one of them has died.
    """
    if count == 1:
        yield ALONE
        return
    threads = torch.get_num_threads()
    store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    meeting = _Meeting(count, store.port, device.type, max(1, threads // count))
    others = start_processes(  # type: ignore[no-untyped-call]
        _follow, (meeting, follow), nprocs=count - 1, join=False, daemon=True, start_method="spawn"
    )
    try:
        meeting.prepare(0)
        while store.add(ARRIVED, 0) < len(others.processes):
            _find_death(others, ARRIVAL_SECONDS)
        with _deaths_told(others):
            ranks = meeting.attend(0, store)
            log.info("%d processes tune together", count)
            yield ranks
    finally:
        for process in others.processes:
            process.kill()
            process.join()
        if dist.is_initialized():
            dist.destroy_process_group()
        torch.set_num_threads(threads)


@contextmanager
def _deaths_told(others: ProcessContext) -> Iterator[None]:
    """Raise RankLost where an exchange failed because another rank has died."""
    try:
        yield
    except RuntimeError:
        _find_death(others, REAPED_SECONDS)
        raise


def _find_death(others: ProcessContext, seconds: float) -> None:
    """Wait so long for a death of another rank. Raises RankLost, with the failed exchange as its context."""
    try:
        others.join(timeout=seconds, grace_period=REAPED_SECONDS)
    except (ProcessRaisedException, ProcessExitedException) as death:
        raise RankLost(
            "A process that tuned the model together with this one has died (out of memory, or killed). Nothing was "
            f"published. A restart of the run goes on from the last checkpoint. ({death})"
        ) from death


def _follow(index: int, meeting: _Meeting, follow: Follower) -> None:
    """The main function of another rank."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, signal.SIG_IGN)  # rank 0 hears them, and says when to end
    rank = index + 1
    meeting.prepare(rank)
    store = TCPStore(HOST, meeting.port, is_master=False)
    store.add(ARRIVED, 1)
    ranks = meeting.attend(rank, store)
    follow(ranks, torch.device("cuda", rank) if meeting.device == "cuda" else torch.device(meeting.device))
    dist.destroy_process_group()
