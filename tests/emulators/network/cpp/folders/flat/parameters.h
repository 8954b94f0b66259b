#ifndef PARAMETERS_H_
#define PARAMETERS_H_

#include "ap_fixed.h"
#include "nnet_utils/nnet_helpers.h"

#include "weights/w3.h"
#include "weights/b3.h"
/* #include "weights/w5_old.h" */
#include "weights/w5.h"

namespace Calo_v9p1{
  struct config3_mult : nnet::dense_config {
    static const unsigned n_in = 3;
    static const unsigned strategy = nnet::resource;
    typedef conv_accum_t accum_t;
  };

  struct config3 : nnet::conv2d_config {
    static const unsigned n_chan = 1;
    static const unsigned n_filt = N_FILT_3;
    static const unsigned out_height = OUT_HEIGHT_3;
    static const unsigned n_pixels = out_height * OUT_WIDTH_3 / 1;
    typedef config3_mult mult_config;
  };

  struct relu_config4 : nnet::activ_config {
    static const unsigned n_in = OUT_HEIGHT_3*OUT_WIDTH_3*N_FILT_3;
  };

  struct config5 : nnet::dense_config {
    static const unsigned n_in = 4;
    static const unsigned n_out = N_LAYER_5;
    typedef conv_accum_t accum_t;
    template<class x_T, class y_T>
      using product = nnet::product::mult<x_T, y_T>;
  };
}

#endif
