// The pass of a tile of rows through all blocks. The activations stay in the processor's cache, and
// each weight is read once.
#pragma once

#include "attention.h"

namespace tto {

constexpr int TILE = 64;  // rows

template <class T>
class Forward {
   public:
    explicit Forward(const Model<T>& model)
        : model_(model),
          attention_(model),
          x_(size_t(TILE) * model.width_pad),
          normed_(size_t(TILE) * model.width_pad),
          queries_(size_t(TILE) * model.attended),
          keys_values_(size_t(TILE) * model.qkv_pad),
          attended_(size_t(TILE) * model.attended),
          hidden_(size_t(TILE) * model.hidden_pad) {}

    // Write the keys and values of `rows` to their pages, and the logits after the rows at position
    // `last` to `logits` (sequences, logits_pad).
    void run(const Sequences& sequences, const Row* rows, int n, int last, float* logits) {
        embed(rows, n);
        attention_.plan(sequences, rows, n);
        for (int layer = 0; layer < model_.layers; ++layer) {
            const Layer<T>& block = model_.blocks[layer];
            normalise(block.attention_norm, n);
            project(block.attention_in, n);
            for (int r = 0; r < n; ++r) {
                if (!model_.kept.holds(rows[r].position)) continue;
                const float* key = &keys_values_[size_t(r) * model_.qkv_pad];
                Attention<T>::keep(model_, attention_.own_page(r), layer,
                                   model_.kept.last(rows[r].position) % PAGE, key,
                                   key + model_.attended);
            }
            attention_.attend(layer, queries_.data(), attended_.data());
            add(attended_.data(), model_.attended, block.attention_out, n);
            normalise(block.mlp_norm, n);
            multiply(normed_.data(), model_.width_pad, n, block.mlp_in,
                     [&](int r, int c, vf value) {
                         if (c < model_.hidden_pad)
                             store_as(&hidden_[size_t(r) * model_.hidden_pad + c],
                                      gelu(value + load(&block.mlp_in.bias[c]), T{}));
                     });
            add(hidden_.data(), model_.hidden_pad, block.mlp_out, n);
        }
        output(rows, n, last, logits);
    }

   private:
    void embed(const Row* rows, int n) {
        int C = model_.width;
        for (int r = 0; r < n; ++r) {
            int dimension = rows[r].position % model_.transition_dim;
            size_t index = size_t(dimension) * model_.vocabulary + rows[r].token;
            const float* token = &model_.tokens[index * C];
            const float* position = &model_.positions[size_t(rows[r].position) * C];
            float* x = &x_[size_t(r) * model_.width_pad];
            for (int c = 0; c < C; ++c) x[c] = token[c] + position[c];
            std::fill(x + C, x + model_.width_pad, 0.0f);
        }
    }

    void normalise(const Norm& norm, int n) {
        int C = model_.width, pad = model_.width_pad, vectors = (C + LANES - 1) / LANES * LANES;
        for (int r = 0; r < n; ++r) {
            const float* x = &x_[size_t(r) * pad];
            T* out = &normed_[size_t(r) * pad];
            vf total = {}, square = {};
            for (int c = 0; c < vectors; c += LANES) total += load(x + c);
            vf mean = splat(sum(total) / C);
            for (int c = 0; c < vectors; c += LANES) {
                vf d = choose(lane_numbers() + c < C, load(x + c) - mean, vf{});
                square += d * d;
            }
            vf scale = splat(1.0f / std::sqrt(sum(square) / C + 1e-5f));
            for (int c = 0; c < pad; c += LANES)  // weight and bias are 0 from channel C on
                store_as(out + c, (load(x + c) - mean) * scale * load(&norm.weight[c]) +
                                      load(&norm.bias[c]));
        }
    }

    void project(const Packed<T>& weights, int n) {
        int Q = model_.attended;
        multiply(normed_.data(), model_.width_pad, n, weights, [&](int r, int c, vf value) {
            value += load(&weights.bias[c]);
            if (c < Q)
                store_as(&queries_[size_t(r) * Q + c], value);
            else if (c < 3 * Q)
                store(&keys_values_[size_t(r) * model_.qkv_pad + c - Q], value);
        });
    }

    // x += in * weights + bias
    void add(const T* in, int stride, const Packed<T>& weights, int n) {
        multiply(in, stride, n, weights, [&](int r, int c, vf value) {
            if (c < model_.width_pad) {
                float* x = &x_[size_t(r) * model_.width_pad + c];
                store(x, load(x) + value + load(&weights.bias[c]));
            }
        });
    }

    void output(const Row* rows, int n, int last, float* logits) {
        int m = 0, pad = model_.width_pad, sequence[TILE];
        for (int r = 0; r < n; ++r)
            if (rows[r].position == last) {
                sequence[m] = rows[r].sequence;
                std::copy_n(&x_[size_t(r) * pad], pad, &x_[size_t(m++) * pad]);
            }
        if (!m) return;
        normalise(model_.output_norm, m);
        multiply(normed_.data(), pad, m, model_.output_after(last), [&](int r, int c, vf value) {
            if (c < model_.logits_pad)
                store(logits + size_t(sequence[r]) * model_.logits_pad + c, value);
        });
    }

    const Model<T>& model_;
    Attention<T> attention_;
    Buffer<float> x_;
    Buffer<T> normed_, queries_;
    Buffer<float> keys_values_;
    Buffer<T> attended_, hidden_;
};

}  // namespace tto
