"""A classifier as an ONNX graph: its network, and what is done to a tile before."""
