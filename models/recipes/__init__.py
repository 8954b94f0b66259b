"""The kinds of training, one module each: `RECIPE` in it is an `l1kd.models.recipe.Recipe`.

To add a kind, add a module of its name here and ``configs/<name>.yaml``; nothing lists them
elsewhere. What kinds share lies in `l1kd.models.weights` (networks that weigh particles) and in
`l1kd.models.cicada` (networks that read the calorimeter image).
"""
