#ifndef B3_H_
#define B3_H_
namespace Calo_v9p1{
  bias3_t b3[2] = {0, 0};
}
#endif
