"""A small menu on branches of the bundled Delphes files, for tests of rates."""

MENU = """
name: delphes
objects:
  MET: {collection: PuppiMissingET, value: MET}
  Jet: {collection: JetPUPPI, value: PT, cuts: ["abs(Eta) < 2.4"]}
seeds:
  L1_MET20: {legs: {met: {object: MET, online: 20}}, group: sums, prescales: {a: 2, b: 0}}
  L1_Jet30: {legs: {jet: {object: Jet, online: 30}}, group: jets, prescales: {b: 1.5}}
  L1_DoubleJet20: {legs: {a: {object: Jet, online: 20}, b: {object: Jet, online: 20}}, group: jets}
"""


def write_menu(folder):
    """Write the menu into a folder; returns its path."""
    path = folder / "menu.yaml"
    path.write_text(MENU)
    return path
