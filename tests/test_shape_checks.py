"""The test run refuses arguments, results and fields that are not what signatures say."""

from dataclasses import dataclass

import pytest
import torch
from jaxtyping import Float, TypeCheckError
from shape_checks import checked
from torch import Tensor

from headpursuit.pursuit import Moments


@checked(typechecker=None)
def product(a: Float[Tensor, "n m"], b: Float[Tensor, "m k"], wrong: bool = False) -> Float[Tensor, "n k"]:
    return (a @ b)[:, :1] if wrong else a @ b


@checked(typechecker=None)
def named(count: int) -> str:
    return count if count < 0 else str(count)


@checked(typechecker=None)
@dataclass
class Pair:
    left: Float[Tensor, " n"]
    right: list[Float[Tensor, " n"]]


@checked(typechecker=None)
def each(shape: int) -> Tensor:
    @checked(typechecker=None)
    def within(row: Float[Tensor, "3"]) -> Tensor:
        return row

    return within(torch.zeros(shape))


def test_what_fits_passes():
    assert product(torch.ones(2, 3), torch.ones(3, 4)).shape == (2, 4)
    assert named(3) == "3"
    assert len(Pair(torch.ones(2), [torch.ones(2)]).right) == 1
    assert each(3).shape == (3,)
    assert Moments.of(torch.randn(5, 2, 3)).count == 5


@pytest.mark.parametrize(
    "call",
    [
        lambda: product(torch.ones(2, 3), torch.ones(4, 4)),
        lambda: product(torch.ones(3), torch.ones(3, 4)),
        lambda: product(torch.ones(2, 3).long(), torch.ones(3, 4)),
        lambda: product(torch.ones(2, 3), torch.ones(3, 4), wrong=True),
        lambda: named("3"),
        lambda: named(-1),
        lambda: Pair(torch.ones(2), [torch.ones(3)]),
        lambda: each(4),
        lambda: Moments.of(torch.randn(5)),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(TypeCheckError):
        call()


def test_users_run_it_without(as_users_run_it):
    assert named(-1) == -1
    assert product(torch.ones(2, 3), torch.ones(3, 4), wrong=True).shape == (2, 1)
