"""A sound algorithm of another style: all the data."""

from dataclasses import dataclass

from bench import Algorithm, StepInfo, option


@dataclass(frozen=True)
class Settings:
    """Options."""

    learning_rate: float = option(0.05, "step size", above=0)
    batch_size: str = option("all", "datapoints in an update")


class Mine(Algorithm):
    Options = Settings

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch):
        bound = self.model.elbo(batch.x, self.generator).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
