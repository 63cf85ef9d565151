"""PyTorch's files: read where they hold tensors, refused where they hold anything else."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import torchwriter
from support.torchwriter import Call, Storage, Tensor, legacy, zipped

from minigan.metrics.features import torchpickle
from minigan.metrics.features.torchfile import read

Container = Callable[..., bytes]
both = pytest.mark.parametrize("container", [legacy, zipped])


def numbers(n: int, dtype: str = "<f4") -> np.ndarray:
    return (np.arange(n) * 1.5 - 4).astype(dtype)


def write(folder: Path, data: bytes) -> Path:
    path = folder / "weights.pth"
    path.write_bytes(data)
    return path


def refused(folder: Path, data: bytes, reason: str) -> None:
    """`data` is refused, by its path and this reason."""
    path = write(folder, data)
    with pytest.raises(ValueError, match=reason) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: not a file of tensors")


def one(offset: Any, size: Any, stride: Any, numel: int = 12) -> dict:
    """A dict of one tensor on a storage of 12 numbers."""
    return {"a": Tensor(Storage("0", numbers(12), numel), offset, size, stride)}


@both
def test_a_state_dict_comes_back(tmp_path: Path, container: Container) -> None:
    arrays = {
        "conv.weight": numbers(24).reshape(2, 3, 2, 2),
        "bn.bias": numbers(2),
        "bn.num_batches_tracked": np.array(7),
        "empty": numbers(0).reshape(0, 3),
    }
    found = read(write(tmp_path, container(torchwriter.state_dict(arrays))))
    assert list(found) == list(arrays)
    for name, a in arrays.items():
        np.testing.assert_array_equal(found[name], a, strict=True)
    assert {a.dtype.str for a in found.values()} == {"<f4", "<i8"}


@both
def test_a_tensor_is_a_view_by_offset_and_stride(tmp_path: Path, container: Container) -> None:
    storage = Storage("7", numbers(24))
    named = {
        "a": Tensor(storage, 6, (3, 3), (2, 6)),
        "b": Tensor(storage, 23, (), ()),
        "c": Tensor(storage, 0, (24,), (1,)),
    }
    found = read(write(tmp_path, container(named)))
    np.testing.assert_array_equal(found["a"], numbers(24).reshape(4, 6)[1:, ::2].T, strict=True)
    assert found["b"] == numbers(24)[23]
    assert np.shares_memory(found["a"], found["c"])


@both
def test_a_parameter_is_its_tensor(tmp_path: Path, container: Container) -> None:
    tensor = Tensor(Storage("0", numbers(4)), 0, (2, 2), (2, 1))
    named = {"a": Call(torchwriter.PARAMETER, (tensor, True, OrderedDict()))}
    np.testing.assert_array_equal(read(write(tmp_path, container(named)))["a"], numbers(4).reshape(2, 2))


@both
def test_several_storages_are_distinguished_by_their_keys(tmp_path: Path, container: Container) -> None:
    arrays = {f"{i}": numbers(i + 1) * i for i in range(12)}
    found = read(write(tmp_path, container(torchwriter.state_dict(arrays))))
    for name, a in arrays.items():
        np.testing.assert_array_equal(found[name], a)


def test_a_zip_may_state_that_it_is_little_endian(tmp_path: Path) -> None:
    assert read(write(tmp_path, zipped(one(0, (12,), (1,)), byteorder=b"little")))["a"].shape == (12,)


def with_program(container: Container, program: bytes) -> bytes:
    """A file with this pickle instead of an honest one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchwriter, "program", lambda *_: (program, {}))
        return container(None)


class Run:
    """Unpickled by an ordinary unpickler, it would make the file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def hidden(bomb: Any) -> list[Any]:
    """Places where a file may hide a call."""
    bombed = OrderedDict(one(0, (12,), (1,)))
    bombed._metadata = bomb
    tensor = one(0, (12,), (1,))["a"]
    return [
        bomb,
        {"a": bomb},
        {"a": tensor, "b": [(bomb,)]},
        {"a": Call(torchwriter.PARAMETER, (bomb, False, None))},
        {"a": Tensor(bomb, 0, (12,), (1,))},
        {"a": Tensor(Storage("0", numbers(12)), 0, (12,), (1,), state=bomb)},
        {"a": Tensor(Storage("0", numbers(12), pid=("storage", bomb, "0", "cpu", 12)), 0, (12,), (1,))},
        bombed,
    ]


@both
@pytest.mark.parametrize("place", range(8))
def test_a_file_that_calls_a_function_is_refused_and_nothing_is_called(
    tmp_path: Path, container: Container, place: int
) -> None:
    mark = tmp_path / "called"
    data = container(hidden(Run(mark))[place])
    refused(tmp_path, data, r"it names \w+(\.\w+)*; dicts of float32 and int64 tensors do not")
    assert not mark.exists()


def test_a_file_that_would_call_the_shell_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "called"
    command = f"touch {mark}".encode()
    shell = b"\x80\x02cos\nsystem\nX" + len(command).to_bytes(4, "little") + command + b"\x85R."
    assert pickle.loads(shell) == 0
    assert mark.exists()
    mark.unlink()
    for container in (legacy, zipped):
        refused(tmp_path, with_program(container, shell), r"it names os\.system")
    assert not mark.exists()


@both
@pytest.mark.parametrize("name", ["builtins.eval", "torch._utils._rebuild_tensor", "torch.load", "collections.Counter"])
def test_no_name_but_the_five_is_known(tmp_path: Path, container: Container, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    program = b"\x80\x02c" + f"{module}\n{attribute}\n.".encode()
    refused(tmp_path, with_program(container, program), f"it names {name}")


@both
@pytest.mark.parametrize(
    ("program", "instruction"),
    [
        (b"\x80\x02(ios\nsystem\n.", "INST"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "SHORT_BINUNICODE"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
        (b"\x80\x05\x96\x00\x00\x00\x00\x00\x00\x00\x00.", "BYTEARRAY8"),
        (b"\x80\x02P1\n.", "PERSID"),
    ],
)
def test_instructions_that_no_dict_of_tensors_takes_are_refused(
    tmp_path: Path, container: Container, program: bytes, instruction: str
) -> None:
    refused(tmp_path, with_program(container, program), f"has an instruction {instruction}")


def test_a_name_that_looks_like_an_escape_is_refused_without_a_warning(tmp_path: Path) -> None:
    refused(tmp_path, with_program(legacy, b"\x80\x02ca\nb\\l\n."), "invalid escape sequence|it names")


@both
def test_a_file_cannot_make_python_reserve_memory_for_what_it_remembers(tmp_path: Path, container: Container) -> None:
    refused(tmp_path, with_program(container, b"\x80\x02}r\xff\xff\xff\xff."), "place 4294967295 of a memory of 2")


@both
def test_nesting_that_could_overflow_the_stack_is_refused(tmp_path: Path, container: Container) -> None:
    program = b"\x80\x02})" + torchpickle.LONGEST * b"\x85" + b"Ns."
    refused(tmp_path, with_program(container, program), "more than 65536 instructions")


@both
@pytest.mark.parametrize("name", ["_rebuild_tensor_v2", "_rebuild_parameter"])
def test_a_file_cannot_change_what_the_names_stand_for(tmp_path: Path, container: Container, name: str) -> None:
    before = dict(vars(torchpickle.Tensor)), dict(vars(torchpickle.Parameter))
    changed = b"\x80\x02ctorch._utils\n" + name.encode() + b"\nN}X\x07\x00\x00\x00changedK\x01s\x86b."
    refused(tmp_path, with_program(container, changed), "__setstate__")
    assert (dict(vars(torchpickle.Tensor)), dict(vars(torchpickle.Parameter))) == before


@both
def test_a_state_set_on_a_tensor_is_refused_and_one_on_a_dict_ignored(tmp_path: Path, container: Container) -> None:
    tensor = one(0, (12,), (1,))["a"]
    tensor.state = {"size": (3,)}
    refused(tmp_path, container({"a": tensor}), "it sets the state of a tensor")
    masked = Call(OrderedDict, ([["a", one(0, (12,), (1,))["a"]]],), {"items": None, "keys": None})
    assert read(write(tmp_path, container(masked)))["a"].shape == (12,)


@both
@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        ([1, 2], "expected a dict of tensors, got list"),
        ({"a": 1}, "its entry 'a' is none"),
        ({"state_dict": one(0, (12,), (1,))}, "its entry 'state_dict' is none"),
        ({3: one(0, (12,), (1,))["a"]}, "its entry '3' is none"),
        ({"a": Tensor("0", 0, (12,), (1,))}, "its entry 'a' is none"),
        ({"a": Tensor(Storage("0", numbers(3, "<f8")), 0, (3,), (1,))}, r"it names torch\.DoubleStorage"),
    ],
)
def test_what_is_not_a_dict_of_tensors_is_refused(tmp_path: Path, container: Container, obj: Any, reason: str) -> None:
    refused(tmp_path, container(obj), reason)


@both
@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (1, (12,), (1,)),
        (12, (1,), (1,)),
        (0, (13,), (1,)),
        (0, (2,), (12,)),
        (0, (3, 4), (4, 2)),
        (0, (13,), (0,)),
        (0, (10**5, 10**5), (0, 0)),
        (0, (2,), (2**39,)),
    ],
)
def test_a_tensor_outside_of_its_storage_is_refused(
    tmp_path: Path, container: Container, offset: int, size: tuple, stride: tuple
) -> None:
    refused(tmp_path, container(one(offset, size, stride)), "lies outside of its storage '0' of 12 numbers")


@both
@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (-1, (3,), (1,)),
        (11, (12,), (-1,)),
        (0, (-3,), (1,)),
        (0, (3, 4), (1,)),
        (0, (2.0,), (1,)),
        (True, (3,), (1,)),
        (0, (2,), (2**62,)),
        ("0", (3,), (1,)),
    ],
)
def test_improper_offsets_sizes_and_strides_are_refused(
    tmp_path: Path, container: Container, offset: Any, size: tuple, stride: tuple
) -> None:
    refused(tmp_path, container(one(offset, size, stride)), "has no proper offset, size and stride|BINFLOAT")


@both
@pytest.mark.parametrize("numel", [11, 13, 2**20, 2**60])
def test_a_storage_of_another_size_than_it_states_is_refused(tmp_path: Path, container: Container, numel: int) -> None:
    refused(tmp_path, container(one(0, (1,), (1,), numel)), "storage '0' has|bytes too many")


@both
@pytest.mark.parametrize(
    ("pid", "reason"),
    [
        ("storage", "not a storage"),
        (("tensor", torchwriter.FLOAT, "0", "cpu", 12), "not a storage"),
        (("storage", torchwriter.FLOAT, "0", "cpu"), "not a storage"),
        (("storage", "<f8", "0", "cpu", 12), "no type of number, key and size"),
        (("storage", torchwriter.FLOAT, 0, "cpu", 12), "no type of number, key and size"),
        (("storage", torchwriter.FLOAT, "0", "cpu", -1), "no type of number, key and size"),
        (("storage", torchwriter.FLOAT, "0", "cpu", True), "no type of number, key and size"),
        (("storage", torchwriter.FLOAT, "0", "cpu", 12, ("1", 0, 3)), "is a part of another"),
    ],
)
def test_other_persistent_ids_are_refused(tmp_path: Path, container: Container, pid: Any, reason: str) -> None:
    refused(tmp_path, container({"a": Tensor(Storage("0", numbers(12), pid=pid), 0, (12,), (1,))}), reason)


@both
def test_two_storages_of_one_key_are_refused(tmp_path: Path, container: Container) -> None:
    named = {name: Tensor(Storage("0", numbers(n)), 0, (3,), (1,)) for name, n in (("a", 12), ("b", 3))}
    refused(tmp_path, container(named), "two different storages '0'")


def test_other_beginnings_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, b"", "begins neither as a zip")
    refused(tmp_path, b"\x80\x02}q\x00.", "begins neither as a zip")
    refused(tmp_path, b"\x81" + legacy({})[1:], "begins neither as a zip")
    refused(tmp_path, legacy({}, protocol=1000), "its protocol is not 1001")


@pytest.mark.parametrize("system", [{"little_endian": False}, {}, {"little_endian": 1}, None])
def test_big_endian_legacy_files_are_refused(tmp_path: Path, system: Any) -> None:
    refused(tmp_path, legacy(one(0, (12,), (1,)), system=system), "not little-endian")


def test_big_endian_zips_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, zipped(one(0, (12,), (1,)), byteorder=b"big"), "not little-endian")


@pytest.mark.parametrize("keys", [[], ["0", "0"], ["1"], ["0", "1"], [0], "0"])
def test_a_legacy_file_with_another_list_of_storages_is_refused(tmp_path: Path, keys: Any) -> None:
    refused(tmp_path, legacy(one(0, (12,), (1,)), keys=keys), "its list of storages is not|not supported between")


def test_a_legacy_file_that_counts_its_numbers_twice_and_differently_is_refused(tmp_path: Path) -> None:
    data = legacy(one(0, (12,), (1,)))
    count = struct.pack("<Q", 12)
    assert data.count(count) == 1
    refused(tmp_path, data.replace(count, struct.pack("<Q", 11)), "storage '0' has 11 numbers in 48 bytes, expected 12")


def test_bytes_after_a_legacy_file_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, legacy(one(0, (12,), (1,))) + b"\0\0", "2 bytes too many")


def test_a_compressed_zip_is_refused_unread(tmp_path: Path) -> None:
    bomb = {"a": Tensor(Storage("0", np.zeros(10**6, "<f4")), 0, (10**6,), (1,))}
    refused(tmp_path, zipped(bomb, compression=zipfile.ZIP_DEFLATED), "compressed member")


def test_a_zip_that_shares_its_bytes_among_members_is_refused(tmp_path: Path) -> None:
    data = zipped(one(0, (12,), (1,)), **{f"filler{i}": bytes(1000) for i in range(2)})
    size = (1000).to_bytes(4, "little")
    assert data.count(size + size) == 4  # of both members, before the content and in the directory
    claimed = len(data).to_bytes(4, "little")
    refused(tmp_path, data.replace(size + size, claimed + claimed), "its members are larger than the file")


def test_a_zip_without_one_pickle_is_refused(tmp_path: Path) -> None:
    pickled, storages = torchwriter.program(one(0, (12,), (1,)))
    without = torchwriter.archive({"constants.pkl": pickled}, storages, zipfile.ZIP_STORED)
    refused(tmp_path, without, "expected one member <root>/data.pkl, got 0")
    twice = torchwriter.archive({"data.pkl": pickled, "other/data.pkl": pickled}, storages, zipfile.ZIP_STORED)
    refused(tmp_path, twice, "expected one member <root>/data.pkl, got 2")


def test_a_zip_without_a_storage_is_refused(tmp_path: Path) -> None:
    pickled, _ = torchwriter.program(one(0, (12,), (1,)))
    refused(tmp_path, torchwriter.archive({"data.pkl": pickled}, {}, zipfile.ZIP_STORED), "some-name/data/0")


@both
def test_a_file_truncated_anywhere_is_refused(tmp_path: Path, container: Container) -> None:
    data = container(torchwriter.state_dict({"a": numbers(3), "b": np.arange(2)}))
    assert read(write(tmp_path, data)).keys() == {"a", "b"}
    for length in range(len(data)):
        refused(tmp_path, data[:length], r"\(.+\)$")


@both
def test_a_file_with_any_byte_changed_is_read_or_refused(tmp_path: Path, container: Container) -> None:
    data = container(torchwriter.state_dict({"a": numbers(3), "b": np.arange(2)}))
    outcomes = set()
    for place in range(len(data)):
        changed = data[place] ^ (1 << place % 8)
        path = write(tmp_path, data[:place] + bytes([changed]) + data[place + 1 :])
        try:
            outcomes.add(type(read(path)))
        except ValueError as error:
            assert str(error).startswith(f"{path}: not a file of tensors")
            outcomes.add(ValueError)
    assert outcomes == {dict, ValueError}


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.pth")
