// Random numbers, shuffled rows and their images, as minigan/kernels/random.py has them, bit for bit.
// Nothing is included: NVRTC, nvcc and the tests' g++ all take this text as it is.

typedef unsigned int u32;
typedef unsigned long long u64;

struct Words { u32 a, b, c, d; };

__device__ __forceinline__ Words philox(Words w, u32 k, u32 l) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    u64 p = (u64)w.a * 0xD2511F53u, q = (u64)w.c * 0xCD9E8D57u;
    w = {(u32)(q >> 32) ^ w.b ^ k, (u32)q, (u32)(p >> 32) ^ w.d ^ l, (u32)p};
    k += 0x9E3779B9u;
    l += 0xBB67AE85u;
  }
  return w;
}

// The four numbers of this thread, of which the last may lie after the end
__device__ __forceinline__ void write(float4 four, float* out, u32 i, int n) {
  out += 4 * i;
  out[0] = four.x;
  if (4 * i + 1 < n) out[1] = four.y;
  if (4 * i + 2 < n) out[2] = four.z;
  if (4 * i + 3 < n) out[3] = four.w;
}

extern "C" __global__ void draw_uniform(float* __restrict__ out, u32 k, u32 l, const u64* __restrict__ step, u32 part,
                                        int n) {
  u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * i >= n) return;
  Words w = philox({i, part, (u32)step[0], (u32)(step[0] >> 32)}, k, l);
  const float unit = 5.9604644775390625e-8f;  // 2^-24
  write({(w.a >> 8) * unit, (w.b >> 8) * unit, (w.c >> 8) * unit, (w.d >> 8) * unit}, out, i, n);
}

// Box & Muller 1958
__device__ __forceinline__ float2 normal_pair(u32 a, u32 b) {
  const float unit = 1.1920928955078125e-7f;  // 2^-23
  float u = ((a >> 9) + 0.5f) * unit, v = ((b >> 9) + 0.5f) * unit;
  float radius = sqrtf(-2 * logf(u)), sine, cosine;
  sincospif(2 * v, &sine, &cosine);
  return {radius * cosine, radius * sine};
}

extern "C" __global__ void draw_normal(float* __restrict__ out, u32 k, u32 l, const u64* __restrict__ step, u32 part,
                                       int n) {
  u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * i >= n) return;
  Words w = philox({i, part, (u32)step[0], (u32)(step[0] >> 32)}, k, l);
  float2 first = normal_pair(w.a, w.b), second = normal_pair(w.c, w.d);
  write({first.x, first.y, second.x, second.y}, out, i, n);
}

// rows: where places seen * size + i of the endless list of epochs lead, an epoch being a permutation of 0 ... n - 1
extern "C" __global__ void draw_rows(int* __restrict__ rows, u32 n, u32 low_bits, u32 high_bits, u32 k, u32 l,
                                     const u64* __restrict__ seen, int size) {
  u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= size) return;
  u64 place = seen[0] * size + i, epoch = place / n;
  u32 number = place % n, low_mask = (1u << low_bits) - 1, high_mask = (1u << high_bits) - 1;
  do {
    u32 low = number & low_mask, high = number >> low_bits;
    for (u32 round = 0; round < 8; round += 2) {
      low ^= philox({high, round, (u32)epoch, (u32)(epoch >> 32)}, k, l).a & low_mask;
      high ^= philox({low, round + 1, (u32)epoch, (u32)(epoch >> 32)}, k, l).a & high_mask;
    }
    number = high << low_bits | low;
  } while (number >= n);
  rows[i] = number;
}

// x[r] = images[rows[r]] / 127.5 - 1; images of `size` pixels, n pixels in all that are asked for
extern "C" __global__ void take(const unsigned char* __restrict__ images, const int* __restrict__ rows,
                                float* __restrict__ x, int size, int n) {
  u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u32 r = i / size;
  x[i] = images[(size_t)rows[r] * size + (i - r * size)] / 127.5f - 1;
}
