"""Reports of vendor tools: texts of our own making in the tools' layout."""

import pytest

from l1kd.errors import FirmwareError
from l1kd.models.firmware.tools import vendor

CSYNTH = """<?xml version="1.0"?>
<profile>
<ReportVersion><Version>2023.2</Version></ReportVersion>
<UserAssignments><unit>ns</unit><Part>xcvu13p-flga2577-2-e</Part></UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis><EstimatedClockPeriod>2.987</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency><Best-caseLatency>5</Best-caseLatency>
<Worst-caseLatency>6</Worst-caseLatency><Interval-min>1</Interval-min>
<Interval-max>1</Interval-max></SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates><Resources><BRAM_18K>1</BRAM_18K>{dsp}<FF>441</FF><LUT>2379</LUT><URAM>0</URAM>
</Resources></AreaEstimates>
</profile>
"""
UTILIZATION = """| Tool Version : Vivado v.2023.2 (lin64) Build 1
| Design       : network
1. CLB Logic
+-------------------------+------+-------+------------+-----------+-------+
|        Site Type        | Used | Fixed | Prohibited | Available | Util% |
+-------------------------+------+-------+------------+-----------+-------+
| {cells} LUTs                |  812 |     0 |          0 |   1728000 |  0.05 |
| {cells} Registers           |  333 |     0 |          0 |   3456000 | <0.01 |
| CARRY8                  |   71 |     0 |          0 |    216000 |  0.03 |
| Block RAM Tile          |  1.5 |     0 |          0 |      2688 |  0.06 |
| DSPs                    |    2 |     0 |          0 |     12288 |  0.02 |
"""
TIMING = """| Design Timing Summary
| ---------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints
    -------      -------  ---------------------
     {slack}        0.000                      0
"""


@pytest.mark.parametrize("dsp", ["<DSP>6</DSP>", "<DSP48E>6</DSP48E>"])
def test_high_level_synthesis(tmp_path, dsp):
    path = tmp_path / "csynth.xml"
    path.write_text(CSYNTH.format(dsp=dsp))
    assert vendor.read_csynth(path) == {
        "version": "2023.2", "part": "xcvu13p-flga2577-2-e", "latency_cycles": 6,
        "initiation_interval": 1, "period_ns": 2.987, "lut": 2379, "ff": 441, "dsp": 6,
        "bram": 1, "uram": 0,
    }  # fmt: skip


def test_an_undefined_latency_is_none(tmp_path):
    path = tmp_path / "csynth.xml"
    text = CSYNTH.format(dsp="").replace(">6</Worst", ">undef</Worst")
    path.write_text(text)
    found = vendor.read_csynth(path)
    assert found["latency_cycles"] is None
    assert found["dsp"] is None


@pytest.mark.parametrize(
    "text", ["", "<profile>", "<other/>", '<!DOCTYPE p [<!ENTITY a "b">]><profile/>']
)
def test_damaged_reports_name_their_file(tmp_path, text):
    path = tmp_path / "csynth.xml"
    path.write_text(text)
    with pytest.raises(FirmwareError, match=r"csynth\.xml"):
        vendor.read_csynth(path)


@pytest.mark.parametrize("cells", ["CLB", "Slice"])
def test_utilization(tmp_path, cells):
    path = tmp_path / "utilization.rpt"
    path.write_text(UTILIZATION.format(cells=cells))
    assert vendor.read_utilization(path) == {
        "version": "2023.2", "lut": 812, "ff": 333, "dsp": 2, "bram": 3, "carry": 71,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("slack", "wns", "met"), [("0.512", 0.512, True), ("-0.031", -0.031, False), ("NA", None, None)]
)
def test_timing(tmp_path, slack, wns, met):
    path = tmp_path / "timing.rpt"
    path.write_text(TIMING.format(slack=slack))
    assert vendor.read_timing(path) == {"wns_ns": wns, "met": met}


@pytest.mark.parametrize("read", [vendor.read_utilization, vendor.read_timing, vendor.read_csynth])
def test_absent_and_foreign_reports(tmp_path, read):
    with pytest.raises(FirmwareError, match="expected"):
        read(tmp_path / "absent.rpt")
    (tmp_path / "other.rpt").write_text("nothing of the kind")
    with pytest.raises(FirmwareError, match=r"other\.rpt"):
        read(tmp_path / "other.rpt")


def test_an_installed_tool_is_run_and_its_report_read(tmp_path, monkeypatch):
    hls = tmp_path / "hls"
    hls.mkdir()
    tools = tmp_path / "bin"
    tools.mkdir()
    report = tmp_path / "report.xml"
    report.write_text(CSYNTH.format(dsp="<DSP>6</DSP>"))
    script = tools / "vitis_hls"
    script.write_text(
        '#!/bin/sh\n[ "$1 $2" = "-f synth.tcl" ] || exit 3\n'
        f"mkdir -p net_hls/solution1/syn/report\n"
        f"cp {report} net_hls/solution1/syn/report/csynth.xml\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    found = vendor.synthesize_hls(hls, "vitis")
    assert found is not None
    assert found["tool"] == "Vitis HLS"
    assert found["lut"] == 2379


def test_scripts_name_part_clock_and_sources():
    hls = vendor.hls_script("vitis", "net", "l1kd_net", "xcvu13p-flga2577-2-e", 4.1667)
    assert "set_part xcvu13p-flga2577-2-e" in hls
    assert "set_top l1kd_net::net" in hls
    assert "create_clock -period 4.1667" in hls
    rtl = vendor.rtl_script("net", "xc7vx690tffg1927-2", ["verilog/net.v"], "net.xdc")
    assert "read_verilog verilog/net.v" in rtl
    assert "read_xdc net.xdc" in rtl
