#ifndef W3_H_
#define W3_H_

namespace Calo_v9p1{
#ifdef LOAD_WEIGHTS_FROM_TEXT
  weight3_t w3[6];
#else
  weight3_t w3[6] = {  -0.085117,    0.026145,
    0.40625,-0.164113, 0.03125,0.21875 };
#endif
}

#endif
