#ifndef PARAMETERS_H_
#define PARAMETERS_H_

#include "ap_fixed.h"
#include "nnet_utils/nnet_code_gen.h"
#include "nnet_utils/nnet_helpers.h"
#include "nnet_utils/nnet_dense.h"
#include "weights/w2.h"
#include "weights/b2.h"
#include "weights/p7.h"

// first
struct config2 : nnet::dense_config {
    static const unsigned n_in = 4;
    static const unsigned n_out = 3;
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned strategy = nnet::latency;
    static const unsigned reuse_factor = 5;
    static const unsigned n_zeros = 1;
    static const unsigned multiplier_limit = DIV_ROUNDUP(n_in * n_out, reuse_factor) - n_zeros / reuse_factor;
    static const bool store_weights_in_bram = false;
    typedef accum_t accum_t;
    typedef bias2_t bias_t;
    typedef weight2_t weight_t;
    typedef layer2_index index_t;
    template<class data_T, class res_T, class CONFIG_T>
    using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
};

// positive
struct relu_config3 : nnet::activ_config {
    static const unsigned n_in = 3;
    static const unsigned table_size = 1024;
    typedef relu_table_t table_t;
};

// gate
struct hard_sigmoid_config4 {
    static const unsigned n_in = 3;
    static const slope4_t slope;
    static const shift4_t shift;
};
const slope4_t hard_sigmoid_config4::slope = 0.2;
const shift4_t hard_sigmoid_config4::shift = 0.5;

// turn
struct config5 {
    static const unsigned dims = 2;
    static const unsigned N = 6;
    static const unsigned* const from_shape;
    static const unsigned* const perm;
};

unsigned config5_from_shape[2] = {3, 1};
unsigned config5_perm[2] = {1, 0};

const unsigned* const config5::from_shape = config5_from_shape;
const unsigned* const config5::perm = config5_perm;

// window
struct config6_mult : nnet::dense_config {
    static const unsigned n_in = 2;
    static const unsigned n_out = 1;
    static const unsigned n_zeros = -1; // has no meaning here
};

struct config6 : nnet::conv2d_config {
    static const unsigned filt_height = 1;
    static const unsigned filt_width = 2;
    static const unsigned kernel_size = filt_height * filt_width;
    static const unsigned min_width = 3;
    static const unsigned n_filt = -1;
    static const unsigned n_scale_bias = (n_filt == -1) ? kernel_size : n_filt;
    static const int axis = -1;
    static constexpr float exp_scale = 0.1;
    static const nnet::conv_implementation implementation = nnet::conv_implementation::linebuffer;
    static const ap_uint<filt_height * filt_width> pixels[min_width];
    template<class data_T, class CONFIG_T>
    using fill_buffer = nnet::fill_buffer_6<data_T, CONFIG_T>;
    typedef config6_mult mult_config;
    typedef ap_fixed<20, 9> accum_t;
    constexpr static auto dense_da = nnet::dense_da_6<typename layer5_t::value_type, layer6_t>;
};
const ap_uint<config6::filt_height * config6::filt_width> config6::pixels[] = {1,2,1};

struct config7 : nnet::merge_config {
    static const unsigned n_elem = MAX(2, MIN(3, 9));
};

#endif
