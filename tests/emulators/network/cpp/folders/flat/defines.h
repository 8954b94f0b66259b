#ifndef DEFINES_H_
#define DEFINES_H_

#include "ap_fixed.h"

#define N_INPUT_1_1 6
#define OUT_HEIGHT_3 1
#define OUT_WIDTH_3 2
#define N_FILT_3 2
#define OUT_HEIGHT_3 1
#define OUT_WIDTH_3 2
#define N_FILT_3 2
#define N_LAYER_5 OUT_HEIGHT_3 * OUT_WIDTH_3

namespace Calo_v9p1{
  typedef ap_uint< 10 > input_t;
  typedef ap_fixed<20,8> conv_accum_t;
  typedef ap_fixed < 15 , 8 > layer3_t;
  typedef ap_fixed<10, 0> weight3_t;
  typedef ap_uint<1> bias3_t;
  typedef ap_ufixed<10,4,AP_RND,AP_SAT,AP_SAT> layer4_t;
  // typedef ap_fixed<99,9> layer4_t;
  typedef ap_fixed<14,2,AP_TRN, AP_WRAP> weight5_t;
  typedef ap_ufixed<16,8> result_t;
}

#endif
