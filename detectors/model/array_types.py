"""Names of numpy's array types."""

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Int32s = NDArray[np.int32]
Ints = NDArray[np.int64]
Places = NDArray[np.intp]
Float32s = NDArray[np.float32]
Floats = NDArray[np.float64]
