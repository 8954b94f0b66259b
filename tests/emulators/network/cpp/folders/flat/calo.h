#ifndef CALO_H_
#define CALO_H_
#include "defines.h"
namespace Calo_v9p1{
  void calo(input_t In[N_INPUT_1_1], result_t layer5_out[N_LAYER_5]);
}
#endif
