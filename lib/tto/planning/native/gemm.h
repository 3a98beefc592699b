// Matrix products of a tile of rows with packed weights.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "simd.h"

namespace tto {

constexpr int COLUMNS = LANES * VECTORS;  // columns of a panel of packed weights

inline int padded(int n, int to) { return (n + to - 1) / to * to; }

// Aligned memory, zero at first, that is never resized. Large buffers use huge pages: with small
// ones, reads of a few kilobytes here and there would miss the translation lookaside buffer.
template <class T>
class Buffer {
   public:
    Buffer() = default;
    explicit Buffer(size_t n) {
        size_t alignment = n * sizeof(T) < HUGE_PAGE / 2 ? 64 : HUGE_PAGE;
        size_t bytes = (n * sizeof(T) + alignment - 1) / alignment * alignment;
        memory_.reset(static_cast<T*>(std::aligned_alloc(alignment, bytes)));
        if (!memory_) throw std::bad_alloc();
#if defined(__linux__)
        if (alignment == HUGE_PAGE) madvise(memory_.get(), bytes, MADV_HUGEPAGE);
#endif
        memset(static_cast<void*>(memory_.get()), 0, bytes);
    }
    T* data() { return memory_.get(); }
    const T* data() const { return memory_.get(); }
    T& operator[](size_t i) { return memory_.get()[i]; }
    const T& operator[](size_t i) const { return memory_.get()[i]; }

   private:
    static constexpr size_t HUGE_PAGE = size_t(2) << 20;
    struct Free {
        void operator()(T* memory) const { std::free(memory); }
    };
    std::unique_ptr<T[], Free> memory_;
};

// Weights (inputs, outputs) as panels of COLUMNS outputs; a panel has its units of inputs in order.
template <class T>
struct Packed {
    int units = 0, panels = 0;
    Buffer<unit> data;
    Buffer<float> bias;

    Packed() = default;
    Packed(int inputs, int outputs)
        : units(padded(inputs, STEP<T>) / STEP<T>),
          panels(padded(outputs, COLUMNS) / COLUMNS),
          data(size_t(units) * panels * COLUMNS),
          bias(size_t(panels) * COLUMNS) {}

    void set(int input, int output, float value) {
        size_t panel = output / COLUMNS, column = output % COLUMNS;
        size_t place = (panel * units + input / STEP<T>) * COLUMNS + column;
        T* at = reinterpret_cast<T*>(data.data() + place) + input % STEP<T>;
        convert(value, at);
    }
};

template <class T, int ROWS, class Epilogue>
inline void multiply_block(const unit* a, int stride, const unit* w, int units, int row,
                           int column, Epilogue& epilogue) {
    vf total[ROWS][VECTORS] = {};
    for (int u = 0; u < units; ++u, w += COLUMNS) {
        vf weights[VECTORS];
        for (int v = 0; v < VECTORS; ++v) weights[v] = load(w + v * LANES);
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < VECTORS; ++v)
                total[r][v] = dot<T>(total[r][v], a[r * stride + u], weights[v]);
    }
    for (int r = 0; r < ROWS; ++r)
        for (int v = 0; v < VECTORS; ++v) epilogue(row + r, column + v * LANES, total[r][v]);
}

template <class T, int ROWS, class Epilogue>
inline void multiply_rows(int rows, const unit* a, int stride, const unit* w, int units, int row,
                          int column, Epilogue& epilogue) {
    if (rows == ROWS)
        multiply_block<T, ROWS>(a, stride, w, units, row, column, epilogue);
    else if constexpr (ROWS > 1)
        multiply_rows<T, ROWS - 1>(rows, a, stride, w, units, row, column, epilogue);
}

// Multiply the rows `a` by `weights`, without the bias, and call epilogue(row, column, value) for
// each vector of LANES values of the product.
template <class T, class Epilogue>
void multiply(const T* a, int stride, int rows, const Packed<T>& weights, Epilogue epilogue) {
    const unit* units = reinterpret_cast<const unit*>(a);
    stride /= STEP<T>;
    int blocks = (rows + MAX_ROWS - 1) / MAX_ROWS;
    for (int panel = 0; panel < weights.panels; ++panel) {
        const unit* w = weights.data.data() + size_t(panel) * weights.units * COLUMNS;
        for (int block = 0; block < blocks; ++block) {  // blocks have nearly equal sizes
            int first = rows * block / blocks, next = rows * (block + 1) / blocks;
            multiply_rows<T, MAX_ROWS>(next - first, units + size_t(first) * stride, stride, w,
                                       weights.units, first, panel * COLUMNS, epilogue);
        }
    }
}

}  // namespace tto
