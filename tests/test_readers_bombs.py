"""Files that ask for far more memory than they are large, read by a process that has little."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from support.torchwriter import Storage, Tensor, zipped

import minigan

HOME = Path(minigan.__file__).parents[1]
MEGABYTES = 256  # more than the reader's own needs
READING = """
import resource, sys, warnings
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from support.mutants import limit_memory
from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from minigan import arrays
from minigan.data import folder, mnist
from minigan.data.idx import read_idx
from minigan.metrics.features import torchfile
from minigan.training.config import Config

path = Path(sys.argv[3])
readers = {"idx": read_idx, "npz": arrays.read, "pth": torchfile.read}
readers["json"] = lambda path: Config.load(path.read_text(), path)
readers["keras"] = lambda path: mnist.read(path, "mnist", "train-images-idx3-ubyte")
read = readers.get(path.suffix[1:], lambda path: folder.load(path.parent, 8))
if path.stem == "mnist":
    read = readers["keras"]
limit_memory(2**20 * int(sys.argv[2]))
try:
    read(path)
    print("taken")
except ValueError as error:
    assert str(path) in str(error), error
    print("refused")
"""


def idx(*shape: int, of: int) -> bytes:
    return gzip.compress(struct.pack(f">2x2B{len(shape)}I", 8, len(shape), *shape) + bytes(of), compresslevel=1)


def png(width: int, height: int, rows: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes((width + 1) * rows)))
        + chunk(b"IEND", b"")
    )


def text_png() -> bytes:
    """A small picture with a text of 300 megabytes, compressed."""
    small = png(8, 8, 8)
    data = b"Comment\0\0" + zlib.compress(bytes(300 * 2**20))
    text = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return small[:33] + text + small[33:]


def archive(name: str, unpacked: int) -> bytes:
    content = io.BytesIO()
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open(name, "w", force_zip64=True) as member,
    ):
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (unpacked,)})
        member.write(head.getvalue())
        for _ in range(unpacked // 2**20):
            member.write(bytes(2**20))
    return content.getvalue()


def huge_tensor() -> bytes:
    return zipped({"a": Tensor(Storage("0", np.zeros(3, "<f4"), 2**38), 0, (2**38,), (1,))})


BOMBS = {
    "half a gigabyte of zeros in gzip, declared": ("a.idx", lambda: idx(2**29, of=2**29)),
    "half a gigabyte of zeros in gzip, not declared": ("a.idx", lambda: idx(10, of=2**29)),
    "two gigabytes declared in a file of a few bytes": ("a.idx", lambda: idx(2**31, of=5)),
    "a picture of ten thousand million pixels": ("a.png", lambda: png(100_000, 100_000, 10)),
    "a picture of 400 million pixels, all there": ("a.png", lambda: png(20_000, 20_000, 20_000)),
    "a picture with a text of 300 megabytes": ("a.png", text_png),
    "a GIF as large as a GIF can be": (
        "a.gif",
        lambda: (
            b"GIF89a"
            + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0)
            + bytes(6)
            + b","
            + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0)
            + b"\x02\x01\x44\x00;"
        ),
    ),
    "a BMP of 65,000 by 65,000": (
        "a.bmp",
        lambda: (
            b"BM" + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 65000, 65000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(6)
        ),
    ),
    "an archive that unpacks to half a gigabyte": ("a.npz", lambda: archive("a.npy", 2**29)),
    "Keras's archive that unpacks to half a gigabyte": ("mnist.npz", lambda: archive("x_train.npy", 2**29)),
    "a tensor of a tebibyte": ("a.pth", huge_tensor),
    "lists in lists": ("config.json", lambda: b"[" * 10**6),
    "a number of ten million digits": ("config.json", lambda: b'{"betas": [' + b"1" * 10**7 + b", 2]}"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and RLIMIT_AS")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_with_its_path_in_little_memory(tmp_path: Path, bomb: str) -> None:
    name, make = BOMBS[bomb]
    (tmp_path / name).write_bytes(make())
    words = [sys.executable, "-c", READING, str(HOME / "tests"), str(MEGABYTES), str(tmp_path / name)]
    environment = os.environ | {"PYTHONPATH": str(HOME), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
