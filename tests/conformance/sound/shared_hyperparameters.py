"""A sound algorithm of another style: shared hyperparameters."""

from bench import Algorithm, StepInfo


class Mine(Algorithm):
    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch):
        bound = self.model.elbo_backward(batch.x, self.generator, 3)
        self.optimiser.step()
        self.optimiser.zero_grad()
        return StepInfo(bound, 6 * len(batch.x))
