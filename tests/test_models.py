"""Models by name: their sizes counted by hand, their shapes, and the numbers they start with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minigan import models, objectives
from minigan.layers import (
    Autoencoder,
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Covariance,
    Layer,
    LayerNorm,
    Linear,
    Network,
    SpectralNorm,
    autoencoder,
)
from minigan.models import Critic, Model, count, critic
from minigan.objectives import ebgan
from minigan.random import Streams

# Linear: in · out + out. Convolution: k · k · in · out (+ out). Batch norm: 2 · channels.
# Layer norm: 2 · H · W · channels.
MLP_G = 100 * 256 + 256 + 256 * 512 + 512 + 512 * 1024 + 1024 + 1024 * 784 + 784
MLP_D = 784 * 1024 + 1024 + 1024 * 512 + 512 + 512 * 256 + 256 + 256 + 1
DCGAN_G = 100 * 6272 + 2 * 128 + 16 * 128 * 64 + 2 * 64 + 16 * 64 + 1
DCGAN_D = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 6272 + 1
HALF_DCGAN_D = 16 * 32 + 32 + 16 * 32 * 64 + 2 * 64 + 3136 + 1
INFOGAN_G = 100 * 1024 + 2 * 1024 + 1024 * 6272 + 2 * 6272 + 16 * 128 * 64 + 2 * 64 + 16 * 64 + 1
INFOGAN_D = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 6272 * 1024 + 2 * 1024 + 1024 + 1
UP64 = 16 * (512 * 256 + 256 * 128 + 128 * 64) + 2 * (512 + 256 + 128 + 64)
DCGAN64_G = 100 * 8192 + UP64 + 16 * 64 * 3 + 3
DCGAN64_D = 16 * 3 * 64 + 64 + UP64 - 2 * 64 + 8192 + 1
GMMN_G = 10 * 64 + 64 + 64 * 256 + 256 + 256 * 256 + 256 + 256 * 1024 + 1024 + 1024 * 784 + 784
POINTS_G = 2 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2
POINTS_D = 2 * 128 + 128 + 128 * 128 + 128 + 128 + 1

COUNTS: list[tuple[str, dict[str, Any], int, int]] = [
    ("mlp", {}, MLP_G, MLP_D),
    ("mlp", {"sample_shape": (8, 8, 1), "z_dim": 10}, MLP_G - 90 * 256 - 1025 * 720, MLP_D - 720 * 1024),
    ("dcgan", {}, DCGAN_G, DCGAN_D),
    ("dcgan", {"critic_norm": "layer"}, DCGAN_G, DCGAN_D + 2 * (6272 - 128)),
    ("dcgan", {"critic_norm": None}, DCGAN_G, DCGAN_D - 2 * 128 + 128),
    ("dcgan", {"width": 0.5, "z_dim": 10}, 10 * 3136 + 128 + 16 * 64 * 32 + 64 + 16 * 32 + 1, HALF_DCGAN_D),
    ("dcgan", {"sample_shape": (32, 32, 3)}, DCGAN_G + 100 * 1920 + 32 * 64 + 2, DCGAN_D + 32 * 64 + 1920),
    ("infogan", {}, INFOGAN_G, INFOGAN_D),
    ("infogan", {"hidden": 1}, INFOGAN_G - 1023 * (100 + 2 + 6272), INFOGAN_D - 1023 * (6272 + 2 + 1)),
    ("infogan", {"critic_norm": None}, INFOGAN_G, INFOGAN_D - 128 - 1024),
    ("dcgan64", {}, DCGAN64_G, DCGAN64_D),
    ("dcgan64", {"width": 1 / 64}, 100 * 128 + 16 * 42 + 2 * 15 + 48 + 3, 48 + 1 + 16 * 42 + 2 * 14 + 128 + 1),
    ("gmmn", {}, GMMN_G, 784 * 1024 + 1024 + 1024 + 1),
    ("gmmn", {"z_dim": 3}, GMMN_G - 7 * 64, 784 * 1024 + 1024 + 1024 + 1),
    ("points", {}, POINTS_G, POINTS_D),
    ("points", {"hidden": 1, "z_dim": 3}, 3 + 1 + 1 + 1 + 2 + 2, 2 + 1 + 1 + 1 + 1 + 1),
]
# D's that give something else than a score: what stands in place of the last layer, and the way back to a sample.
POINTS_TRUNK = POINTS_D - 128 - 1
DCGAN_TRUNK = DCGAN_D - 6272 - 1
# The generator's stairs from 5 codes: normalised as D is, so that without a norm there are biases in the norms' places.
DCGAN_UP = 5 * 6272 + 2 * 128 + 16 * 128 * 64 + 2 * 64 + 16 * 64 + 1
DCGAN_BARE = 5 * 6272 + 6272 + 16 * 128 * 64 + 64 + 16 * 64 + 1
THIN_TRUNK = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 6272 * 8 + 2 * 8  # infogan with 8 hidden units
THIN_UP = 5 * 8 + 2 * 8 + 8 * 6272 + 2 * 6272 + 16 * 128 * 64 + 2 * 64 + 16 * 64 + 1
CODES_G = 64 + 64 * 256 + 256 + 256 * 256 + 256 + 256 * 1024 + 1024 + 1024 * 5 + 5  # and z · 64
CRITICS: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
    ("points", {}, {"output": "features", "features": 5}, POINTS_TRUNK + 128 * 5 + 5),
    ("points", {}, {"output": "mean", "features": 5}, POINTS_TRUNK + 128 * 5 + 5 + 5),
    ("points", {}, {"output": "covariance", "features": 5, "rank": 2}, POINTS_TRUNK + 128 * 5 + 5 + 2 * 5 * 2),
    ("points", {}, {"output": "autoencoder", "features": 5}, POINTS_TRUNK + 128 * 5 + 5 + POINTS_G + 3 * 128),
    ("points", {}, {"output": "samples"}, 0),
    ("points", {}, {"output": "codes", "features": 5}, 0),
    ("points", {}, {"spectral_norm": True}, POINTS_D),
    ("mlp", {}, {"output": "features", "features": 5}, MLP_D - 257 + 256 * 5 + 5),
    ("mlp", {}, {"output": "autoencoder", "features": 5}, 2 * 784 * 512 + 512 + 512 * 5 + 5 + 5 * 512 + 512 + 784),
    ("gmmn", {}, {"output": "codes", "features": 5}, 0),
    ("dcgan", {}, {"output": "mean", "features": 5}, DCGAN_TRUNK + 6272 * 5 + 5 + 5),
    ("dcgan", {}, {"output": "autoencoder", "features": 5}, DCGAN_TRUNK + 6272 * 5 + 5 + DCGAN_UP),
    (
        "dcgan",
        {"critic_norm": None},
        {"output": "autoencoder", "features": 5},
        DCGAN_TRUNK - 2 * 128 + 128 + 6272 * 5 + 5 + DCGAN_BARE,
    ),
    ("dcgan", {}, {"spectral_norm": True}, DCGAN_D - 2 * 128 + 128),
    ("infogan", {"hidden": 8}, {"output": "autoencoder", "features": 5}, THIN_TRUNK + 8 * 5 + 5 + THIN_UP),
    ("infogan", {"hidden": 8}, {"output": "covariance", "features": 5, "rank": 1}, THIN_TRUNK + 8 * 5 + 5 + 10),
    ("infogan", {"hidden": 8}, {"spectral_norm": True}, THIN_TRUNK - 128 - 8 + 8 + 1),
    ("dcgan64", {"width": 1 / 64}, {"output": "features", "features": 5}, 48 + 1 + 16 * 42 + 2 * 14 + 128 * 5 + 5),
]
OUTPUTS = ["score", "features", "mean", "covariance", "autoencoder", "samples", "codes"]
SMALL: dict[str, dict[str, Any]] = {  # of every model, quick to compute with
    "mlp": {"sample_shape": (8, 4, 3)},
    "dcgan": {"width": 0.1, "sample_shape": (8, 4, 3)},
    "infogan": {"width": 0.1, "sample_shape": (8, 4, 3)},
    "dcgan64": {"width": 0.05},
    "gmmn": {"sample_shape": (8, 4, 3)},
    "points": {},
}


def test_models_and_objectives_name_the_same_outputs_and_energies() -> None:
    assert objectives.OUTPUTS is critic.OUTPUTS
    assert set(OUTPUTS) == set(critic.OUTPUTS)
    assert set(autoencoder.ENERGIES) == set(ebgan.ENERGIES)


def get(name: str, seed: int = 0, **choices: Any) -> Model:
    return models.get(name, Streams(seed), **choices)


def test_every_model_is_counted_and_has_a_small_form() -> None:
    assert models.names() == ["mlp", "dcgan", "infogan", "dcgan64", "gmmn", "points"]
    assert {name for name, *_ in COUNTS} == set(SMALL) == set(models.names())


@pytest.mark.parametrize(("name", "choices", "in_g", "in_d"), COUNTS, ids=str)
def test_parameters_are_as_many_as_counted_by_hand(name: str, choices: dict[str, Any], in_g: int, in_d: int) -> None:
    model = get(name, **choices)
    assert (count(model.G), count(model.D)) == (in_g, in_d)


@pytest.mark.parametrize(("name", "choices", "critic", "in_d"), CRITICS, ids=str)
def test_the_parameters_of_other_critics_are_as_many_as_counted_by_hand(
    name: str, choices: dict[str, Any], critic: dict[str, Any], in_d: int
) -> None:
    model = get(name, **choices, critic=critic)
    assert count(model.D) == in_d
    codes = critic.get("output") == "codes"
    assert count(model.G) == (CODES_G + 64 * model.z_dim if codes else count(get(name, **choices).G))


AUTOENCODERS: list[tuple[str, int, int]] = [  # of codes of 5 numbers: numbers of the encoder and of the decoder
    ("points", POINTS_TRUNK + 128 * 5 + 5, POINTS_G + 3 * 128),
    ("gmmn", 784 * 1024 + 1024 + 1024 * 5 + 5, 5 * 1024 + 1024 + 1024 * 784 + 784),
]


@pytest.mark.parametrize(("name", "in_encoder", "in_decoder"), AUTOENCODERS)
def test_the_parameters_of_the_autoencoder_of_codes_are_as_many_as_counted_by_hand(
    name: str, in_encoder: int, in_decoder: int
) -> None:
    model = get(name, critic={"output": "codes", "features": 5})
    assert [count(network) for network in model.autoencoder or ()] == [in_encoder, in_decoder]


def small(name: str, output: str, **choices: Any) -> Model:
    return get(name, **SMALL[name], z_dim=7, critic=Critic(output, features=5, rank=2, **choices))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("output", OUTPUTS)
def test_d_gives_what_it_is_asked_for(name: str, output: str) -> None:
    model = small(name, output)
    shape = (5,) if output == "codes" else model.sample_shape
    x = np.random.default_rng(0).standard_normal((4, *shape), dtype=np.float32)
    y, _ = model.D.forward(x)
    wide = {"features": 5, "codes": 5, "autoencoder": 6, "samples": x[0].size}.get(output, 1)
    assert (y.shape, y.dtype) == ((4, wide), np.float32)
    if output in ("samples", "codes"):
        np.testing.assert_array_equal(y, x.reshape(4, -1))
    assert (model.autoencoder is not None) == (output == "codes")
    if output == "mean":
        assert isinstance(model.D, Network) and tuple(model.D.layers[-1].params) == ("weight",)
    if output == "covariance":
        assert isinstance(model.D, Network) and isinstance(model.D.layers[-1], Covariance)
    if output == "autoencoder":
        assert isinstance(model.D, Autoencoder)
        code, _ = model.D.encoder.forward(x)
        rec, _ = model.D.decoder.forward(code)
        assert rec.shape == x.shape
        np.testing.assert_allclose(y[:, 1:], code, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(y[:, 0] ** 2, ((rec - x) ** 2).reshape(4, -1).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_where_codes_are_compared_g_makes_codes_and_the_autoencoder_leads_to_them_and_back(name: str) -> None:
    model = small(name, "codes")
    assert model.autoencoder is not None
    encoder, decoder = model.autoencoder
    numbers = np.random.default_rng(0)
    made, _ = model.G.forward(numbers.standard_normal((4, 7), dtype=np.float32))
    codes, _ = encoder.forward(numbers.standard_normal((4, *model.sample_shape), dtype=np.float32), train=False)
    for found in (made, codes):
        assert found.shape == (4, 5) and ((found > 0) & (found < 1)).all()
        np.testing.assert_array_equal(model.D.forward(found)[0], found)
        assert decoder.forward(found, train=False)[0].shape == (4, *model.sample_shape)


HEAVY = Linear | Conv2d | ConvTranspose2d


def parts(D: Any) -> list[Any]:
    """The networks that D is made of."""
    return [D.encoder, D.decoder] if isinstance(D, Autoencoder) else [D]


@pytest.mark.parametrize("output", ["score", "features", "mean", "covariance", "autoencoder"])
@pytest.mark.parametrize("name", SMALL)
def test_spectral_norm_is_around_every_weight_and_instead_of_any_other_norm(name: str, output: str) -> None:
    model, plain = small(name, output, spectral_norm=True), small(name, output)
    for wrapped, bare in zip(parts(model.D), parts(plain.D), strict=True):
        layers = [layer for layer in bare.layers if not isinstance(layer, BatchNorm | LayerNorm)]
        assert len(wrapped.layers) == len(layers)
        for layer, same in zip(wrapped.layers, layers, strict=True):
            if isinstance(same, HEAVY):
                assert isinstance(layer, SpectralNorm) and type(layer.layer) is type(same)
            else:
                assert type(layer) is type(same)
    assert not any(isinstance(layer, SpectralNorm) for layer in model.G.layers)
    assert {type(layer) for layer in model.G.layers} == {type(layer) for layer in plain.G.layers}


def test_a_linear_critic_under_spectral_norm_is_1_lipschitz() -> None:
    D = small("points", "score", spectral_norm=True).D
    x = np.random.default_rng(0).standard_normal((200, 2), dtype=np.float32)
    for _ in range(200):
        y, _ = D.forward(x)
    distances = np.linalg.norm(x[:, None] - x[None], axis=2)
    assert (np.abs(y - y.T) <= 1.001 * distances + 1e-6).all()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("train", [True, False])
def test_g_generates_samples_in_range_and_d_scores_them(name: str, train: bool) -> None:
    model = get(name, **SMALL[name], z_dim=7)
    z = np.random.default_rng(0).standard_normal((5, 7), dtype=np.float32)
    fake, _ = model.G.forward(z, train)
    score, _ = model.D.forward(fake, train)
    assert (model.name, model.z_dim) == (name, 7)
    assert (fake.shape, fake.dtype) == ((5, *model.sample_shape), np.float32)
    assert (score.shape, score.dtype) == ((5, 1), np.float32)
    assert name == "points" or np.abs(fake).max() <= 1


def test_the_samples_have_their_own_shapes_by_default() -> None:
    assert {name: get(name).sample_shape for name in models.names()} == {
        **dict.fromkeys(("mlp", "dcgan", "infogan", "gmmn"), (28, 28, 1)),
        "dcgan64": (64, 64, 3),
        "points": (2,),
    }


def networks(model: Model) -> list[Any]:
    return [model.G, model.D]


def arrays(model: Model) -> list[np.ndarray]:
    return [array for network in (model.G, model.D) for _, array in network.named_params()]


@pytest.mark.parametrize("name", SMALL)
def test_one_seed_gives_one_start_and_another_seed_another(name: str) -> None:
    first, second, other = (arrays(get(name, seed, **SMALL[name])) for seed in (0, 0, 1))
    for one, same, different in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert np.array_equal(one, different) == np.isin(one, (0, 1)).all()  # biases and gains start alike
    assert all(array.dtype == np.float32 for array in first)


@pytest.mark.parametrize("name", ["dcgan", "infogan", "dcgan64"])
def test_convolutional_weights_start_with_a_deviation_of_0_02(name: str) -> None:
    model = get(name)
    for network in networks(model):
        for layer in network.layers:
            if isinstance(layer, Conv2d | ConvTranspose2d | Linear):
                n = layer.weight.size
                assert layer.weight.std() == pytest.approx(0.02, rel=5 / np.sqrt(2 * n))
                assert abs(layer.weight.mean()) < 5 * 0.02 / np.sqrt(n)


def before_norms(network: Any) -> list[Layer]:
    """For each normalisation the layer whose output it takes, over reshapes."""
    weighty = [layer for layer in network.layers if layer.params]
    return [weighty[i - 1] for i, layer in enumerate(weighty) if isinstance(layer, BatchNorm | LayerNorm)]


@pytest.mark.parametrize("critic_norm", ["batch", "layer", None])
@pytest.mark.parametrize("name", ["dcgan", "infogan", "dcgan64"])
def test_no_bias_stands_before_a_norm_and_one_everywhere_else(name: str, critic_norm: str | None) -> None:
    model = get(name, **SMALL[name], critic_norm=critic_norm)
    for network in networks(model):
        normalised = before_norms(network)
        for layer in network.layers:
            if isinstance(layer, Conv2d | ConvTranspose2d | Linear):
                assert ("bias" in layer.params) == (layer not in normalised)


@pytest.mark.parametrize("name", ["dcgan", "infogan", "dcgan64"])
def test_the_norm_of_d_is_the_one_asked_for_and_that_of_g_is_batch_norm(name: str) -> None:
    kinds = {"batch": {BatchNorm}, "layer": {LayerNorm}, None: set()}
    for critic_norm, expected in kinds.items():
        model = get(name, **SMALL[name], critic_norm=critic_norm)
        norms = [{type(layer) for layer in network.layers} & {BatchNorm, LayerNorm} for network in networks(model)]
        assert norms == [{BatchNorm}, expected]


def test_samples_of_a_critic_with_layer_norm_do_not_meet() -> None:
    D = get("infogan", **SMALL["infogan"], critic_norm="layer").D
    x = np.random.default_rng(0).standard_normal((4, 8, 4, 3), dtype=np.float32)
    together, _ = D.forward(x)
    alone = np.concatenate([D.forward(x[i : i + 1])[0] for i in range(4)])
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-6)


def test_the_summary_is_a_table_of_layers_shapes_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    model = get("dcgan")
    before = [array.copy() for _, array in (*model.G.named_buffers(), *model.D.named_buffers())]
    model.summary()
    shown = capsys.readouterr().out
    assert shown == model.table() + "\n"
    g, d = (part.splitlines() for part in shown.split("\n\n"))
    assert g[0].split() == ["dcgan:", "generator", "output", "shape", "parameters"]
    assert d[0].startswith("dcgan: discriminator")
    assert g[2].split("  ")[0] == "Linear(100, 6272)"
    assert g[2].split()[-2:] == ["(6272,)", "627,200"]
    assert g[-1].split() == ["total", f"{DCGAN_G:,}"]
    assert d[-1].split() == ["total", f"{DCGAN_D:,}"]
    assert len(g) == len(model.G.layers) + 4
    assert "(28, 28, 1)" in g[-3]
    for array, same in zip((*model.G.named_buffers(), *model.D.named_buffers()), before, strict=True):
        np.testing.assert_array_equal(array[1], same)


@pytest.mark.parametrize(
    ("output", "titles"),
    [
        ("autoencoder", ["generator", "discriminator, encoder", "discriminator, decoder"]),
        ("codes", ["generator", "frozen autoencoder, encoder", "frozen autoencoder, decoder"]),
        ("samples", ["generator", "no discriminator, samples are compared as they are"]),
    ],
)
def test_the_table_shows_every_network(output: str, titles: list[str]) -> None:
    model = small("points", output)
    tables = [part.splitlines() for part in model.table().split("\n\n")]
    assert [table[0].split("  ")[0] for table in tables] == [f"points: {title}" for title in titles]
    totals = [int(table[-1].split()[-1].replace(",", "")) for table in tables]
    of_d = sum(map(count, model.autoencoder or (model.D,)))
    assert (totals[0], sum(totals[1:])) == (count(model.G), of_d)
    if output == "samples":
        assert [line.split() for line in tables[1][2:3]] == [["Flatten()", "(2,)", "0"]]
    else:
        assert tables[1][-3].split()[-2:] == ["(5,)", "645" if output == "autoencoder" else "0"]
        assert tables[2][2].split()[-2:] == ["(128,)", "768"]
        assert tables[2][-3].split()[-2:] == ["(2,)", "258"]
    if output == "codes":
        assert tables[0][-3].split() == ["Sigmoid()", "(5,)", "0"]


def test_the_options_of_a_model_are_known_by_name() -> None:
    assert models.options("mlp") == ["sample_shape", "z_dim", "dropout", "critic"]
    assert models.options("dcgan") == ["sample_shape", "z_dim", "width", "critic_norm", "critic"]
    assert models.options("points") == ["sample_shape", "z_dim", "hidden", "critic"]
    assert models.options("gmmn") == ["sample_shape", "z_dim", "critic"]


@pytest.mark.parametrize(
    ("name", "choices", "words"),
    [
        ("cnn", {}, "unknown model 'cnn'; known are mlp, dcgan, infogan, dcgan64, gmmn, points"),
        ("mlp", {"width": 2}, r"model 'mlp' has no \['width'\]; it has sample_shape, z_dim, dropout, critic"),
        ("dcgan", {"critic_norm": "group"}, "unknown normalisation 'group'; known are 'batch', 'layer' and None"),
        ("dcgan", {"sample_shape": (27, 28, 1)}, r"H and W multiples of 4, got \(27, 28, 1\)"),
        ("infogan", {"sample_shape": (28, 28)}, r"\(H, W, C\) images .*, got \(28, 28\)"),
        ("dcgan64", {"sample_shape": (32, 32, 3)}, r"dcgan64 generates \(64, 64, C\) images, got .* \(32, 32, 3\)"),
        ("dcgan", {"width": 0}, "width must be positive, got 0"),
        ("dcgan", {"width": float("nan")}, "width must be positive"),
        ("mlp", {"dropout": 1}, r"p of Dropout, .* must be 0 or in .*, got 1"),
        ("mlp", {"z_dim": 0}, "at least one input"),
        ("points", {"critic": {"output": "logit"}}, "unknown output of D 'logit'; known are score, features, mean"),
        ("points", {"critic": {"features": 0}}, "whole numbers of at least 1, got 0, 16"),
        ("points", {"critic": {"output": "covariance", "features": 5}}, "1 <= rank <= in_features"),
        ("points", {"critic": {"output": "samples", "spectral_norm": True}}, "spectral_norm needs a D that is trained"),
        ("points", {"critic": {"output": "autoencoder", "energy": "l3"}}, "unknown energy 'l3'"),
        ("points", {"sample_shape": (28, 28, 1)}, r"points .*\(28, 28, 1\)"),
    ],
)
def test_what_a_model_does_not_know_is_refused(name: str, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        get(name, **choices)


def test_options_of_an_unknown_model_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown model 'cnn'"):
        models.options("cnn")
