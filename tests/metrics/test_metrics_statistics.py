"""Mean and covariance, however the features arrive, and the files that hold them."""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.metrics.score import NonFiniteSamples, ProtocolMismatch
from minigan.metrics.statistics import BLOCK, Origin, Statistics, checked

ORIGIN = Origin("lenet:3fa9", "pixels", "mnist/test", "0123456789abcdef", True)


def draw(n: int, d: int, offset: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + offset


def check(statistics: Statistics, features: np.ndarray, rtol: float = 1e-12) -> None:
    """Equal to NumPy's own mean and covariance, up to `rtol` of the largest entry."""
    mean, covariance = features.mean(axis=0), np.cov(features, rowvar=False)
    assert statistics.n == len(features)
    np.testing.assert_allclose(statistics.mean, mean, rtol=0, atol=rtol * np.abs(mean).max())
    np.testing.assert_allclose(statistics.covariance, covariance, rtol=0, atol=rtol * np.abs(covariance).max())


def test_a_worked_example() -> None:
    statistics = Statistics.of(np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]]))
    assert (statistics.n, statistics.d) == (3, 2)
    np.testing.assert_allclose(statistics.mean, [1, 1])
    np.testing.assert_allclose(statistics.covariance, [[1, 0], [0, 3]], atol=1e-15)


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("bounds", [(), (1,), (1, 2, 3), (17, 18, 100), tuple(range(1, 200))])
def test_any_split_gives_what_all_at_once_gives(bounds: tuple[int, ...], offset: float) -> None:
    features = draw(200, 5, offset)
    statistics = Statistics(5)
    for start, stop in itertools.pairwise((0, *bounds, 200)):
        statistics.update(features[start:stop])
    check(statistics, features)
    assert (statistics.covariance == statistics.covariance.T).all()


def test_more_rows_than_a_block_are_all_counted() -> None:
    features = draw(2 * BLOCK + 7, 2, 3.0)
    check(Statistics.of(features), features)


def test_float32_features_are_summed_in_float64() -> None:
    features = (draw(1000, 4) + 100).astype(np.float32)
    check(Statistics.of(features), features.astype(np.float64))


def test_integer_features_are_numbers_too() -> None:
    features = np.random.default_rng(0).integers(0, 256, (50, 3), np.uint8)
    check(Statistics.of(features), features.astype(np.float64))


def test_merging_in_any_order_gives_what_all_at_once_gives_and_changes_no_part() -> None:
    features = draw(60, 4, 10.0)
    parts = [Statistics.of(block, ORIGIN) for block in np.split(features, [1, 20])]
    for a, b, c in itertools.permutations(parts):
        check(a.merge(b).merge(c), features)
        check(a.merge(b.merge(c)), features)
    assert [part.n for part in parts] == [1, 19, 40]
    assert parts[0].merge(parts[1]).origin == ORIGIN


def test_merging_with_nothing_changes_nothing() -> None:
    features = draw(10, 3)
    check(Statistics.of(features).merge(Statistics(3)), features)
    assert Statistics(3).merge(Statistics(3)).n == 0


def test_statistics_of_different_origin_do_not_merge() -> None:
    with pytest.raises(ProtocolMismatch, match=r"(?s)different origin.*lenet.*unknown"):
        Statistics.of(draw(9, 3), ORIGIN).merge(Statistics.of(draw(9, 3)))


def test_statistics_of_different_size_do_not_merge() -> None:
    with pytest.raises(ValueError, match="expected statistics of 3 features to merge, got 4"):
        Statistics.of(draw(9, 3)).merge(Statistics.of(draw(9, 4)))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_samples_have_no_covariance(n: int) -> None:
    statistics = Statistics(3)
    for row in draw(n, 3):
        statistics.update(row[np.newaxis])
    with pytest.raises(ValueError, match=f"at least 2 samples, these statistics have {n}"):
        _ = statistics.covariance


def test_a_bad_block_adds_nothing() -> None:
    features = draw(2 * BLOCK, 2)
    statistics = Statistics.of(features)
    broken = features.copy()
    broken[-3:-1, 1] = np.nan
    with pytest.raises(NonFiniteSamples, match=f"2 of {2 * BLOCK} rows hold NaN .* first row {2 * BLOCK - 3}"):
        statistics.update(broken)
    check(statistics, features)


def test_features_too_large_for_float64_are_refused() -> None:
    with np.errstate(all="ignore"):
        statistics = Statistics.of(np.array([[1e200, 0], [-1e200, 0]]))
    with pytest.raises(NonFiniteSamples, match="too large"):
        _ = statistics.covariance


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], None, np.array([["a"]]), np.array([[True]]), np.array([[1j]])])
def test_what_is_not_an_array_of_real_numbers_is_refused(rows: Any) -> None:
    with pytest.raises(TypeError, match="things: expected an array of real numbers, got"):
        checked(rows, "things")


@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 0), (2, 2, 2), (4, 2)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"features: expected shape \(N, d\) with N at least 1 and d = 3, got \("):
        Statistics(3).update(np.ones(shape))


def test_features_on_a_gpu_are_summed_there() -> None:
    features = draw(20, 3)
    statistics = Statistics.of(strict.to_device(features.astype(np.float32)))
    check(statistics, features.astype(np.float32).astype(np.float64))
    assert isinstance(statistics.covariance, np.ndarray)


def test_an_origin_names_its_data_set_with_the_digest_where_known() -> None:
    assert ORIGIN.reference == "mnist/test:0123456789ab"
    assert Origin(dataset="mnist/test").reference == "mnist/test"


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    saved = Statistics.of(draw(30, 4), ORIGIN)
    saved.save(tmp_path / "a.npz")
    loaded = Statistics.load(tmp_path / "a.npz")
    assert (loaded.n, loaded.origin) == (30, ORIGIN)
    np.testing.assert_array_equal(loaded.mean, saved.mean)
    np.testing.assert_allclose(loaded.covariance, saved.covariance, rtol=1e-15)


def test_loaded_statistics_can_be_added_to(tmp_path: Path) -> None:
    features = draw(30, 4)
    Statistics.of(features[:10]).save(tmp_path / "a.npz")
    loaded = Statistics.load(tmp_path / "a.npz")
    loaded.update(features[10:])
    check(loaded, features)


def test_other_tools_find_mu_and_sigma_in_the_file(tmp_path: Path) -> None:
    features = draw(30, 4)
    Statistics.of(features, ORIGIN).save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert file["mu"].dtype == file["sigma"].dtype == np.float64
        np.testing.assert_allclose(file["mu"], features.mean(axis=0))
        np.testing.assert_allclose(file["sigma"], np.cov(features, rowvar=False))
        assert {name: file[name].item() for name in file.files if file[name].ndim == 0} == {
            "n": 30,
            "ddof": 1,
            "extractor": "lenet:3fa9",
            "variant": "pixels",
            "dataset": "mnist/test",
            "sha256": "0123456789abcdef",
            "quantised": True,
        }


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_a_file_of_other_tools_loads_with_everything_else_unknown(tmp_path: Path, writer: Any) -> None:
    mean, covariance = np.array([1.0, 2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])
    writer(tmp_path / "a.npz", mu=mean, sigma=covariance, activations=np.zeros(3))
    loaded = Statistics.load(tmp_path / "a.npz")
    assert (loaded.n, loaded.origin) == (None, Origin())
    np.testing.assert_array_equal(loaded.mean, mean)
    np.testing.assert_array_equal(loaded.covariance, covariance)
    loaded.save(tmp_path / "b.npz")
    assert Statistics.load(tmp_path / "b.npz").n is None


def test_to_statistics_of_unknown_n_nothing_can_be_added() -> None:
    unknown = Statistics.of_moments(np.zeros(2), np.eye(2))
    for add in (lambda: unknown.update(np.ones((3, 2))), lambda: unknown.merge(unknown)):
        with pytest.raises(ValueError, match="unknown how many samples"):
            add()
    np.testing.assert_array_equal(unknown.covariance, np.eye(2))


def test_statistics_without_a_covariance_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 2 samples"):
        Statistics.of(np.ones((1, 2))).save(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Statistics.of(draw(30, 4)).save(tmp_path / "a.npz")
    before = (tmp_path / "a.npz").read_bytes()

    def half(file: Any, **arrays: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(KeyboardInterrupt):
        Statistics.of(draw(9, 4)).save(tmp_path / "a.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    assert (tmp_path / "a.npz").read_bytes() == before


GOOD: dict[str, Any] = {"mu": np.zeros(2), "sigma": np.eye(2), "n": 5, "ddof": 1}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mu": None}, "mu is missing"),
        ({"mu": None, "sigma": None}, "mu is missing; sigma is missing"),
        ({"mu": np.zeros((2, 1))}, r"mu .* of shape \(d,\) .* got float64 \(2, 1\)"),
        ({"mu": np.zeros(0), "sigma": np.zeros((0, 0))}, r"square matrix.*\(0, 0\)"),
        ({"mu": np.zeros(3)}, r"float64 \(3,\) and float64 \(2, 2\)"),
        ({"mu": np.array(["a", "b"])}, "real numbers mu .* got <U1"),
        ({"sigma": np.zeros(2)}, r"float64 \(2,\) and float64 \(2,\)"),
        ({"sigma": np.eye(2) * 1j}, "sigma .*real numbers.*complex128"),
        ({"sigma": np.array([[1, 0.5], [0.4, 1]])}, "sigma .* must be symmetric.*differ by 0.1"),
        ({"sigma": np.diag([1.0, -0.5])}, "negative variance, -0.5"),
        ({"n": 1}, "at least 2 samples, got n = 1"),
        ({"n": 2.5}, r"n is float64 of shape \(\), expected one integer"),
        ({"n": np.array([5])}, r"n is int64 of shape \(1,\), expected one integer"),
        ({"ddof": 0}, "ddof is 0, expected 1: sigma must be divided by n - 1"),
        ({"extractor": 3, "quantised": "yes"}, "extractor is int64 .* one text; quantised is <U3 .* one truth value"),
    ],
)
def test_a_file_with_a_defect_is_refused_with_its_path(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    arrays = {name: value for name, value in (GOOD | changes).items() if value is not None}
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=rf"(?s)bad\.npz: .*{words}"):
        Statistics.load(tmp_path / "bad.npz")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["mu", "sigma"])
def test_a_file_with_a_value_that_is_not_finite_is_refused_with_its_path(
    tmp_path: Path, name: str, value: float
) -> None:
    np.savez(tmp_path / "bad.npz", **GOOD | {name: GOOD[name] + value})
    with pytest.raises(NonFiniteSamples, match=rf"bad\.npz: .*{name}"):
        Statistics.load(tmp_path / "bad.npz")


def test_an_asymmetry_left_by_float32_is_averaged_away(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mu=np.zeros(2, np.float32), sigma=np.array([[1, 0.5], [0.5 + 1e-7, 1]]))
    loaded = Statistics.load(tmp_path / "a.npz")
    assert loaded.mean.dtype == loaded.covariance.dtype == np.float64
    assert (loaded.covariance == loaded.covariance.T).all()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x80\x04cos\nsystem\n."])
def test_a_file_of_another_kind_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz: not a statistics file.*not an .npz archive"):
        Statistics.load(tmp_path / "a.npz")


def test_a_file_with_pickled_objects_is_refused_and_they_stay_asleep(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "a.npz", mu=np.array([Trap()], object), sigma=np.eye(1))
    with pytest.raises(ValueError, match=r"a\.npz: not a statistics file, or a damaged one"):
        Statistics.load(tmp_path / "a.npz")
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_file_is_refused_with_its_path(tmp_path: Path) -> None:
    Statistics.of(draw(30, 8)).save(tmp_path / "a.npz")
    content = bytearray((tmp_path / "a.npz").read_bytes())
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        start = archive.getinfo("sigma.npy").header_offset
    content[start + 300] ^= 1
    for broken in (bytes(content), bytes(content[:-40])):
        (tmp_path / "a.npz").write_bytes(broken)
        with pytest.raises(ValueError, match=r"a\.npz: not a statistics file, or a damaged one"):
            Statistics.load(tmp_path / "a.npz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.npz"):
        Statistics.load(tmp_path / "absent.npz")
