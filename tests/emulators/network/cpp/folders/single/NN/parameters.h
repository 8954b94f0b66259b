#ifndef PARAMETERS_H_
#define PARAMETERS_H_
#include "ap_int.h"
#include "nnet_utils/nnet_helpers.h"
#include "defines.h"
#include "weights.h"

namespace anomaly_v8 {

// q_dense
struct config2 : nnet::dense_config {
    static const unsigned n_in = N_INPUT_1_1;
    static const unsigned n_out = 2;
    static const unsigned strategy = nnet::latency;
    typedef q_dense_accum_t accum_t;
};

struct config3 : nnet::merge_config {
    static const unsigned n_elem = N_LAYER_2;
};

struct config4 : nnet::dot_config {
    static const unsigned n_in = 2;
    typedef q_dense_accum_t accum_t;
};

} // namespace anomaly_v8

#endif
