"""The Global Trigger of the first level of CMS, in its own integers.

`tables` holds the firmware's tables by formula, `scales` and `limits` turn a menu's physical values
into hardware integers, `legs`, `pairs` and `combinations` are the kernels, and `program` compiles a
menu for them. `combinations` knows nothing of objects: it serves any menu whose legs and relations
are bit masks.
"""
