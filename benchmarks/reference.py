"""The plain recipe, as PyTorch's own DCGAN example trains it (github.com/pytorch/examples, dcgan/main.py).

Same networks, initialisation, losses, optimisers and order of steps; z is normal, batch norm is in both networks,
nothing is averaged, everything is float32. The example is BSD-3-Clause: see LICENSE-PYTORCH-EXAMPLES beside this file.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy

from expressions.networks.generator import BATCH

Z_DIM = 100
WIDTH = 64


def generator() -> nn.Sequential:
    """Latents (N, 100, 1, 1) -> images (N, 3, 64, 64) in [-1, 1]."""
    layers: list[nn.Module] = [nn.ConvTranspose2d(Z_DIM, 8 * WIDTH, 4, bias=False)]
    for inputs in (8 * WIDTH, 4 * WIDTH, 2 * WIDTH, WIDTH):
        outputs = 3 if inputs == WIDTH else inputs // 2
        layers += [nn.BatchNorm2d(inputs), nn.ReLU(True), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]
    return nn.Sequential(*layers, nn.Tanh())


def discriminator() -> nn.Sequential:
    """Images (N, 3, 64, 64) -> probabilities of being real (N, 1, 1, 1)."""
    layers: list[nn.Module] = [nn.Conv2d(3, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for inputs in (WIDTH, 2 * WIDTH, 4 * WIDTH):
        layers += [
            nn.Conv2d(inputs, 2 * inputs, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * inputs),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(8 * WIDTH, 1, 4, bias=False), nn.Sigmoid())


class Reference:
    """The two networks and their optimisers: Adam, rate 2e-4, beta1 0.5."""

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        torch.manual_seed(seed)
        self.generator = generator().apply(_initialise).to(device)
        self.discriminator = discriminator().apply(_initialise).to(device)
        self.g_optimizer, self.d_optimizer = (
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (self.generator, self.discriminator)
        )

    def step(self, real: Tensor) -> None:
        """One update of each network on real images (N, 3, 64, 64) in [-1, 1]."""
        count, device = len(real), real.device
        ones, zeros = torch.ones(count, device=device), torch.zeros(count, device=device)

        # Update the discriminator: maximise log D(x) + log(1 - D(G(z))).
        self.discriminator.zero_grad()
        binary_cross_entropy(self.discriminator(real).view(-1), ones).backward()
        fake = self.generator(torch.randn(count, Z_DIM, 1, 1, device=device))
        binary_cross_entropy(self.discriminator(fake.detach()).view(-1), zeros).backward()
        self.d_optimizer.step()

        # Update the generator: maximise log D(G(z)).
        self.generator.zero_grad()
        binary_cross_entropy(self.discriminator(fake).view(-1), ones).backward()
        self.g_optimizer.step()

    @torch.no_grad()
    def generate(self, count: int, seed: int) -> Tensor:
        """Images (N, 3, 64, 64) in [-1, 1], with the batch-norm statistics of the training."""
        self.generator.eval()
        z = torch.randn(count, Z_DIM, 1, 1, generator=torch.Generator().manual_seed(seed))
        device = next(self.generator.parameters()).device
        images = torch.cat([self.generator(part) for part in z.to(device).split(BATCH)])
        self.generator.train()
        return images


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
