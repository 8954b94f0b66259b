#ifndef DEFINES_H_
#define DEFINES_H_
#include "ap_fixed.h"
typedef nnet::array<ap_fixed<16,6>, 2*1> input_t;
typedef nnet::array<ap_fixed<34, 14>, 2*1> layer2_t;
typedef nnet::array<ap_ufixed<8,2>, 4/2> result_t;
typedef ap_fixed<16,6> weight2_t;
typedef ap_fixed<16,6> bias2_t;
#endif
