#ifndef P7_H_
#define P7_H_
packed_t p7[2] = {{0, 1, 0.5}, {2, 3, -0.25}};
bias2_t zeros[4] = {0};
#endif
