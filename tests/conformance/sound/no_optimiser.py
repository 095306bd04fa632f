"""A sound algorithm of another style: no optimiser."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.rate = 0.05

    def step(self, batch):

        bound = self.model.elbo(batch.x, self.generator, 2).mean()
        parameters = [*self.model.parameters()]
        gradients = torch.autograd.grad(bound, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.add_(self.rate * gradient)
        return StepInfo(float(bound.detach()), 4 * len(batch.x))
