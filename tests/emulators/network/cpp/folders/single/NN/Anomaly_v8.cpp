#include <iostream>
#include "Anomaly_v8.h"
#include "parameters.h"
#include "defines.h"

namespace anomaly_v8 {

void Anomaly_v8(
    input_t input_2[N_INPUT_1_1],
    result_t layer4_out[OUT_DOT_4]
) {
    #pragma HLS INTERFACE ap_vld port=input_2,layer4_out
    q_dense_t layer2_out[N_LAYER_2];
    nnet::dense<input_t, q_dense_t, config2>(input_2, layer2_out, w2, b2); // q_dense

    subtract_t layer3_out[N_LAYER_2];
    nnet::subtract<q_dense_t, q_dense_t, subtract_t, config3>(layer2_out, layer2_out, layer3_out); // subtract

    nnet::dot1d<subtract_t, subtract_t, result_t, config4>(layer3_out, layer3_out, layer4_out); // dot

}

} // namespace anomaly_v8
