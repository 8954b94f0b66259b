#ifndef PARAMETERS_H_
#define PARAMETERS_H_
#include "nnet_utils/nnet_dense.h"
struct config2 : nnet::dense_config {
    static const unsigned n_in = 2;
    typedef weight2_t weight_t;
};
struct relu_config3 : nnet::activ_config {
    static const unsigned n_in = 2;
};
#endif
