"""A method in one file: make compare METHOD=examples/my_method.py"""

import torch
import torch.nn.functional as F

from lottery import method


@method("my_method", pruned_at="init")
def my_method(network, data, density, generator):
    """Magnitude times sensitivity: |theta| * |dL / dm| at a mask m of ones, on one batch."""
    x, y = data.balanced(10, generator)  # ten training images of each class
    gates = torch.ones_like(network.weights, requires_grad=True)
    loss = F.cross_entropy(network(x, gates), y)
    (gradient,) = torch.autograd.grad(loss, gates)
    return network.weights.abs() * gradient.abs()  # one score per prunable weight, higher is kept
