"""Values of many series by step, in little memory: all but the newest steps are compressed.

Steps are numbered (epoch seconds // width), and ``BLOCK`` of them make a block. A finished block is
compressed in tiles of ``TILE`` series, so that a chart of one series does not decompress all of them. A day
of blocks becomes one part of a snapshot, and values are read from the bytes of that part: what does not
change is neither held twice nor written again. With few series nothing is compressed, and a day is one piece.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bytes, Float32s, Floats, Places
from detectors.state.compress import compress, decompress, opened
from detectors.state.state import pack, tail, unpack

BLOCK: Final = 15
"""Steps that are compressed together."""

SHEET: Final = 96 * BLOCK
"""Steps that become one part, a day of minutes."""

SETTLES: Final = SHEET // 4
"""Steps after the end of a sheet until it is one part: late data changes a block, not the whole day."""

TILE: Final = 1024
"""Series that are compressed together."""

MANY: Final = 64
"""Series from which on blocks are compressed."""

KEPT_WHOLE: Final = 12
"""Most blocks that stay decompressed: those that a judge reads now, one for each week."""

KEPT_TILES: Final = 256
"""Tiles that stay decompressed: charts of neighbours read the same ones."""


class _Place(msgspec.Struct, array_like=True):
    """One compressed block in a part."""

    block: int
    rows: int
    lengths: list[int]  # of its tiles, layer by layer


class _Meta(msgspec.Struct, array_like=True):
    places: list[_Place]


class _Open:
    """Steps that are not compressed, (steps, rows) of each layer.

    Layers but the first take no memory as long as nothing is written there: hardly a step is spoilt.
    """

    def __init__(self, steps: int, rows: int, layers: int) -> None:
        self.rows = rows
        self._steps = steps
        self._layers: list[Float32s | None] = [None] * layers
        self.writable(0)

    @classmethod
    def holding(cls, layers: Sequence[Float32s]) -> Self:
        """Return the steps of these layers."""
        steps, rows = layers[0].shape
        held = cls(steps, rows, len(layers))
        for layer, values in enumerate(layers):
            held.write(layer, slice(None), values)
        return held

    def written(self, layer: int) -> Float32s | None:
        """Return a layer, None if nothing was written there."""
        return self._layers[layer]

    def writable(self, layer: int) -> Float32s:
        """Return a layer to write to."""
        values = self._layers[layer]
        if values is None:
            values = self._layers[layer] = self._missing()
        return values

    def whole(self) -> list[Float32s]:
        """Return every layer."""
        return [self._missing() if values is None else values for values in self._layers]

    def write(self, layer: int, steps: slice, values: NDArray[Any]) -> None:
        """Write (steps, rows), of the first rows if there are fewer."""
        if self._layers[layer] is not None or not np.isnan(values).all():
            self.writable(layer)[steps, : values.shape[1]] = values

    def _missing(self) -> Float32s:
        return np.full((self._steps, self.rows), np.nan, np.float32)


@dataclass(slots=True)
class _Narrow:
    """A layer of a block that was decompressed: counts stay bytes, a quarter of what they are read as."""

    counts: Bytes  # (BLOCK, rows)
    halves: Places
    gone: Places
    others: Places
    rest: Float32s  # (BLOCK, others)

    @classmethod
    def from_tiles(cls, bodies: Sequence[memoryview], rows: int) -> Self:
        """Decompress the tiles of a layer."""
        counts = np.zeros((BLOCK, rows), np.uint8)
        halves, gone, others, rest = [], [], [], []
        for first, body in zip(range(0, rows, TILE), bodies, strict=True):
            tile = opened(body, (min(TILE, rows - first), BLOCK))
            counts[:, first + tile.counted] = tile.counts.T
            halves.append(first + tile.halves)
            gone.append(first + tile.gone)
            others.append(first + tile.others)
            rest.append(tile.rest)
        return cls(
            counts,
            np.concatenate(halves),
            np.concatenate(gone),
            np.concatenate(others),
            np.ascontiguousarray(np.concatenate(rest).T),
        )

    def read(self, steps: slice, out: NDArray[Any]) -> None:
        """Copy steps to ``out`` (steps, rows)."""
        out[:] = self.counts[steps]
        out[:, self.halves] *= 0.5
        out[:, self.gone] = np.nan
        out[:, self.others] = self.rest[steps]


@dataclass(slots=True)
class _Closed:
    """A compressed block."""

    rows: int
    ends: "array[int]"  # of the tiles, layer by layer
    body: memoryview
    part: bytes  # contains the body

    def tile(self, number: int) -> memoryview:
        return self.body[self.ends[number - 1] if number else 0 : self.ends[number]]


def _ends(lengths: Iterable[int]) -> "array[int]":
    """Return where pieces of these lengths end; a hundred thousand series have half a million."""
    return array("I", accumulate(lengths))


class Timeline:
    """Layers of float32 over steps and series; NaN where nothing was written.

    Parameters
    ----------
    stem
        Name of its parts in a snapshot.
    layers
        Numbers of each series and step.
    keep
        Steps before the newest that stay readable.
    sheets
        Whether days become parts, for timelines of weeks. Otherwise blocks are dropped one by one.
    """

    VERSION: Final = 1

    def __init__(self, stem: str, layers: int, keep: int, *, sheets: bool) -> None:
        self.rows = 0
        self._stem = stem
        self._layers = layers
        self._keep = keep
        self._sheets = sheets
        self._newest = -1  # block
        self._wide: dict[int, _Open] = {}  # by sheet, as long as there are few series
        self._open: dict[int, _Open] = {}  # by block
        self._closed: dict[int, _Closed] = {}
        self._loose: set[int] = set()  # sheets with blocks that are parts of their own
        self._whole: OrderedDict[tuple[int, int], _Narrow] = OrderedDict()
        self._in_use: set[tuple[int, int]] = set()  # those of them that were read since the last write
        self._tiles: OrderedDict[tuple[int, int, int], Float32s] = OrderedDict()

    def add(self, count: int) -> None:
        """Append ``count`` series without a past."""
        self.rows += count
        if self.rows >= MANY and self._wide:
            self._narrow()

    def write(self, first: int, *layers: NDArray[Any]) -> None:
        """Write steps from ``first`` on, (steps, rows) each, none before the newest block."""
        last, to = first + len(layers[0]), first
        self._in_use.clear()
        while to < last:  # block by block: each is compressed when the next begins
            at, to = to, min(last, (to // BLOCK + 1) * BLOCK)
            self._advance(at // BLOCK)
            for begin, end, start, held in self._pieces(at, to, make=True):
                for layer, values in enumerate(layers):
                    held.write(layer, slice(begin - start, end - start), values[begin - first : end - first])

    def read(self, layer: int, first: int, out: NDArray[Any]) -> bool:
        """Copy the steps from ``first`` on to ``out`` (steps, rows); return whether there were any.

        Steps that were never written stay as they are in ``out``.
        """
        some = False
        for begin, end, start, held in self._pieces(first, first + len(out)):
            steps, into = slice(begin - start, end - start), out[begin - first : end - first, : held.rows]
            if isinstance(held, _Open):
                values = held.written(layer)
                if values is not None:
                    some = True
                    into[:] = values[steps]
            else:
                narrow = self._unpacked(layer, start // BLOCK)
                if narrow is not None:
                    some = True
                    narrow.read(steps, into)
        return some

    def pick(self, layer: int, rows: Sequence[int] | Places, first: int, last: int) -> Floats:
        """Return (last - first, len(rows)) of some series."""
        wanted = np.asarray(rows, np.intp)
        found = np.full((max(last - first, 0), len(wanted)), np.nan)
        for begin, end, start, held in self._pieces(first, last):
            into, steps = found[begin - first : end - first], slice(begin - start, end - start)
            known = np.flatnonzero(wanted < held.rows)
            if isinstance(held, _Open):
                written = held.written(layer)
                if written is not None:
                    into[:, known] = written[steps][:, wanted[known]]
                continue
            tile_of = wanted[known] // TILE
            for tile in np.unique(tile_of).tolist():
                values = self._tile(layer, start // BLOCK, tile)
                if values is not None:
                    here = known[tile_of == tile]
                    into[:, here] = values[wanted[here] - tile * TILE][:, steps].T
        return found

    def change(self, layer: int, index: int, rows: Places, values: NDArray[Any] | float) -> None:
        """Change values of some series at a step that was written; series added later are skipped."""
        for begin, _, start, held in self._pieces(index, index + 1):
            known = rows < held.rows
            rows, new = rows[known], np.broadcast_to(np.asarray(values, np.float32), known.shape)[known]
            if isinstance(held, _Open):
                held.writable(layer)[begin - start, rows] = new
            elif rows.size:
                self._change_tiles(layer, index, rows, new)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state in parts; unchanged ones are the same objects as before."""
        parts = {f"{self._stem}/at": pack("timeline-at", self.VERSION, self._newest, {})}
        for sheet, held in self._wide.items():
            parts[f"{self._stem}/wide/{sheet}"] = self._packed({sheet: held})
        if self._open:
            parts[f"{self._stem}/open"] = self._packed(self._open)
        for block, closed in self._closed.items():
            sheet = block * BLOCK // SHEET
            name = f"{self._stem}/{sheet}" if self._is_sheet(sheet) else f"{self._stem}/block/{block}"
            parts[name] = closed.part
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot, after ``add`` of as many rows."""
        self._newest, _ = unpack(parts[f"{self._stem}/at"], "timeline-at", self.VERSION, int)
        self._wide, self._open, self._closed, self._loose = {}, {}, {}, set()
        self._whole.clear()
        self._in_use.clear()
        self._tiles.clear()
        for name, part in parts.items():
            stem, _, kind = name.partition("/")
            if stem != self._stem or kind in ("", "at"):
                continue
            if kind.startswith("wide/"):
                self._wide |= self._raw(part)
            elif kind == "open":
                self._open |= self._raw(part)
            else:
                self._load(part)

    def _packed(self, held: Mapping[int, _Open]) -> bytes:
        arrays = {
            f"{number}/{layer}": values
            for number, steps in held.items()
            for layer, values in enumerate(steps.whole())
        }
        return pack("timeline-open", self.VERSION, list(held), arrays)

    def _raw(self, part: bytes) -> dict[int, _Open]:
        numbers, arrays = unpack(part, "timeline-open", self.VERSION, list[int])
        return {
            number: _Open.holding([arrays[f"{number}/{layer}"] for layer in range(self._layers)])
            for number in numbers
        }

    def _load(self, part: bytes) -> None:
        meta, body = tail(part, "timeline", self.VERSION, _Meta)
        if self._sheets and len(meta.places) == 1:
            self._loose.add(meta.places[0].block * BLOCK // SHEET)
        at = 0
        for place in meta.places:
            ends = _ends(place.lengths)
            self._closed[place.block] = _Closed(place.rows, ends, body[at : at + ends[-1]], part)
            at += ends[-1]

    def _advance(self, block: int) -> None:
        """Move on to a block: compress finished ones, make days one part, drop old ones."""
        if block <= self._newest:
            return
        self._newest = block
        for done in [old for old in self._open if old < block]:
            self._pack_blocks({done: self._compressed(self._open.pop(done))})
        step = block * BLOCK
        for sheet in [loose for loose in sorted(self._loose) if self._is_sheet(loose)]:
            blocks = range(sheet * SHEET // BLOCK, (sheet + 1) * SHEET // BLOCK)
            self._pack_blocks({block: self._closed[block] for block in blocks if block in self._closed})
            self._loose.discard(sheet)
        for sheet in [old for old in self._wide if (old + 1) * SHEET <= step - self._keep]:
            del self._wide[sheet]
        size = SHEET if self._sheets else BLOCK
        for old in [old for old in self._closed if (old * BLOCK // size + 1) * size <= step - self._keep]:
            del self._closed[old]

    def _is_sheet(self, sheet: int) -> bool:
        return self._sheets and (sheet + 1) * SHEET + SETTLES <= self._newest * BLOCK

    def _narrow(self) -> None:
        """Cut days into blocks once there are many series."""
        for sheet, held in sorted(self._wide.items()):
            for at in range(0, SHEET, BLOCK):
                cut = [np.ascontiguousarray(values[at : at + BLOCK]) for values in held.whole()]
                if not all(np.isnan(values).all() for values in cut):
                    self._open[(sheet * SHEET + at) // BLOCK] = _Open.holding(cut)
        self._wide = {}
        newest, self._newest = max(self._open, default=-1), -1
        self._advance(newest)

    def _pieces(self, first: int, last: int, *, make: bool = False) -> Iterator[tuple[int, int, int, Any]]:
        """Yield what exists of first <= index < last: (begin, end, first step of the piece, piece)."""
        at = first
        while at < last:
            wide = self.rows < MANY
            size = SHEET if wide else BLOCK
            number = at // size
            end = min(last, (number + 1) * size)
            held: _Open | _Closed | None = self._wide.get(number) if wide else self._open.get(number)
            if held is None and not wide:
                held = self._closed.get(number)
            if make:
                held = self._writable(number, size, held)
            if held is not None:
                yield at, end, number * size, held
            at = end

    def _writable(self, number: int, size: int, held: _Open | _Closed | None) -> _Open:
        if isinstance(held, _Closed):
            layers = [self._unpacked(layer, number) for layer in range(self._layers)]
            self._drop(number)
            held = _Open(BLOCK, held.rows, self._layers)
            for layer, narrow in enumerate(layers):
                if narrow is not None:
                    narrow.read(slice(None), held.writable(layer))
        if held is None or held.rows < self.rows:
            had, held = held, _Open(size, self.rows, self._layers)
            for layer in range(self._layers if had is not None else 0):
                values = None if had is None else had.written(layer)
                if values is not None:
                    held.write(layer, slice(None), values)
        (self._wide if size == SHEET else self._open)[number] = held
        return held

    def _drop(self, block: int) -> None:
        """Drop a compressed block; its neighbours get parts of their own."""
        part = self._closed.pop(block).part
        beside = {other: held for other, held in self._closed.items() if held.part is part}
        for other, held in beside.items():
            self._pack_blocks({other: held})
        self._forget(block)

    def _forget(self, block: int) -> None:
        for whole in [key for key in self._whole if key[1] == block]:
            del self._whole[whole]
        for tile in [key for key in self._tiles if key[1] == block]:
            del self._tiles[tile]

    def _compressed(self, held: _Open) -> _Closed:
        bodies = [
            b"" if values is None else compress(np.ascontiguousarray(values[:, at : at + TILE].T))
            for values in map(held.written, range(self._layers))
            for at in range(0, held.rows, TILE)
        ]
        return _Closed(held.rows, _ends(map(len, bodies)), memoryview(b"".join(bodies)), b"")

    def _pack_blocks(self, blocks: Mapping[int, _Closed]) -> None:
        """Put compressed blocks into one part."""
        places = [
            _Place(block, held.rows, [end - begin for begin, end in pairwise([0, *held.ends])])
            for block, held in blocks.items()
        ]
        data = np.frombuffer(b"".join([held.body for held in blocks.values()]), np.uint8)
        self._load(pack("timeline", self.VERSION, _Meta(places), {"data": data}))

    def _change_tiles(self, layer: int, index: int, rows: Places, new: Float32s) -> None:
        block = index // BLOCK
        held = self._closed[block]
        tiles = -(-held.rows // TILE)
        bodies = [bytes(held.tile(number)) for number in range(len(held.ends))]
        for tile in np.unique(rows // TILE).tolist():
            here = rows // TILE == tile
            number = layer * tiles + tile
            shape = (min(TILE, held.rows - tile * TILE), BLOCK)
            values = decompress(bodies[number], shape)
            values[rows[here] - tile * TILE, index % BLOCK] = new[here]
            bodies[number] = compress(values)
        self._drop(block)
        closed = _Closed(held.rows, _ends(map(len, bodies)), memoryview(b"".join(bodies)), b"")
        self._pack_blocks({block: closed})

    def _unpacked(self, layer: int, block: int) -> _Narrow | None:
        """Return a layer of a compressed block, None if nothing was written there."""
        self._in_use.add((layer, block))
        known = self._whole.get((layer, block))
        if known is not None:
            self._whole.move_to_end((layer, block))
            return known
        held = self._closed[block]
        tiles = -(-held.rows // TILE)
        bodies = [held.tile(layer * tiles + tile) for tile in range(tiles)]
        if not any(map(len, bodies)):
            return None
        for passed in self._whole.keys() - self._in_use:  # all days move on to their next block at once
            del self._whole[passed]
        self._whole[layer, block] = narrow = _Narrow.from_tiles(bodies, held.rows)
        if len(self._whole) > KEPT_WHOLE:
            self._whole.popitem(last=False)
        return narrow

    def _tile(self, layer: int, block: int, tile: int) -> Float32s | None:
        """Return a tile as (rows, steps), None if nothing was written there."""
        known = self._tiles.get((layer, block, tile))
        if known is not None:
            self._tiles.move_to_end((layer, block, tile))
            return known
        held = self._closed[block]
        body = held.tile(layer * -(-held.rows // TILE) + tile)
        if not len(body):
            return None
        values = decompress(body, (min(TILE, held.rows - tile * TILE), BLOCK))
        self._tiles[layer, block, tile] = values
        if len(self._tiles) > KEPT_TILES:
            self._tiles.popitem(last=False)
        return values
