// Feeds vectors to the firmware and writes or compares its results.
//
//   driver inputs.npy out.npy                   write the results
//   driver inputs.npy expected.npy --compare    count the rows that differ; exit code 1 if any does
//
// The files hold raw integers, shape (events, elements): all inputs of the network side by side,
// and all outputs. ports.h defines INPUTS, OUTPUTS, event() and finish(): how an event goes in, and
// how results come out, at once or some clock cycles later.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "ports.h"

namespace {

[[noreturn]] void fail(const std::string &message) {
    std::cerr << "driver: " << message << std::endl;
    std::exit(2);
}

struct Table {
    long rows = 0, columns = 0;
    std::vector<int64_t> values;
};

template <class T> void widen(const std::vector<char> &bytes, std::vector<int64_t> &out) {
    const T *from = reinterpret_cast<const T *>(bytes.data());
    for (size_t i = 0; i < out.size(); i++)
        out[i] = from[i];
}

Table read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    char start[10];
    if (!file.read(start, 10) || std::memcmp(start, "\x93NUMPY\x01", 7) != 0)
        fail(path + " is not a file of NumPy, version 1");
    std::string header((unsigned char)start[8] + 256 * (unsigned char)start[9], ' ');
    file.read(&header[0], header.size());
    size_t kind = header.find("'<i"), shape = header.find("'shape': (");
    if (kind == std::string::npos || shape == std::string::npos ||
        header.find("'fortran_order': False") == std::string::npos)
        if (header.find("'|i1'") == std::string::npos || shape == std::string::npos)
            fail(path + " does not hold a plain table of integers");
    int width = kind == std::string::npos ? 1 : header[kind + 3] - '0';
    Table table;
    if (std::sscanf(header.c_str() + shape + 10, "%ld, %ld", &table.rows, &table.columns) != 2)
        fail(path + " has not two axes");
    table.values.resize(table.rows * table.columns);
    std::vector<char> bytes(table.values.size() * width);
    if (!file.read(bytes.data(), bytes.size()))
        fail(path + " is truncated");
    if (width == 1)
        widen<int8_t>(bytes, table.values);
    else if (width == 2)
        widen<int16_t>(bytes, table.values);
    else if (width == 4)
        widen<int32_t>(bytes, table.values);
    else
        widen<int64_t>(bytes, table.values);
    return table;
}

void write(const std::string &path, const Table &table) {
    std::string header = "{'descr': '<i8', 'fortran_order': False, 'shape': (" +
                         std::to_string(table.rows) + ", " + std::to_string(table.columns) + "), }";
    header.resize((header.size() + 11 + 63) / 64 * 64 - 10 - 1, ' ');
    header += '\n';
    std::ofstream file(path, std::ios::binary);
    const char size[2] = {(char)(header.size() % 256), (char)(header.size() / 256)};
    file.write("\x93NUMPY\x01\x00", 8).write(size, 2) << header;
    file.write((const char *)table.values.data(), table.values.size() * sizeof(int64_t));
    if (!file)
        fail("cannot write " + path);
}

} // namespace

int main(int count, char **arguments) {
    if (count < 3)
        fail("inputs.npy and a second file expected");
    const Table in = read(arguments[1]);
    if (in.columns != INPUTS)
        fail("the network has " + std::to_string(INPUTS) + " inputs");
    Table out;
    out.rows = in.rows;
    out.columns = OUTPUTS;
    out.values.reserve(out.columns * out.rows);
    for (long row = 0; row < in.rows; row++)
        event(&in.values[row * in.columns], out.values);
    finish(out.values);
    if ((long)out.values.size() != out.rows * out.columns)
        fail("the firmware gave another number of results");
    if (count < 4) {
        write(arguments[2], out);
        return 0;
    }
    const Table expected = read(arguments[2]);
    if (expected.rows != out.rows || expected.columns != out.columns)
        fail("the two files do not belong together");
    long differing = 0;
    for (long row = 0; row < out.rows; row++) {
        bool differs = false;
        for (long i = row * out.columns; i < (row + 1) * out.columns; i++)
            differs |= out.values[i] != expected.values[i];
        if (differs && differing++ < 5)
            std::cout << "row " << row << " differs" << std::endl;
    }
    std::cout << differing << " of " << out.rows << " vectors differ" << std::endl;
    return differing != 0;
}
