#include "calo.h"
#include "parameters.h"

namespace Calo_v9p1{

  void calo(
            input_t In[N_INPUT_1_1],
            result_t layer5_out[N_LAYER_5]
            ) {
#pragma HLS INLINE

#ifdef LOAD_WEIGHTS_FROM_TEXT
    nnet::load_weights_from_txt<weight3_t, 6>(w3, "w3.txt");
#endif

    auto& layer2_out = In;
    layer3_t layer3_out[OUT_HEIGHT_3*OUT_WIDTH_3*N_FILT_3];
    nnet::conv_2d_cl<input_t, layer3_t, config3>(layer2_out, layer3_out, w3, b3); // conv

    layer4_t layer4_out[OUT_HEIGHT_3*OUT_WIDTH_3*N_FILT_3];
    nnet::relu<layer3_t, layer4_t, relu_config4>(layer3_out, layer4_out); // relu
    // nnet::relu<layer3_t, layer4_t, relu_config9>(layer3_out, layer9_out); // dead

    nnet::dense<layer4_t, result_t, config5>(layer4_out, layer5_out, w5, Calo_v9p1::b3); // out
  }
}
