// Enough of CUDA to run a kernel's own text on the CPU: blocks one after the other, the threads of a block as fibres.
//
// A fibre runs until it reaches __syncthreads(), then the next one does, in a new random order after every barrier: what
// depends on the order of threads between two barriers comes out wrong here too. Shared memory holds NaN when a block
// begins. What this cannot see: races inside one warp, alignment of wide loads, speed.
#pragma once
#include <math.h>
#include <string.h>
#include <ucontext.h>
#include <utility>
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

template <typename T> static inline T max(T a, T b) { return a < b ? b : a; }
template <typename T> static inline T min(T a, T b) { return b < a ? b : a; }
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
static void (*body)(const void*);  // the kernel, given its arguments
static const void* arguments;
static unsigned long long chance;

static void yield(int line) {
  waits_at[current] = line;
  swapcontext(&fibres[current], &home);
}

static void begin() {
  body(arguments);
  done[current] = 1;
  swapcontext(&fibres[current], &home);
}

static void set_thread(unsigned t) {
  threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
  current = t;
}

static void shuffle(std::vector<unsigned>& order) {
  for (size_t i = order.size(); i > 1; --i) {
    chance = chance * 6364136223846793005ull + 1442695040888963407ull;
    std::swap(order[i - 1], order[(chance >> 33) % i]);
  }
}

static Error run_block(unsigned T) {
  std::vector<unsigned> waiting(T);
  done.assign(T, 0);
  exchanges.assign(T, 0);
  for (unsigned t = 0; t < T; ++t) {
    waiting[t] = t;
    getcontext(&fibres[t]);
    fibres[t].uc_stack.ss_sp = &stacks[t * STACK];
    fibres[t].uc_stack.ss_size = STACK;
    makecontext(&fibres[t], begin, 0);
  }
  while (!waiting.empty()) {
    shuffle(waiting);
    for (unsigned t : waiting) {
      set_thread(t);
      swapcontext(&home, &fibres[t]);
    }
    std::vector<unsigned> still;
    for (unsigned t : waiting)
      if (!done[t]) still.push_back(t);
    for (unsigned t : still)
      if (waits_at[t] != waits_at[still[0]]) return divergent_barrier;
    waiting = still;
  }
  return none;
}

static Error run_together_or_in_turn(unsigned T, bool together) {
  if (together) return run_block(T);
  for (unsigned t = 0; t < T; ++t) {
    set_thread(t);
    body(arguments);
  }
  return none;
}

template <typename Kernel>
static int run(dim3 grid, dim3 block, unsigned shared, unsigned seed, bool together, const Kernel& kernel) {
  gridDim = grid;
  blockDim = block;
  body = [](const void* it) { (*(const Kernel*)it)(); };
  arguments = &kernel;
  chance = seed;
  unsigned T = block.x * block.y * block.z;
  if (fibres.size() < T) fibres.resize(T);
  waits_at.resize(fibres.size());
  stacks.resize(fibres.size() * STACK);
  for (auto& values : exchanged) values.resize(fibres.size());
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = {x, y, z};
        dynamic.assign(shared + 16, (char)0xff);
        memset(__start_shim_shared, 0xff, __stop_shim_shared - __start_shim_shared);
        if (Error error = run_together_or_in_turn(T, together)) return error;
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
