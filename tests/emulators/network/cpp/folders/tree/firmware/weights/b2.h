#ifndef B2_H_
#define B2_H_
bias2_t b2[3] = {0x0, -0.5f, (1 - 3) / 4.0};
#endif
