"""Workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from click import unstyle

from bench.errors import OptionError
from bench.execution.backend import Workers
from bench.execution.remote.backend import RemoteOptions
from bench.execution.remote.engine import MessagingBackend
from bench.execution.remote.messages import Answer, Message, Signal
from bench.execution.remote.payload import Payload
from bench.execution.remote.ray_broker import MessageBroker, RayChannel, work
from bench.execution.remote.ray_cluster import join, leave, ray, shortage
from bench.options import option

END_SECONDS = 0.5  # for a call to finish after its last message, since cancelling it would end its process
NOT_INSTALLED = "No module named 'bench'"
LOST_NODES = 3  # at most for one task


@dataclass(frozen=True)
class RayOptions(RemoteOptions):
    """Options of the back end."""

    address: str = option("", "of the cluster: auto, or HOST:6379; a new one on this machine if it is empty")
    gpus: float = option(
        0.0,
        "GPUs that Ray reserves for each trial; at 0 it counts CPUs, and trials wait for a GPU of their node",
        minimum=0,
    )


class Ray(MessagingBackend):
    """Workers of a Ray cluster: one trial per CPU that Ray counts, each in a process of its own.

    The machines need ``bench`` and no common disk.  Nodes may join and leave: a trial whose node is lost goes on from
    its last checkpoint on another.  If this command is killed, Ray ends its trials, and the same command goes on from
    the checkpoints that it has received.

    Source: https://docs.ray.io/en/latest/ray-core/walkthrough.html
    """

    Options = RayOptions
    _has_joined = False

    def connect(self) -> None:
        """See `RemoteBackend.connect`."""
        self._has_joined = join(self.options.address)  # otherwise the caller has joined, and decides when to leave

    def open(self, root: Path, workers: Workers) -> None:
        """See `MessagingBackend.open`: no other nodes join a Ray instance started on this machine."""
        self.needs = {"CPU": workers.threads, "GPU": self.options.gpus}
        if not self.options.address and (lack := shortage(self.needs)):
            raise OptionError(f"{lack[0].upper()}{lack[1:]}.")
        here = ray().util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray().get_runtime_context().get_node_id(), soft=False
        )
        broker = ray().remote(num_cpus=0, scheduling_strategy=here)(MessageBroker)  # not on a node that may be lost
        self.broker = broker.remote()
        self.channel = RayChannel(self.broker)
        self.calls: dict[str, object] = {}  # Ray's references, by the keys of their tasks

    def submit(self, name: str, payload: Payload) -> None:
        """See `MessagingBackend.submit`."""
        task = ray().remote(num_cpus=self.needs["CPU"], num_gpus=self.needs["GPU"], max_retries=LOST_NODES)(work)
        self.calls[name] = task.options(name=f"bench {name}").remote(payload, self.channel)

    def receive(self, timeout: float) -> Sequence[Message]:
        """See `MessagingBackend.receive`."""
        try:
            messages: Sequence[Message] = ray().get(self.broker.receive.remote(timeout))
        except ray().exceptions.RayError as error:
            self.abandon()
            raise OptionError(
                f"The Ray cluster does not answer any more ({_reason(error)}). The same command goes on "
                "from the checkpoints that have arrived."
            ) from error
        return messages

    def answer(self, question: str, answer: Answer) -> None:
        """See `MessagingBackend.answer`."""
        self.broker.answer.remote(question, answer)

    def lost(self) -> Sequence[tuple[str, str]]:
        """See `MessagingBackend.lost`."""
        keys = {call: key for key, call in self.calls.items()}
        ended, _ = ray().wait(list(keys), num_returns=len(keys), timeout=0) if keys else ([], [])
        lost = []
        for call in ended:
            del self.calls[keys[call]]
            try:
                ray().get(call)
            except ray().exceptions.RayError as error:
                lost.append((keys[call].partition("-")[0], f"Ray gave it up: {_reason(error)}"))
        return lost

    def give(self, signal: Signal) -> None:
        """See `MessagingBackend.give`."""
        self.broker.give.remote(signal)

    def shortage(self) -> str:
        """See `MessagingBackend.shortage`."""
        return shortage(self.needs)

    def close(self) -> None:
        """See `MessagingBackend.close`."""
        calls = list(self.calls.values())
        _, left = ray().wait(calls, num_returns=len(calls), timeout=END_SECONDS) if calls else ([], [])
        for call in left:
            ray().cancel(call, force=True)
        ray().kill(self.broker)

    def disconnect(self) -> None:
        """See `RemoteBackend.disconnect`."""
        if self._has_joined:
            self._has_joined = False
            leave()


def _reason(error: Exception) -> str:
    r"""Return the first line of Ray's message, or the last line of a traceback, which says more, if a task raised.

    >>> _reason(RuntimeError("The actor died.\nMore."))
    'The actor died.'
    >>> _reason(RuntimeError("It died in \x1b[36mray::Broker.__init__()\x1b[39m\n...\nOSError: No space left"))
    'OSError: No space left'
    >>> _reason(RuntimeError("ray::work() (pid=1)\n...\nModuleNotFoundError: No module named 'bench'"))
    "ModuleNotFoundError: No module named 'bench': install aevb-bench on all its machines"
    """
    text = unstyle(str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    reason = lines[-1 if "ray::" in lines[0] else 0]
    return f"{reason}: install aevb-bench on all its machines" if NOT_INSTALLED in text else reason
