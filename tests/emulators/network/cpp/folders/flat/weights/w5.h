#ifndef W5_H_
#define W5_H_
namespace Calo_v9p1{
  weight5_t w5[8] = {1.5, -1.5, 0.000061035, 2.0, -2.5, 0.125, 0.25, -0.75};
}
#endif
