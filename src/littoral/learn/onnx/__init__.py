"""Export to ONNX: the network, what is done to a tile before it, and probabilities.

Importing anything here checks first that the libraries of the extras ``learn`` and ``onnx`` are installed.
"""

from littoral.errors import require
from littoral.learn import network as _checks_that_torch_is_installed  # noqa: F401

# torch's exporter needs onnxscript, and reports its absence late.
require("onnx", "writing ONNX", "onnx", "onnxscript")
