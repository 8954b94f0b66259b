"""What a build starts from: l1kd artefacts, Keras, QKeras, HGQ2, ONNX, firmware folders."""
