// Enough of CUDA to run a kernel's own text on the CPU: blocks one after the other, the threads of a block as fibres.
//
// A fibre runs until it reaches __syncthreads(), then the next one does, in a new random order after every barrier: what
// depends on the order of threads between two barriers comes out wrong here too. Shared memory holds NaN when a block
// begins. What this cannot see: races inside one warp, alignment of wide loads, speed.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <ucontext.h>
#include <vector>

struct dim3 { unsigned x, y, z; };
struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static dim3 threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__ static
#define __constant__ static const
#define __grid_constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("shim_shared")))
extern char __start_shim_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_shim_shared[] __attribute__((weak, visibility("hidden")));

using std::max;
using std::min;
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }
template <typename T> static inline T __ldg(const T* p) { return *p; }
static inline void sincospif(float x, float* s, float* c) {
  *s = (float)sin(M_PI * (double)x);
  *c = (float)cos(M_PI * (double)x);
}

namespace shim {
enum Error { none, divergent_barrier };
static const size_t STACK = 1 << 16;
static ucontext_t home;
static std::vector<ucontext_t> fibres;
static std::vector<char> stacks, done;
static std::vector<int> waits_at;  // the line of the barrier that each thread has reached
static std::vector<float> exchanged[2];
static std::vector<unsigned> exchanges;
static std::vector<char> dynamic;
static unsigned current;
static std::function<void()>* body;

static void yield(int line) {
  waits_at[current] = line;
  swapcontext(&fibres[current], &home);
}

static void begin() {
  (*body)();
  done[current] = 1;
  swapcontext(&fibres[current], &home);
}

static void set_thread(unsigned t) {
  threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
  current = t;
}

static Error run_block(unsigned T, std::mt19937& random) {
  done.assign(T, 0);
  exchanges.assign(T, 0);
  for (unsigned t = 0; t < T; ++t) {
    getcontext(&fibres[t]);
    fibres[t].uc_stack.ss_sp = &stacks[t * STACK];
    fibres[t].uc_stack.ss_size = STACK;
    makecontext(&fibres[t], begin, 0);
  }
  std::vector<unsigned> waiting(T);
  std::iota(waiting.begin(), waiting.end(), 0u);
  while (!waiting.empty()) {
    std::shuffle(waiting.begin(), waiting.end(), random);
    for (unsigned t : waiting) {
      set_thread(t);
      swapcontext(&home, &fibres[t]);
    }
    waiting.erase(std::remove_if(waiting.begin(), waiting.end(), [](unsigned t) { return done[t]; }), waiting.end());
    for (unsigned t : waiting)
      if (waits_at[t] != waits_at[waiting[0]]) return divergent_barrier;
  }
  return none;
}

static int run(dim3 grid, dim3 block, unsigned shared, unsigned seed, bool together, std::function<void()> kernel) {
  gridDim = grid;
  blockDim = block;
  body = &kernel;
  std::mt19937 random(seed);
  unsigned T = block.x * block.y * block.z;
  fibres.resize(std::max<size_t>(fibres.size(), T));
  waits_at.resize(fibres.size());
  stacks.resize(fibres.size() * STACK);
  for (auto& values : exchanged) values.resize(fibres.size());
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = {x, y, z};
        dynamic.assign(shared + 16, (char)0xff);
        memset(__start_shim_shared, 0xff, __stop_shim_shared - __start_shim_shared);
        if (together) {
          if (Error error = run_block(T, random)) return error;
        } else {
          for (unsigned t = 0; t < T; ++t) {
            set_thread(t);
            kernel();
          }
        }
      }
  return none;
}
}  // namespace shim

#define __syncthreads() shim::yield(__LINE__)
#define SHIM_DYNAMIC ((((size_t)shim::dynamic.data()) + 15) / 16 * 16)

// Every thread of the block must reach a shuffle together, as with a barrier; two buffers take turns.
static inline float __shfl_xor_sync(unsigned, float value, int lanes) {
  unsigned me = shim::current, turn = shim::exchanges[me]++ % 2;
  shim::exchanged[turn][me] = value;
  shim::yield(-1);
  return shim::exchanged[turn][me ^ (unsigned)lanes];
}
