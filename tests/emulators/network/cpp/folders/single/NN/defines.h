#ifndef DEFINES_H_
#define DEFINES_H_
#include "ap_int.h"

namespace anomaly_v8 {

static const int N_INPUT_1_1=3;
static const int N_LAYER_2 = 2;
static const int OUT_DOT_4=N_LAYER_2 - 1;

typedef ap_fixed<8, 6, AP_RND_CONV, AP_SAT> input_t;
typedef ap_fixed<18,14,AP_RND_CONV,AP_SAT,0> result_t; // from somewhere else;
typedef ap_fixed<18,13> unscaled_t;
typedef ap_fixed<21,10> q_dense_accum_t;
typedef ap_fixed<21,10> q_dense_t;
typedef ap_fixed<4,1> q_dense_weight_t;
typedef ap_ufixed<3,0> q_dense_bias_t;
typedef ap_fixed<18,11> subtract_t;

extern q_dense_weight_t w2[6];
extern q_dense_bias_t b2[2];

} // namespace anomaly_v8
#endif
