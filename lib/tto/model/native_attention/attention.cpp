// Causal attention and its gradients, a head of a sequence at a time, in the caches.
//
// Rows of queries take turns with all keys before them: scores of a few rows, their weights, then
// sums of values. The gradients compute the weights again, from each row's normaliser. Numbers are
// read and written as float or bfloat16; all sums are float.
//
// Letters: L tokens, M of them attended to (padded to vectors: W), K channels of a head (padded: P).

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <vector>

#include "simd.h"
#include "threads.h"

namespace tto {

constexpr float LOG2_E = 1.4426950408889634f, LN_2 = 0.6931471805599453f;

// A tensor (batch, heads, tokens, channels), whose channels are neighbours; strides in elements.
struct View {
    void* data;
    int64_t batch, head, token;
};

struct Sizes {
    int32_t batch, heads, tokens, channels, bfloat16, threads;
};

inline float widen(float x) { return x; }
inline float widen(bf16 x) {
    uint32_t bits = uint32_t(x.bits) << 16;
    float wide;
    memcpy(&wide, &bits, 4);
    return wide;
}

// The tokens that others attend to; ends[i] of them are not after token i.
struct Seen {
    std::vector<int> tokens, ends;

    Seen(const uint8_t* mask, int L) {
        for (int l = 0; l < L; ++l) {
            if (mask[l]) tokens.push_back(l);
            ends.push_back(int(tokens.size()));
        }
    }
    int count() const { return int(tokens.size()); }
};

// A row of a head as float, padded with zeros and times a factor.
template <class T>
void read(const T* from, int K, int P, float factor, float* row) {
    for (int k = 0; k < K; ++k) row[k] = widen(from[k]) * factor;
    for (int k = K; k < P; ++k) row[k] = 0;
}

template <class T>
void write(const float* row, int K, float factor, T* to) {
    for (int k = 0; k < K; ++k) convert(row[k] * factor, to + k);
}

inline void transpose(const float* rows, int L, int K, int P, int W, float* columns) {
    for (int k = 0; k < K; ++k, columns += W) {
        for (int l = 0; l < L; ++l) columns[l] = rows[l * P + k];
        for (int l = L; l < W; ++l) columns[l] = 0;
    }
}

inline int whole(int n) { return (n + LANES - 1) / LANES * LANES; }

// out[r, j] = rows[r] . columns[:, j] for R rows and the first n columns, n a multiple of LANES
template <int R, int VECTORS_AT_ONCE>
int products(const float* rows, int P, const float* columns, int K, int W, int j, int n,
             float* out) {
    constexpr int X = VECTORS_AT_ONCE;
    for (; j + X * LANES <= n; j += X * LANES) {
        vf sums[R][X];
        for (int r = 0; r < R; ++r)
            for (int x = 0; x < X; ++x) sums[r][x] = vf{};
        for (int k = 0; k < K; ++k) {
            vf values[X];
            for (int x = 0; x < X; ++x) values[x] = load(columns + k * W + j + x * LANES);
            for (int r = 0; r < R; ++r)
                for (int x = 0; x < X; ++x) sums[r][x] += rows[r * P + k] * values[x];
        }
        for (int r = 0; r < R; ++r)
            for (int x = 0; x < X; ++x) store(out + r * W + j + x * LANES, sums[r][x]);
    }
    return j;
}
template <int R>
void products(const float* rows, int P, const float* columns, int K, int W, int n, float* out) {
    int done = products<R, 2>(rows, P, columns, K, W, 0, n, out);
    products<R, 1>(rows, P, columns, K, W, done, n, out);
}

// A head's attention; N vectors hold the channels of a token.
template <int N>
class Head {
   public:
    static constexpr int P = N * LANES, ROWS = N == 1 ? 8 : 4;

    Head(int tokens, int channels, const Seen& seen)
        : L(tokens),
          K(channels),
          M(seen.count()),
          W(whole(M)),
          seen_(seen),
          memory_(size_t(3 * L + 4 * M) * P + 2 * size_t(P) * W + 2 * size_t(ROWS) * W + L) {
        float* next = memory_.data();
        for (float** part : {&q_, &d_, &dq_}) *part = next, next += L * P;
        for (float** part : {&k_, &v_, &dk_, &dv_}) *part = next, next += M * P;
        for (float** part : {&keys_, &values_}) *part = next, next += P * W;
        for (float** part : {&weights_, &slopes_}) *part = next, next += ROWS * W;
        shares_ = next;
    }

    // Writes the sums of values, and log2 of each row's normaliser.
    template <class T>
    void forward(const View& q, const View& k, const View& v, const View& out, float* normalisers,
                 int b, int h) {
        take<T>(q, k, v, b, h);
        int i = 0;
        for (; i + ROWS <= L; i += ROWS) sums<ROWS, T>(i, out, normalisers, b, h);
        for (; i < L; ++i) sums<1, T>(i, out, normalisers, b, h);
    }

    template <class T>
    void backward(const View& q, const View& k, const View& v, const View& out,
                  const float* normalisers, const View& d, const View& dq, const View& dk,
                  const View& dv, int b, int h) {
        take<T>(q, k, v, b, h);
        transpose(v_, M, K, P, W, values_);
        for (int l = 0; l < L; ++l) {
            read(at<T>(d, b, h, l), K, P, 1, d_ + l * P);
            const T* sums = at<T>(out, b, h, l);
            shares_[l] = 0;
            for (int k = 0; k < K; ++k) shares_[l] += d_[l * P + k] * widen(sums[k]);
        }
        std::fill(dk_, dk_ + 2 * M * P, 0.0f);
        int i = 0;
        for (; i + ROWS <= L; i += ROWS) slopes<ROWS>(i, normalisers);
        for (; i < L; ++i) slopes<1>(i, normalisers);
        for (int l = 0; l < L; ++l) {
            write(dq_ + l * P, K, 1 / std::sqrt(float(K)), at<T>(dq, b, h, l));
            std::fill_n(at<T>(dk, b, h, l), K, T{});
            std::fill_n(at<T>(dv, b, h, l), K, T{});
        }
        for (int m = 0; m < M; ++m) {
            int l = seen_.tokens[m];
            write(dk_ + m * P, K, LN_2, at<T>(dk, b, h, l));  // queries have a factor LOG2_E
            write(dv_ + m * P, K, 1, at<T>(dv, b, h, l));
        }
    }

   private:
    template <class T>
    static T* at(const View& view, int b, int h, int l) {
        return static_cast<T*>(view.data) + b * view.batch + h * view.head + l * view.token;
    }

    template <class T>
    void take(const View& q, const View& k, const View& v, int b, int h) {
        for (int l = 0; l < L; ++l)
            read(at<T>(q, b, h, l), K, P, LOG2_E / std::sqrt(float(K)), q_ + l * P);
        for (int m = 0; m < M; ++m) {
            read(at<T>(k, b, h, seen_.tokens[m]), K, P, 1, k_ + m * P);
            read(at<T>(v, b, h, seen_.tokens[m]), K, P, 1, v_ + m * P);
        }
        transpose(k_, M, K, P, W, keys_);
    }

    template <int R, class T>
    void sums(int i, const View& out, float* normalisers, int b, int h) {
        int end = seen_.ends[i + R - 1], n = whole(end);
        products<R>(q_ + i * P, P, keys_, K, W, n, weights_);
        vf all[R][N];
        float inverse[R];
        for (int r = 0; r < R; ++r) {
            float* row = weights_ + r * W;
            std::fill(row + seen_.ends[i + r], row + n, -1e30f);  // the future has no weight
            vf most = load(row), total{}, odd{};
            for (int j = LANES; j < n; j += LANES) most = maximum(most, load(row + j));
            float top = largest(most);
            for (int j = 0; j < n; j += LANES) {
                vf score = load(row + j), weight = exp2<float>(score - top);
                total += weight;
                odd += score * 0.0f;  // NaN if a score is NaN or infinite
                store(row + j, weight);
            }
            float whole = sum(total) + sum(odd);
            inverse[r] = 1 / whole;
            normalisers[i + r] = top + std::log2(whole);
            for (int x = 0; x < N; ++x) all[r][x] = vf{};
        }
        for (int j = 0; j < end; ++j)
            for (int x = 0; x < N; ++x) {
                vf value = load(v_ + j * P + x * LANES);
                for (int r = 0; r < R; ++r) all[r][x] += weights_[r * W + j] * value;
            }
        for (int r = 0; r < R; ++r) {
            float row[P];
            for (int x = 0; x < N; ++x) store(row + x * LANES, all[r][x]);
            write(row, K, inverse[r], at<T>(out, b, h, i + r));
        }
    }

    template <int R>
    void slopes(int i, const float* normalisers) {
        int end = seen_.ends[i + R - 1], n = whole(end);
        products<R>(q_ + i * P, P, keys_, K, W, n, weights_);
        products<R>(d_ + i * P, P, values_, K, W, n, slopes_);
        vi lanes = lane_numbers();
        for (int r = 0; r < R; ++r)
            for (int j = 0; j < n; j += LANES) {
                float *weights = weights_ + r * W + j, *slopes = slopes_ + r * W + j;
                // rounding may make a weight exceed 1
                vf power = minimum(load(weights) - normalisers[i + r], vf{});
                vf weight = choose(lanes + j < seen_.ends[i + r], exp2<float>(power), vf{});
                store(weights, weight);
                store(slopes, weight * (load(slopes) - shares_[i + r]));
            }
        vf q[R][N], d[R][N], dq[R][N];
        for (int r = 0; r < R; ++r)
            for (int x = 0; x < N; ++x) {
                q[r][x] = load(q_ + (i + r) * P + x * LANES);
                d[r][x] = load(d_ + (i + r) * P + x * LANES);
                dq[r][x] = vf{};
            }
        for (int j = 0; j < end; ++j)
            for (int x = 0; x < N; ++x) {
                int at = j * P + x * LANES;
                vf key = load(k_ + at), dk = load(dk_ + at), dv = load(dv_ + at);
                for (int r = 0; r < R; ++r) {
                    float weight = weights_[r * W + j], slope = slopes_[r * W + j];
                    dq[r][x] += slope * key;
                    dk += slope * q[r][x];
                    dv += weight * d[r][x];
                }
                store(dk_ + at, dk);
                store(dv_ + at, dv);
            }
        for (int r = 0; r < R; ++r)
            for (int x = 0; x < N; ++x) store(dq_ + (i + r) * P + x * LANES, dq[r][x]);
    }

    const int L, K, M, W;
    const Seen& seen_;
    std::vector<float> memory_;
    float *q_, *k_, *v_, *d_, *dq_, *dk_, *dv_, *keys_, *values_, *weights_, *slopes_, *shares_;
};

constexpr int MOST_CHANNELS = 8 * LANES;

// Calls task(head, batch, head number) for all heads of all sequences.
template <int N, class Task>
void each_head(const Sizes& s, const uint8_t* mask, const Task& task) {
    Seen seen(mask, s.tokens);
    Threads threads(s.threads);
    std::vector<std::unique_ptr<Head<N>>> heads;
    for (int i = 0; i < threads.count(); ++i)
        heads.push_back(std::make_unique<Head<N>>(s.tokens, s.channels, seen));
    threads.run(s.batch * s.heads, [&](int number, int thread) {
        task(*heads[thread], number / s.heads, number % s.heads);
    });
}

template <class Task>
int each(const Sizes& s, const uint8_t* mask, const Task& task) {
    try {
        if (s.channels <= LANES) each_head<1>(s, mask, task);
        else if (s.channels <= 2 * LANES) each_head<2>(s, mask, task);
        else if (s.channels <= 4 * LANES) each_head<4>(s, mask, task);
        else each_head<8>(s, mask, task);
        return 0;
    } catch (const std::exception&) {
        return -1;
    }
}

}  // namespace tto

extern "C" {

using tto::View;

int tto_most_channels() { return tto::MOST_CHANNELS; }

// mask: 1 for each token that is attended to, the first one included; tensors: queries, keys,
// values, sums of values; normalisers: (batch, heads, tokens)
int tto_attention(const tto::Sizes* sizes, const uint8_t* mask, const View* tensors,
                  float* normalisers) {
    return tto::each(*sizes, mask, [&](auto& head, int b, int h) {
        const View *q = tensors, *k = q + 1, *v = q + 2, *out = q + 3;
        float* rows = normalisers + (int64_t(b) * sizes->heads + h) * sizes->tokens;
        if (sizes->bfloat16) head.template forward<tto::bf16>(*q, *k, *v, *out, rows, b, h);
        else head.template forward<float>(*q, *k, *v, *out, rows, b, h);
    });
}

// tensors: queries, keys, values, sums, and the gradients of sums, queries, keys and values
int tto_attention_gradients(const tto::Sizes* sizes, const uint8_t* mask, const View* tensors,
                            const float* normalisers) {
    return tto::each(*sizes, mask, [&](auto& head, int b, int h) {
        const View *q = tensors, *k = q + 1, *v = q + 2, *out = q + 3;
        const View *d = q + 4, *dq = q + 5, *dk = q + 6, *dv = q + 7;
        const float* rows = normalisers + (int64_t(b) * sizes->heads + h) * sizes->tokens;
        if (sizes->bfloat16)
            head.template backward<tto::bf16>(*q, *k, *v, *out, rows, *d, *dq, *dk, *dv, b, h);
        else
            head.template backward<float>(*q, *k, *v, *out, rows, *d, *dq, *dk, *dv, b, h);
    });
}
}
