#include <iostream>

#include "toy.h"
#include "parameters.h"

void toy(
    input_t x[2*2], input_t extra[3],
    result_t layer7_out[3]
) {

    #pragma HLS ARRAY_RESHAPE variable=x complete dim=0
    #pragma HLS PIPELINE

#ifndef __SYNTHESIS__
    static bool loaded_weights = false;
    if (!loaded_weights) {
        nnet::load_weights_from_txt<weight2_t, 12>(w2, "w2.txt");
        loaded_weights = true;    }
#endif
    layer2_t layer2_out[3];
    #pragma HLS ARRAY_PARTITION variable=layer2_out complete dim=0

    layer3_t layer3_out[3];

    layer4_t layer4_out[3];

    auto& layer9_out = layer4_out;
    auto& layer8_out = layer9_out;
    layer6_t layer6_out[3];

    nnet::dense<input_t, layer2_t, config2>(x, layer2_out, w2, b2); // first

    nnet::relu<layer2_t, layer3_t, relu_config3>(layer2_out, layer3_out); // positive
#ifndef __SYNTHESIS__
    nnet::save_layer_output<layer3_t>(layer3_out, "positive", 3);
#endif

    nnet::leaky_relu<layer3_t, ap_ufixed<8,-1>, layer4_t, hard_sigmoid_config4>(layer3_out, 0.25, layer4_out); // gate

    nnet::dense_da_6<layer4_t, layer6_t>(layer8_out, layer6_out); // window

    nnet::add<layer6_t, input_t, result_t, config7>(layer6_out, extra, layer7_out); // skip

}
