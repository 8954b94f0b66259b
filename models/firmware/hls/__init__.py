"""HLS C++ by hls4ml, from the integer graph.

``layers`` describes a graph as layers of hls4ml, with ``windows`` (convolutions) and ``softmax``;
``hls`` writes the project, ``cmssw`` the emulator library around it.
"""
