#ifndef W2_H_
#define W2_H_
weight2_t w2[4] = {1, 2, 3, 4};
#endif
