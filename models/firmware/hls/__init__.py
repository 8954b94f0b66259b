"""hls4ml projects, and the code of CMSSW around them."""
