"""Files that are something else than their name promises: by their first bytes, and what to do about it."""

from __future__ import annotations

import os

LONGEST = 512  # bytes that are looked at

_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body", b"<script")
_TORCH = (
    "a file of torch.save: in Python with PyTorch, safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
    "'FILE.safetensors') writes its tensors in the format that is read here"
)
_KNOWN = (
    *((b"\x80" + bytes([protocol]), _TORCH) for protocol in range(2, 6)),
    (b"PK\x03\x04", "a zip archive, such as torch.save and numpy.savez write"),
    (b"\x93NUMPY", "an .npy array of NumPy"),
    (b"\x89HDF\r\n", "an HDF5 file, such as Keras writes"),
    (b"\x1f\x8b", "a gzip file: unpack it"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"{", "a JSON text"),
)


def hint(path: str | os.PathLike[str]) -> str:
    """`described` for the file at this path, after a semicolon; "" for an archive or an array of NumPy."""
    with open(path, "rb") as file:
        start = file.read(LONGEST)
    readable = start.startswith((b"PK\x03\x04", b"\x93NUMPY")) and b"data.pkl" not in start
    return "" if readable or not described(start) else f"; {described(start)}"


def described(start: bytes) -> str:
    """The kind of a file that begins with these bytes, for the end of a message: "it is a web page ..."; "" where it
    is not known."""
    text = start[:LONGEST].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "it is empty"
    if text.startswith(_POINTER):
        return "it is a pointer of Git LFS, not the file itself: git lfs pull fetches that"
    if text.startswith(_PAGES):
        return "it is a web page, such as a server sends in place of a file: download the file itself"
    if start.startswith(b"PK\x03\x04") and b"data.pkl" in start:
        return f"it is {_TORCH}"
    return next((f"it is {what}" for magic, what in _KNOWN if start.startswith(magic)), "")
