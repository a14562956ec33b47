import torch

from headpursuit.pursuit import closeness, mean_row, nearest


def clustered(n_each=6, d_model=24, common=5.0):
    """Three clusters of rows around directions of their own, on top of a large common part."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.linalg.qr(torch.randn(d_model, 4, generator=generator)).Q.T
    rows = centres[1:].repeat_interleave(n_each, 0) + 0.1 * torch.randn(3 * n_each, d_model, generator=generator)
    return rows + common * centres[0]


def test_rows_of_the_same_cluster_are_nearest_whatever_all_have_in_common():
    rows = clustered()
    scores = closeness(rows, mean_row(rows), torch.tensor([0, 1, 2]))
    order = scores.argsort(descending=True).tolist()
    assert set(order[:6]) == set(range(6))
    assert min(scores[:6]) > 0.8
    assert max(scores[6:]) < 0


def test_closeness_is_the_cosine_with_the_mean_direction():
    rows = torch.randn(5000, 8, generator=torch.Generator().manual_seed(1))
    chosen = torch.tensor([3, 4500, 70])
    centred = rows.double() - rows.double().mean(0)
    units = centred / centred.norm(dim=1, keepdim=True)
    expected = torch.nn.functional.cosine_similarity(centred, units[chosen].mean(0)[None])
    torch.testing.assert_close(closeness(rows, mean_row(rows), chosen).double(), expected, atol=1e-5, rtol=1e-4)


def test_a_row_that_is_the_mean_is_near_to_nothing():
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    assert closeness(rows, mean_row(rows), torch.tensor([0])).tolist() == [1.0, -1.0, 0.0]


def test_half_precision_rows_are_read_as_float32():
    rows = clustered()
    exact, rounded = (closeness(r, mean_row(r), torch.tensor([7, 8])) for r in (rows, rows.bfloat16()))
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, atol=0.05, rtol=0)


def test_the_nearest_of_the_chosen_rows():
    rows = clustered()
    found = nearest(rows, mean_row(rows), torch.tensor([15, 2, 9]), torch.tensor([0, 8, 17]))
    assert found.tolist() == [2, 9, 15]
