//Numpy array shape [4, 3]
#ifndef W2_H_
#define W2_H_

#ifndef __SYNTHESIS__
weight2_t w2[12];
#else
weight2_t w2[12] = {0.1250000000, -0.2500000000, 0.5, 0, 1e-1, -.75, +0.03125, 0.0625, -0.96875, 0.25, 0.40625, 0.21875};

#endif

#endif
