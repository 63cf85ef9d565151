"""CodeSpace and Decode: a game played in the code space of a frozen autoencoder, and the way back to samples."""

from __future__ import annotations

from typing import Any

from minigan.device import Array
from minigan.layers.autoencoder import EncoderDecoder
from minigan.layers.layer import Cache, Grads, Layer, whole


class CodeSpace(EncoderDecoder):
    """Show every sample as its code; what is a code already stays as it is.

    GMMN in code space compares the codes of real samples with codes that G makes. Both pass through this layer in
    D's place: real samples come in as samples, of shape `sample_shape`, and G's fakes as codes, and the shape tells
    which. The autoencoder is frozen: it is always asked in evaluation mode, and its running statistics stay. Whoever
    trains it beforehand asks `encoder` and `decoder` themselves.

    Shapes      x, dx, ddx (N, *sample_shape) or (N, codes); y, dy, ddy (N, codes)
    Forward     y = encoder(x)        of codes: y = x
    Backward    the encoder's         of codes: dx = dy
    Twice       the encoder's         of codes: ddy = ddx
    Names       "encoder.0.weight", "decoder.3.bias"; the decoder is not asked here, and gets no gradient.
    Cache       a tuple with the encoder's; None for codes.
    Source      Li, Swersky & Zemel 2015 (GMMN), section 4.
    """

    def __init__(self, encoder: Layer, decoder: Layer, *, sample_shape: tuple[int, ...], codes: int) -> None:
        super().__init__(encoder, decoder)
        if not whole(codes) or not sample_shape or not whole(*sample_shape):
            raise ValueError(f"CodeSpace needs sizes of at least 1, got sample_shape {sample_shape} and codes {codes}")
        self.sample_shape, self.codes = tuple(sample_shape), codes
        if self.sample_shape == (codes,):
            raise ValueError(
                f"samples of shape {self.sample_shape} and codes of {codes} numbers look the same: nothing would tell "
                "which of them are to be encoded; choose another number of codes"
            )

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        known = (self.sample_shape, (self.codes,))
        expected = " or codes ".join(f"(N, {', '.join(map(str, shape))})" for shape in known)
        self.check(x, lambda shape: tuple(shape[1:]) in known, f"samples {expected}")
        if x.shape[1:] == (self.codes,):
            return x, None
        S, cache = self.encoder.forward(x, train=False)
        if S.shape != (len(x), self.codes):
            raise ValueError(f"{self}: the encoder gives {S.shape}, expected ({len(x)}, {self.codes})")
        return S, (cache,)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return self.backward(dy, cache)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        return {} if cache is None else {"encoder": self.encoder.param_grads(dy, cache[0])}

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        if cache is None:
            return dy if need_dx else None
        inner = None if grads is None else grads.setdefault("encoder", {})
        return self.encoder.backward(dy, cache[0], inner, need_dx)

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dx, and what the encoder wants to see again."""
        return (dy, dy) if cache is None else self.encoder.traced_backward(dy, cache[0])

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself."""
        if cache is None:
            return ddx, None, {}
        ddy, dx, grads = self.encoder.double_backward(ddx, dy, cache[0])
        return ddy, dx, {"encoder": grads}

    def __repr__(self) -> str:
        return f"CodeSpace({self.encoder}, {self.decoder}, sample_shape={self.sample_shape}, codes={self.codes})"


class Decode(Layer):
    """The last layer of a generator of codes: codes in training, the samples they stand for in evaluation.

    The game is played on codes, so that is what G gives in a training step; whoever asks G for samples, in evaluation
    mode, gets them from the decoder of the code space that D is.

    Shapes      x, dx, ddx (N, codes); y, dy, ddy the same, in eval mode (N, *sample_shape)
    Forward     y = x                 in eval mode: y = decoder(x)
    Backward    dx = dy               in eval mode: the decoder's
    Twice       ddy = ddx             in eval mode: the decoder's
    Cache       None; in eval mode a tuple with the decoder's.
    Source      Li, Swersky & Zemel 2015 (GMMN), section 4.

    The decoder's weights are the code space's, named, saved and moved to a device there: this layer has no parameters,
    and `convert` leaves the space alone, which would otherwise be converted twice. For the same reason a deep copy
    keeps the space itself. A generator is copied to hold the average of its weights, before the autoencoder is
    trained: with a copy of the decoder it would draw with untrained weights for ever.
    """

    def __init__(self, space: CodeSpace) -> None:
        if not isinstance(space, CodeSpace):
            raise ValueError(f"Decode needs the CodeSpace whose decoder it asks, got {space!r}")
        self.space = space

    def __deepcopy__(self, memo: dict[int, Any]) -> Decode:
        return Decode(self.space)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        codes = self.space.codes
        self.check(x, lambda shape: tuple(shape[1:]) == (codes,), f"(N, {codes})")
        if train:
            return x, None
        y, cache = self.space.decoder.forward(x, train=False)
        return y, (cache,)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return dy if cache is None else self.space.decoder.input_grad(dy, cache[0])

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dx, and what the decoder wants to see again."""
        return (dy, dy) if cache is None else self.space.decoder.traced_backward(dy, cache[0])

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself."""
        if cache is None:
            return ddx, None, {}
        ddy, dx, _ = self.space.decoder.double_backward(ddx, dy, cache[0])
        return ddy, dx, {}

    def __repr__(self) -> str:
        return f"Decode({self.space.codes} codes)"
