"""Updates of AEVB beside pyro's `SVI` and pythae's trainer: the same model, sizes, minibatches and optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, TraceMeanField_ELBO
from pyro.optim import Adagrad
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn

BATCH, RATE, UPDATES, PIXELS, HIDDEN, LATENT_SIZE = 100, 0.02, 100, 784, 500, 20


@pytest.mark.parametrize(("name", "least"), [("pyro", 1.4), ("pythae", 1.4)])
def test_updates_of_aevb(
    mnist: Callable[[str], tuple[Tensor, Tensor]],
    alternately: Callable[..., dict[str, float]],
    bench: Callable[..., Any],
    tmp_path: Any,
    name: str,
    least: float,
) -> None:
    x = mnist("binarize=none")[0][: BATCH * UPDATES]
    ours = bench(x, f"mlp[hidden={HIDDEN},init_scale=0.05]", LATENT_SIZE, UPDATES)
    theirs = {"pyro": Pyro, "pythae": Pythae}[name](x, tmp_path)
    for _ in range(2):
        bounds = ours.train(), theirs.train()
    assert bounds[0] == pytest.approx(bounds[1], rel=0.2)  # initial weights differ, which a few hundred updates show
    seconds = alternately(bench=ours.train, other=theirs.train)
    milliseconds = {side: round(1000 * value / UPDATES, 2) for side, value in seconds.items()}
    ratio = seconds["other"] / seconds["bench"]
    print(f"784-500-20 beside {name}: ms per update {milliseconds}, {ratio:.2f} times as fast")  # noqa: T201
    assert ratio >= least


class Encoder(BaseEncoder):
    """784 -> 500 -> mean and log-variance of 20."""

    def __init__(self) -> None:
        BaseEncoder.__init__(self)
        self.hidden, self.head = nn.Linear(PIXELS, HIDDEN), nn.Linear(HIDDEN, 2 * LATENT_SIZE)

    def outputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.head(torch.tanh(self.hidden(x))).chunk(2, -1)
        return mean, log_variance

    def forward(self, x: Tensor) -> ModelOutput:
        mean, log_variance = self.outputs(x.flatten(1))
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """20 -> 500 -> 784."""

    def __init__(self) -> None:
        BaseDecoder.__init__(self)
        self.hidden, self.head = nn.Linear(LATENT_SIZE, HIDDEN), nn.Linear(HIDDEN, PIXELS)

    def logits(self, z: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.hidden(z)))
        return logits

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=torch.sigmoid(self.logits(z)).unflatten(-1, (1, 28, 28)))


class Pyro:
    """As in pyro's tutorial on the VAE, with the KL divergence in closed form and logits."""

    def __init__(self, x: Tensor, _: Any) -> None:
        pyro.clear_param_store()
        pyro.enable_validation(is_validate=False)
        self.x, self.encoder, self.decoder = x, Encoder(), Decoder()
        self.svi = SVI(self.model, self.guide, Adagrad({"lr": RATE}), TraceMeanField_ELBO())

    def model(self, x: Tensor) -> None:
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", len(x)):
            zero = x.new_zeros(len(x), LATENT_SIZE)
            z = pyro.sample("z", dist.Normal(zero, torch.ones_like(zero)).to_event(1))
            pixels = dist.Bernoulli(logits=self.decoder.logits(z), validate_args=False)
            pyro.sample("x", pixels.to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", len(x)):
            mean, log_variance = self.encoder.outputs(x)
            pyro.sample("z", dist.Normal(mean, (0.5 * log_variance).exp()).to_event(1))

    def train(self) -> float:
        loss = 0.0
        for index in torch.randperm(len(self.x)).view(UPDATES, BATCH):
            loss += self.svi.step(self.x[index]) / BATCH
        return -loss / UPDATES


class Pythae:
    """An epoch of its trainer."""

    def __init__(self, x: Tensor, folder: Any) -> None:
        config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT_SIZE, reconstruction_loss="bce")
        training = BaseTrainerConfig(
            output_dir=str(folder),
            per_device_train_batch_size=BATCH,
            optimizer_cls="Adagrad",
            learning_rate=RATE,
            no_cuda=True,
        )
        images = BaseDataset(x.unflatten(-1, (1, 28, 28)), torch.zeros(len(x)))
        self.trainer = BaseTrainer(VAE(config, Encoder(), Decoder()), images, training_config=training)
        self.trainer.prepare_training()
        self.epoch = 0

    def train(self) -> float:
        self.epoch += 1
        return -float(self.trainer.train_step(self.epoch))
