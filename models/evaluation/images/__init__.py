"""What scores of the calorimeter image are worth: `l1kd evaluate cicada`.

``samples`` reads libraries and makes images, ``judged`` finds the scores, ``measures`` compares
them, ``seeds`` sets them beside jet, HT and MET, ``cost`` beside what they take, ``plots`` draws,
``evaluate`` runs all of it.
"""
