// Sums down the columns of row-major matrices: the sums of batch norm and of biases, channels being columns.
//
// A block of W x H threads, both powers of two, takes W columns and one of gridDim.y slices of the rows; its row y of
// threads takes rows y, y + H, ... of the slice. What the slices give is put together by a second launch, always
// in the same order: the same numbers give the same bits.
//
// Nothing is included: NVRTC, nvcc and the tests' g++ all take this text as it is.

#define THREADS 256

struct Slice { int column, begin, end; };

__device__ __forceinline__ Slice slice(int rows) {
  int size = (rows + gridDim.y - 1) / gridDim.y, begin = blockIdx.y * size;
  return {int(blockIdx.x * blockDim.x + threadIdx.x), begin, min(begin + size, rows)};
}

__device__ __forceinline__ int thread() { return threadIdx.y * blockDim.x + threadIdx.x; }

// The sum of `value` over the threads of one column, for the first of them.
__device__ __forceinline__ float summed(float value, float* held) {
  int t = thread();
  held[t] = value;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) held[t] += held[t + half * blockDim.x];
  }
  return held[t];
}

// sums (slices, columns)
extern "C" __global__ void column_sums(const float* __restrict__ x, float* __restrict__ sums, int rows, int columns) {
  __shared__ float held[THREADS];
  Slice s = slice(rows);
  float sum = 0;
  if (s.column < columns)
    for (int r = s.begin + threadIdx.y; r < s.end; r += blockDim.y) sum += x[(size_t)r * columns + s.column];
  sum = summed(sum, held);
  if (threadIdx.y == 0 && s.column < columns) sums[blockIdx.y * columns + s.column] = sum;
}

// The sums of dy and of dy * (x - mean) * rstd: sums (slices, 2 * columns), the latter after the former
extern "C" __global__ void batchnorm_sums(const float* __restrict__ dy, const float* __restrict__ x,
                                          const float* __restrict__ mean, const float* __restrict__ rstd,
                                          float* __restrict__ sums, int rows, int columns) {
  __shared__ float held[2][THREADS];
  Slice s = slice(rows);
  float a = 0, b = 0;
  if (s.column < columns) {
    float m = mean[s.column], scale = rstd[s.column];
    for (int r = s.begin + threadIdx.y; r < s.end; r += blockDim.y) {
      size_t i = (size_t)r * columns + s.column;
      a += dy[i];
      b += dy[i] * ((x[i] - m) * scale);
    }
  }
  a = summed(a, held[0]);
  b = summed(b, held[1]);
  if (threadIdx.y == 0 && s.column < columns) {
    float* row = sums + blockIdx.y * 2 * columns;
    row[s.column] = a;
    row[columns + s.column] = b;
  }
}

// How many values, their mean, and the sum of their squared distances from it
struct Moments { float n, mean, squares; };

// Chan, Golub & LeVeque 1979: nothing large is subtracted from anything large
__device__ __forceinline__ Moments merged(Moments a, Moments b) {
  if (b.n == 0) return a;
  if (a.n == 0) return b;
  float n = a.n + b.n, share = b.n / n, d = b.mean - a.mean;
  return {n, a.mean + d * share, a.squares + b.squares + d * d * (a.n * share)};
}

__device__ __forceinline__ Moments all_merged(Moments value, Moments* held) {
  int t = thread();
  held[t] = value;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) held[t] = merged(held[t], held[t + half * blockDim.x]);
  }
  return held[t];
}

__device__ __forceinline__ void write(Moments all, int column, int columns, float* moments) {
  float* mean = moments + blockIdx.y * columns;
  mean[column] = all.mean;
  mean[gridDim.y * columns + column] = all.squares / all.n;
}

// moments (2, slices, columns): mean and biased variance of every slice, none of which is empty.
// A thread measures from its own first value p. The squares about p are at most n times those about the mean, p being
// one of the n values: so what cancels is small, wherever the values lie.
extern "C" __global__ void column_moments(const float* __restrict__ x, float* __restrict__ moments, int rows,
                                          int columns) {
  __shared__ Moments held[THREADS];
  Slice s = slice(rows);
  Moments own = {0, 0, 0};
  int first = s.begin + threadIdx.y;
  if (s.column < columns && first < s.end) {
    float p = x[(size_t)first * columns + s.column], sum = 0, squares = 0;
    for (int r = first; r < s.end; r += blockDim.y) {
      float d = x[(size_t)r * columns + s.column] - p;
      sum += d;
      squares += d * d;
      own.n += 1;
    }
    own.mean = p + sum / own.n;
    own.squares = squares - sum * (sum / own.n);
    if (own.squares < 0) own.squares = 0;
  }
  own = all_merged(own, held);
  if (threadIdx.y == 0 && s.column < columns) write(own, s.column, columns, moments);
}

// parts (2, slices, columns) of slices of `size` rows, the last being the rest; moments (2, columns)
extern "C" __global__ void merged_moments(const float* __restrict__ parts, float* __restrict__ moments, int slices,
                                          int size, int rows, int columns) {
  __shared__ Moments held[THREADS];
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  Moments own = {0, 0, 0};
  if (column < columns)
    for (int k = threadIdx.y; k < slices; k += blockDim.y) {
      float n = min(size, rows - k * size), mean = parts[k * columns + column];
      own = merged(own, {n, mean, n * parts[(slices + k) * columns + column]});
    }
  own = all_merged(own, held);
  if (threadIdx.y == 0 && column < columns) write(own, column, columns, moments);
}
