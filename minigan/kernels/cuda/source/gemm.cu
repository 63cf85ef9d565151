// out = alpha a b + beta out for row-major a (M, K), b (K, N), out (M, N); where turned, a is stored as (K, M) or b as
// (N, K).
//
// A block of 256 threads computes a tile of 64 x 64, a thread 4 x 4 numbers of it, 16 apart: neighbours in a warp read
// neighbouring columns. The factors pass through shared memory 16 deep. Every sum runs in the order of K.

#define TILE 64
#define DEPTH 16
#define SIDE 16  // threads along one side of the tile
#define EACH 4   // numbers of one thread along one side

// A 64 x 16 piece of op(x), from row `top` and column `left`; 0 outside. Neighbouring threads read neighbouring memory.
__device__ void fetch(float piece[DEPTH][TILE + 1], const float* x, int top, int left, int rows, int columns,
                      bool turned) {
    for (int e = threadIdx.x; e < TILE * DEPTH; e += SIDE * SIDE) {
        int r = turned ? e % TILE : e / DEPTH, c = turned ? e / TILE : e % DEPTH;
        bool inside = top + r < rows && left + c < columns;
        size_t at = turned ? (size_t)(left + c) * rows + top + r : (size_t)(top + r) * columns + left + c;
        piece[c][r] = inside ? x[at] : 0.0f;
    }
}

extern "C" __global__ void gemm(const float* a, const float* b, float* out, int M, int N, int K, int a_turned,
                                int b_turned, float alpha, float beta) {
    __shared__ float a_piece[DEPTH][TILE + 1];
    __shared__ float b_piece[DEPTH][TILE + 1];
    int row = threadIdx.x / SIDE, column = threadIdx.x % SIDE;
    int tiles = (N + TILE - 1) / TILE, top = blockIdx.x / tiles * TILE, left = blockIdx.x % tiles * TILE;
    float sum[EACH][EACH] = {};
    for (int k = 0; k < K; k += DEPTH) {
        fetch(a_piece, a, top, k, M, K, a_turned);
        fetch(b_piece, b, left, k, N, K, !b_turned);  // b's columns are the rows of its transpose
        __syncthreads();
        for (int d = 0; d < DEPTH; ++d)
            for (int i = 0; i < EACH; ++i)
                for (int j = 0; j < EACH; ++j) sum[i][j] += a_piece[d][row + SIDE * i] * b_piece[d][column + SIDE * j];
        __syncthreads();
    }
    for (int i = 0; i < EACH; ++i)
        for (int j = 0; j < EACH; ++j) {
            int r = top + row + SIDE * i, c = left + column + SIDE * j;
            if (r >= M || c >= N) continue;
            size_t at = (size_t)r * N + c;
            out[at] = beta == 0.0f ? alpha * sum[i][j] : alpha * sum[i][j] + beta * out[at];
        }
}
