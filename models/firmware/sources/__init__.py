"""What a build starts from.

``sources`` finds it by name or path: artefacts, network files, firmware folders, and models:
``keras_models`` (QKeras, HGQ2, Keras), ``onnx_models`` (ONNX) with ``onnx_cleaning`` and ``qonnx``.
``frameworks`` is what a model of a training framework can do for the proof.
"""
