"""The library for CMSSW, loaded by a program as CMSSW does."""

import shutil
import subprocess

import numpy as np

from l1kd.models.firmware.vectors import vectors

CMSSW = """
#include <any>
#include <cstdio>
#include <dlfcn.h>
#include <stdexcept>
#include "emulator.h"
#include "ap_fixed.h"
typedef ap_fixed<7, 3, AP_RND_CONV, AP_SAT> input_t;
typedef ap_fixed<9, 6, AP_RND, AP_WRAP> result_t;
int main(int, char **argument) {
    void *library = dlopen(argument[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) { std::puts(dlerror()); return 2; }
    auto *create = (hls4mlEmulator::Model * (*)()) dlsym(library, "create_model");
    auto *destroy = (void (*)(hls4mlEmulator::Model *)) dlsym(library, "destroy_model");
    auto *model = create();
    int raw[4];
    while (std::scanf("%d %d %d %d", raw, raw + 1, raw + 2, raw + 3) == 4) {
        input_t in[4];
        result_t out[2];
        for (int i = 0; i < 4; i++) in[i].range() = raw[i];
        model->prepare_input(in + 0);
        model->predict();
        model->read_result(out + 0);
        for (auto value : out) std::printf("%d ", (value.range().to_int() ^ 256) - 256);
    }
    try { model->prepare_input(3.0f); return 3; } catch (const std::invalid_argument &) {}
    destroy(model);
    return 0;
}
"""


def test_the_cmssw_library_gives_the_emulators_bits(built, network, tmp_path):
    out = tmp_path / "project"
    shutil.copytree(built[0], out)
    library = out / "cmssw" / "network_small.so"
    subprocess.run(["make", "CXXFLAGS=-O0 -std=c++17 -w"], cwd=library.parent, check=True,
                   capture_output=True)  # fmt: skip
    (tmp_path / "user.cpp").write_text(CMSSW)
    subprocess.run(
        ["g++", "-O0", "-std=c++17", "-w", f"-I{library.parent}",
         f"-I{out / 'hls' / 'firmware' / 'ap_types'}", "user.cpp", "-o", "user", "-ldl"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    raw = vectors.make(network, 400, 5).raw
    text = "\n".join(" ".join(map(str, row)) for row in raw)
    done = subprocess.run(
        ["./user", str(library)], cwd=tmp_path, input=text, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    found = np.array(done.stdout.split(), np.int64).reshape(-1, 2)
    np.testing.assert_array_equal(found, network.predict_raw(raw))
