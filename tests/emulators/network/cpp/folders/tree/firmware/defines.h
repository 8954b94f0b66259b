#ifndef DEFINES_H_
#define DEFINES_H_

#include "ap_fixed.h"
#include "ap_int.h"
#include "nnet_utils/nnet_types.h"
#include <array>
#include <cstddef>
#include <tuple>

typedef ap_fixed<10,4,AP_RND_CONV,AP_SAT,0> input_t;
typedef ap_fixed<18,8> accum_t;
typedef ap_fixed<18,8> layer2_t;
typedef ap_fixed<6,1> weight2_t;
typedef ap_fixed<6,1> bias2_t;
typedef ap_uint<1> layer2_index;
typedef ap_ufixed<8,4,AP_RND,AP_SAT,0> layer3_t;
typedef ap_fixed<18,8> relu_table_t;
typedef ap_fixed<16,6> layer4_t;
typedef ap_ufixed<16,0> slope4_t;
typedef ap_ufixed<2,0> shift4_t;
typedef ap_fixed<12,6> layer5_t;
typedef ap_fixed<16,6> layer6_t;
typedef ap_fixed<20,9> result_t;
typedef struct packed_t {ap_uint<2> row_index;ap_uint<2> col_index;ap_fixed<6,1> weight; } packed_t;

using inputs_t = std::tuple<std::array<input_t, 2*2>>;

#endif
