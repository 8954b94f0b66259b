"""What a user registers from outside is known everywhere: insert, processors, studies, workers."""

import awkward as ak
import cloudpickle
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory

import l1kd
from l1kd.algorithms import ALGORITHMS, EventScore
from l1kd.candidates import sources
from l1kd.datasets import inspect_file
from l1kd.emulators.network import Network
from l1kd.emulators.network.layers.elementwise import element_pair
from l1kd.emulators.network.layers.lowering import affine_segments, handles, layer_of
from l1kd.emulators.network.layers.registry import HANDLERS
from l1kd.errors import ConfigurationError, InputError
from l1kd.execution import run
from l1kd.formats import FORMATS
from l1kd.plot_style import label_of
from l1kd.processors import InsertProcessor, RateProcessor, ResolutionProcessor
from l1kd.registry import Registrations, load_plugin, reset
from l1kd.study.request import Request
from l1kd.study.run import study
from l1kd.trigger.quantities import QUANTITIES, Quantity, describe, quantity, score_of
from tests.l1kd import outside


@pytest.fixture(autouse=True)
def registered():
    outside.register_all()
    yield
    reset()


@pytest.fixture
def clusters():
    """Two events of an ntuple that l1kd has never heard of."""
    rows = {"et": [[10.0, 3.0], [5.0]], "eta": [[0.1, -1.2], [2.0]], "phi": [[0.3, 3.0], [-2.0]]}
    rows |= {"q": [[1, 0], [-1]], "dz": [[0.01, 0.0], [4.0]]}
    return ak.zip({"Cluster": ak.zip(rows), "nvtx": ak.Array([20, 30])}, depth_limit=1)


def test_own_format_is_read_and_weighted(clusters):
    assert sources(clusters) == ["Cluster"]
    events = l1kd.insert(clusters, ["puppi", "half"])
    assert events.L1Cand.puppi_weight.tolist()[1] == [0.0], "4 cm from the vertex"
    assert events.L1Cand.puppi_weight[0, 0] == 1.0
    assert events.L1Cand.half_weight.tolist() == [[0.5, 0.5], [0.5]]
    assert events.L1Cand[0, 0].px == pytest.approx(10.0 * np.cos(0.3))


def test_values_of_an_own_format_are_checked(clusters):
    broken = ak.with_field(clusters["Cluster"], [[10.0, -3.0], [5.0]], "et")
    with pytest.raises(InputError, match=r"Cluster: pt: expected 0 to .*, found -3"):
        l1kd.insert(ak.with_field(clusters, broken, "Cluster"), ["half"])


def test_own_score_and_quantity_are_columns(data):
    processor = RateProcessor(["half"], algorithms=[], score=False, source=None)
    assert "n_jets" in processor.described
    out = run(
        RateProcessor(["half"], score=False, algorithms=[outside.Hottest()]),
        {"minbias": [str(data / "minbias_PU140.root")]},
        chunksize=25,
    ).output["minbias"]
    columns = out["columns"].joined()
    assert {"met:half", "n_jets:half", "hottest_score"} <= set(columns)
    events = inspect_file(str(data / "minbias_PU140.root")).open()
    np.testing.assert_array_equal(columns["hottest_score"], l1kd.regions(events).max((1, 2)))
    assert columns["n_jets:half"].max() > 0


def test_an_own_score_is_never_dropped(data):
    """No weightings, one own score that nobody registered: the column must be there."""
    reset()
    processor = RateProcessor([], algorithms=[outside.Hottest()], score=False)
    events = NanoEventsFactory.from_root(
        {str(data / "minbias_PU140.root"): "Delphes"},
        schemaclass=inspect_file(str(data / "minbias_PU140.root")).schema,
        entry_stop=3,
        metadata={"dataset": "minbias"},
    ).events()
    columns = processor.process(events)["minbias"]["columns"].joined()
    assert set(columns) == {"event_weight", "hottest_score"}
    with pytest.raises(ConfigurationError, match="hottest: an event score has no momentum"):
        ResolutionProcessor(["puppi"], algorithms=[outside.Hottest()])


def test_own_weight_is_measured_without_being_named_twice(data):
    assert ResolutionProcessor(["none"], algorithms=[outside.Half()]).weightings == ("none", "half")
    assert RateProcessor(["none"], algorithms=[outside.Half()]).weightings == ("none", "half")


def test_study_and_page_know_them(data, tmp_path):
    request = Request(
        fileset=[str(data / "ttbar2l_PU140.root")],
        minbias=[str(data / "minbias_PU140.root")],
        algorithms=("half", "hottest"),
        resolution=False,
    )
    summary = study(request, tmp_path)
    thresholds = summary.rates[0].thresholds
    assert {"met:half", "n_jets:half", "hottest_score"} <= set(thresholds)
    assert thresholds["hottest_score"][0].value % 1 == 0, "thresholds lie on the score's steps"
    assert [score.score for score in summary.scores] == ["hottest_score"]
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for words in ("Rate of jets above 40 GeV", "Rate of hottest region score", "one half"):
        assert words in page, words


def test_inserted_by_workers_of_other_processes(data, tmp_path):
    """A forked server's workers never ran `register`: what is registered travels along."""
    processor = InsertProcessor(tmp_path, algorithms=["half", "hottest"])
    path = str(data / "minbias_PU140.root")
    result = run(processor, {"minbias": [path]}, executor="futures", workers=1, chunksize=50)
    assert result.events == {path: 50}


def test_registrations_travel_with_a_pickle():
    packed = cloudpickle.dumps(Registrations())
    reset()
    assert "half" not in ALGORITHMS
    cloudpickle.loads(packed)
    assert ALGORITHMS["half"].name == "half"
    assert FORMATS["clusters"].tree == "Clusters"
    assert QUANTITIES["n_jets"].step == 1.0


def test_names_are_taken_once():
    with pytest.raises(ConfigurationError, match="algorithm 'half' is already registered"):
        l1kd.register(outside.Half)
    with pytest.raises(ConfigurationError, match=r"cannot register 3.*format, algorithm, quantity"):
        l1kd.register(3)
    with pytest.raises(ConfigurationError, match="expected a name of letters"):
        l1kd.register(Quantity("two words", "", len))
    l1kd.register(Quantity("met", "mine", outside.count_jets), replace=True)
    assert quantity("met").label == "mine"
    QUANTITIES.remove("met")
    assert quantity("met").label == "MET", "the shipped one is back"


def test_unknown_names_get_the_nearest():
    with pytest.raises(ConfigurationError, match=r"available: puppi.*did you mean 'half'\?"):
        l1kd.insert(ak.Array([]), ["hallf"])
    with pytest.raises(ConfigurationError, match=r"unknown quantity 'n_jet'.*mean 'n_jets'"):
        quantity("n_jet")


def test_a_column_is_described_by_its_name():
    described, weighting = describe("n_jets:half")
    assert (described.axis, described.step, weighting) == ("jets above 40 GeV", 1.0, "half")
    assert describe("met:puppi")[0].axis == "MET [GeV]"
    assert describe("hottest_score")[0] == score_of("hottest")
    assert describe("odd_thing")[0].label == "odd thing", "unknown: its own name"
    assert label_of("half") == "one half"
    with pytest.raises(ConfigurationError, match="'half' weights particles"):
        score_of("half")


def test_a_quantity_that_is_no_number_an_event_is_an_error(clusters):
    class Measured:
        events = clusters

    with pytest.raises(InputError, match=r"expected one number for each of 2 events, .*\(3,\)"):
        Quantity("q", "q", lambda _: np.zeros(3)).values(Measured())
    with pytest.raises(InputError, match="found NaN in event 1"):
        Quantity("q", "q", lambda _: np.array([0.0, np.nan])).values(Measured())


def test_results_that_do_not_fit_are_errors(data, open_events):
    class Short(EventScore):
        name, adds = "short", "Short.score"

        def numpy_call(self, image):
            return image.max(axis=(1, 2))[1:].astype(np.float32)

    with pytest.raises(InputError, match="short: expected a result for 50 events, found 49"):
        l1kd.insert(open_events(data / "minbias_PU140.root"), [Short()])


def test_errors_of_own_code_say_whose(data, open_events):
    class Broken(EventScore):
        name, adds = "broken", "Broken.score"

        def numpy_call(self, image):
            return image[7_000_000]

    with pytest.raises(IndexError) as raised:
        l1kd.insert(open_events(data / "minbias_PU140.root"), [Broken()])
    assert raised.value.__notes__ == ["in algorithm 'broken'"]

    l1kd.register(Quantity("absent", "absent", lambda measured: measured.events.absent))
    path = str(data / "minbias_PU140.root")
    with pytest.raises(AttributeError) as raised:
        run(RateProcessor(["half"], score=False), {"minbias": [path]})
    assert "in quantity 'absent'" in raised.value.__notes__
    assert "minbias_PU140.root" in raised.value.__notes__[-1], raised.value.__notes__


def test_plugins_are_modules_or_files(tmp_path):
    plugin = tmp_path / "own_things.py"
    plugin.write_text(
        "import l1kd\n"
        "from l1kd.trigger.quantities import Quantity\n"
        "l1kd.register(Quantity('zero', 'zero', lambda m: [0] * len(m.events)))\n"
    )
    load_plugin(str(plugin))
    assert quantity("zero").label == "zero"
    QUANTITIES.remove("zero")
    with pytest.raises(ConfigurationError, match="no such file"):
        load_plugin(str(tmp_path / "absent.py"))
    with pytest.raises(ConfigurationError, match="no such module"):
        load_plugin("no_module_of_this_name")


def test_own_layers_of_firmware(tmp_path):
    @handles("halve")
    def halve(lowering, call):
        _, source, output = element_pair(lowering, call)
        return layer_of(call, [affine_segments(output, source, source.format.fraction + 1, (1, 0))])

    outside.write_halving_firmware(tmp_path / "firmware")
    try:
        network = Network.from_hls_project(tmp_path)
        values = np.arange(-8.0, 8.0, 1 / 16).reshape(-1, 2)
        np.testing.assert_array_equal(network.predict(values), values / 2)
    finally:
        del HANDLERS["halve"]
