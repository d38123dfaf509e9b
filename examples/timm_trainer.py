"""A ticket of a timm model, trained by the Hugging Face Trainer: python timm_trainer.py

The model is a small ResNet with random weights and the data are the bundled digits: nothing is
downloaded. It needs `pip install 'lottery-benchmarks[examples]'`.
"""

from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader, StackDataset, TensorDataset
from transformers import Trainer, TrainingArguments

import lottery
from lottery.data import load


class ForTrainer(nn.Module):
    """The Trainer wants the loss from the model, and passes a batch by name."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.model(x)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def digits() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Training and test part: pictures of shape (1, 8, 8) in 0..1, and labels."""
    parts = load("digits", Path())
    return [(part.images.permute(0, 3, 1, 2) / 255, part.labels) for part in parts]


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, epochs: int) -> None:
    arguments = TrainingArguments(
        output_dir="trainer",
        num_train_epochs=epochs,
        per_device_train_batch_size=64,
        learning_rate=2e-3,
        weight_decay=0.05,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    data = StackDataset(x=x, labels=y)
    Trainer(ForTrainer(model), arguments, train_dataset=data).train()


def pruned_that_are_not_zero(model: nn.Module, ticket: lottery.Ticket) -> int:
    """How many of the pruned weights are not zero as the layers use them."""
    keep = ticket.mask.layout.views(ticket.mask.keep)
    # "layer1.0.conv1.weight" is the masked weight, whatever the parameter below is called.
    weights = {name: model.get_submodule(name.rpartition(".")[0]).weight for name in keep}
    return sum(int(weights[name][~keep[name]].count_nonzero()) for name in keep)


def make_permanent(model: nn.Module) -> None:
    """Plain parameters again, with zeros where there was a mask."""
    for layer in model.modules():
        if hasattr(layer, "weight_orig"):
            prune.remove(layer, "weight")


def main(epochs: int = 4) -> float:
    torch.manual_seed(0)
    model = timm.create_model(
        "test_resnet", pretrained=False, in_chans=1, num_classes=10, zero_init_last=False
    )
    (x, y), (test_x, test_y) = digits()
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)

    ticket = lottery.prune(model, loader, "snip", density=0.2, epochs=epochs)
    print(ticket.mask.layout)
    ticket.apply_(model, reparametrise=True)  # masked in every pass, whatever trains it

    train(model, x, y, epochs)
    print(f"pruned weights that are not zero: {pruned_that_are_not_zero(model, ticket)}")
    make_permanent(model)
    print(f"and once permanent: {pruned_that_are_not_zero(model, ticket)}")
    ticket.save("ticket.safetensors")
    torch.save(model.state_dict(), "model.pt")

    with torch.no_grad():
        found = 100 * float((model.eval()(test_x).argmax(1) == test_y).float().mean())
    print(f"{ticket.mask.kept} of {ticket.mask.layout.total} weights: {found:.1f}% of the digits")
    return found


if __name__ == "__main__":
    main()
