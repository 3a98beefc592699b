// Vectors as wide as the target's registers, and the functions on them that a transformer needs.
//
// Weights, keys and values are stored in units of 4 bytes: one float, or a pair of bfloat16 that
// are neighbours along the summed dimension. So the same loops multiply both.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace tto {

#if defined(__AVX512F__)
constexpr int LANES = 16, MAX_ROWS = 6, VECTORS = 4, GROUP = 8;
#elif defined(__AVX2__)
constexpr int LANES = 8, MAX_ROWS = 6, VECTORS = 2, GROUP = 4;
#else
constexpr int LANES = 4, MAX_ROWS = 4, VECTORS = 2, GROUP = 4;
#endif
constexpr int PANEL = 64;  // columns to which rows of activations are padded

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef float vf_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint16_t vh __attribute__((vector_size(LANES * 2)));
typedef int32_t unit;  // read as other types, so compiled with -fno-strict-aliasing

struct bf16 {
    uint16_t bits;
};

template <class T>
constexpr int STEP = 4 / sizeof(T);  // elements of the summed dimension in a unit

inline vf load(const void* p) { return *static_cast<const vf_unaligned*>(p); }
inline void store(void* p, vf x) { *static_cast<vf_unaligned*>(p) = x; }
inline vf splat(float x) { return vf{} + x; }
inline vi splat(int32_t x) { return vi{} + x; }
inline vf choose(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
inline vf maximum(vf a, vf b) { return a > b ? a : b; }
inline vf minimum(vf a, vf b) { return a < b ? a : b; }

inline vi lane_numbers() {
    vi lanes;
    for (int i = 0; i < LANES; ++i) lanes[i] = i;
    return lanes;
}

template <class Reduce>
inline float reduce(vf x, Reduce combine) {
    float t[LANES];
    memcpy(t, &x, sizeof t);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; ++i) t[i] = combine(t[i], t[i + half]);
    return t[0];
}
#if defined(__AVX512F__)
inline float sum(vf x) { return _mm512_reduce_add_ps((__m512)x); }
inline float largest(vf x) { return _mm512_reduce_max_ps((__m512)x); }
#else
inline float sum(vf x) { return reduce(x, [](float a, float b) { return a + b; }); }
inline float largest(vf x) { return reduce(x, [](float a, float b) { return a > b ? a : b; }); }
#endif

inline uint16_t round_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
inline void convert(float x, float* to) { *to = x; }
inline void convert(float x, bf16* to) { to->bits = round_bf16(x); }

inline void store_as(float* p, vf x) { store(p, x); }
inline void store_as(bf16* p, vf x) {
#if defined(__AVX512BF16__)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh((__m512)x));
#else
    vi bits = (vi)x;
    bits = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    vh half = __builtin_convertvector(bits, vh);
    memcpy(p, &half, sizeof half);
#endif
}

// total + the unit `a` times each lane of `b`, summed over the elements of the unit
template <class T>
inline vf dot(vf total, unit a, vf b);
template <>
inline vf dot<float>(vf total, unit a, vf b) {
    float x;
    memcpy(&x, &a, 4);
    return total + x * b;
}
template <>
inline vf dot<bf16>(vf total, unit a, vf b) {
#if defined(__AVX512BF16__)
    return (vf)_mm512_dpbf16_ps((__m512)total, (__m512bh)_mm512_set1_epi32(a), (__m512bh)b);
#else
    uint32_t low = static_cast<uint32_t>(a) << 16, high = static_cast<uint32_t>(a) & 0xffff0000u;
    float x, y;
    memcpy(&x, &low, 4);
    memcpy(&y, &high, 4);
    vf even = (vf)(vi)((vi)b << 16), odd = (vf)((vi)b & splat(int32_t(0xffff0000u)));
    return total + x * even + y * odd;
#endif
}

// 2^x for x <= 0, to about 1 ulp (float) or 1e-4 (bf16); 0 below 2^-126
template <class T>
inline vf exp2(vf x) {
    vi tiny = x < -126.0f;
    x = maximum(x, splat(-126.0f));
    vf magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    vf shifted = x + magic;
    vf f = x - (shifted - magic);
    vi exponent = ((vi)shifted - (vi)magic) << 23;
    vf y;
    if (sizeof(T) == 4) {
        y = f * 1.540353039e-4f + 1.333355815e-3f;
        y = y * f + 9.618129108e-3f;
        y = y * f + 5.550410866e-2f;
        y = y * f + 2.402265070e-1f;
        y = y * f + 6.931471806e-1f;
        y = y * f + 1.0f;
    } else {
        y = f * 0.05517166f + 0.24261112f;
        y = y * f + 0.69326099f;
        y = y * f + 0.99992807f;
    }
    return choose(tiny, vf{}, (vf)((vi)y + exponent));
}

// x Phi(x) with the error function as a ratio of polynomials, to a few ulp
inline vf gelu(vf x, float) {
    vf z = minimum(maximum(x * 0.7071067811865475f, splat(-4.0f)), splat(4.0f));
    vf s = z * z;
    vf p = s * -2.72614225801306e-10f + 2.77068142495902e-08f;
    p = p * s + -2.10102402082508e-06f;
    p = p * s + -5.69250639462346e-05f;
    p = p * s + -7.34990630326855e-04f;
    p = p * s + -2.95459980854025e-03f;
    p = p * s + -1.60960333262415e-02f;
    vf q = s * -1.45660718464996e-05f + -2.13374055278905e-04f;
    q = q * s + -1.68282697438203e-03f;
    q = q * s + -7.37332916720468e-03f;
    q = q * s + -1.42647390514189e-02f;
    return 0.5f * x * (1.0f + z * p / q);
}

// The same with an error of at most 7e-5 x, less than bfloat16 resolves: Phi(x) - 1/2 is x times a
// polynomial of x^2 with the least maximal error on [-3.8, 3.8].
constexpr float GELU_LIMIT = 3.8f;
constexpr float GELU[] = {3.665575993e-08f,  -2.272376156e-06f, 6.068341039e-05f,
                          -9.315369193e-04f, 9.316595971e-03f,  -6.571972688e-02f,
                          3.986767194e-01f};
inline vf gelu(vf x, bf16) {
    vf z = minimum(maximum(x, splat(-GELU_LIMIT)), splat(GELU_LIMIT));
    vf s = z * z;
    vf p = splat(GELU[0]);
    for (int i = 1; i < 7; ++i) p = p * s + GELU[i];
    return x * (z * p + 0.5f);
}

}  // namespace tto
