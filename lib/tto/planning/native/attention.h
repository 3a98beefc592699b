// Attention of a few rows to the pages of their sequences. Rows that share pages attend to them
// together, so that keys and values are loaded once. Where their pages differ, the rows are halved,
// and each half attends by itself.
//
// In a page, each layer and head has its keys as (head_pad / STEP, PAGE) units and then its values
// as (PAGE / STEP, head_pad) units.
#pragma once

#include "model.h"
#include "sequences.h"

namespace tto {

template <class T>
class Attention {
   public:
    explicit Attention(const Model<T>& model)
        : model_(model),
          stride_(model.kept.pages(model.block) * PAGE),
          scores_(size_t(GROUP) * stride_),
          weights_(size_t(GROUP) * stride_),
          total_(size_t(GROUP) * model.head_pad) {}

    // Units of a page, with room for one head more than there is. Otherwise the same head of many
    // pages would fall into the same few sets of the caches, whose sizes are powers of two as well.
    static size_t page_units(const Model<T>& model) {
        return (size_t(model.layers) * model.heads + 1) * 2 * half(model);
    }

    // Write the key and value of one token, each (heads, head_pad), into its page.
    static void keep(const Model<T>& model, unit* page, int layer, int slot, const float* key,
                     const float* value) {
        int K = model.head_pad;
        alignas(64) T rounded[16];
        for (int head = 0; head < model.heads; ++head) {
            unit* keys = page + size_t(layer * model.heads + head) * 2 * half(model) + slot;
            T* values = reinterpret_cast<T*>(keys - slot + half(model)) +
                        slot / STEP<T> * K * STEP<T> + slot % STEP<T>;
            for (int i = 0; i < K; i += 16, key += 16, value += 16) {
                for (int v = 0; v < 16; v += LANES) store_as(rounded + v, load(key + v));
                unit units[16 / STEP<T>];
                memcpy(units, rounded, sizeof units);
                for (unit pair : units) {
                    *keys = pair;
                    keys += PAGE;
                }
                for (int v = 0; v < 16; v += LANES) store_as(rounded + v, load(value + v));
                for (T element : rounded) {
                    *values = element;
                    values += STEP<T>;
                }
            }
        }
    }

    // Find which rows of a tile share which pages. All rows must be on one level of pages.
    void plan(const Sequences& sequences, const Row* rows, int n) {
        pages_ = model_.kept.last(rows[0].position) / PAGE + 1;
        addresses_.resize(size_t(n) * pages_);
        last_.resize(n);
        tail_ = 0;
        for (int r = 0; r < n; ++r) {
            std::copy_n(sequences.table(rows[r].sequence), pages_, &addresses_[r * pages_]);
            last_[r] = model_.kept.last(rows[r].position);
            tail_ = std::max(tail_, last_[r] % PAGE + 1);
        }
        jobs_.clear();
        groups_.clear();
        for (int row = 0; row < n; row += GROUP) {
            groups_.push_back({row, std::min(GROUP, n - row), int(jobs_.size()), 0});
            split(row, groups_.back().rows, 0);
            groups_.back().last_job = int(jobs_.size());
        }
    }

    // The page for a row's own key and value.
    unit* own_page(int row) const { return addresses_[size_t(row + 1) * pages_ - 1]; }

    // Compute the attention of the planned rows; `queries` and `out` are (rows, heads, head_pad).
    void attend(int layer, const T* queries, T* out) {
        size_t block = 2 * half(model_);
        for (size_t g = 0; g < groups_.size(); ++g) {
            size_t offset = size_t(groups_[g].row) * model_.attended;
            for (int head = 0; head < model_.heads; ++head) {
                size_t at = size_t(layer * model_.heads + head) * block;
                attend_head(groups_[g], at, queries + offset + head * model_.head_pad,
                            out + offset + head * model_.head_pad);
            }
        }
    }

   private:
    struct Job {
        int row, rows, first, last;  // rows that share pages first..last-1
    };
    struct Group {
        int row, rows, job, last_job;
    };

    static size_t half(const Model<T>& model) {
        return size_t(PAGE) * model.head_pad / STEP<T>;
    }

    void split(int row, int rows, int page) {
        int last = page;
        auto shared = [&](int j) {
            for (int r = row + 1; r < row + rows; ++r)
                if (addresses_[r * pages_ + j] != addresses_[row * pages_ + j]) return false;
            return true;
        };
        while (last < pages_ && shared(last)) ++last;
        if (last > page) jobs_.push_back({row, rows, page, last});
        if (last < pages_) {
            split(row, rows / 2, last);
            split(row + rows / 2, rows - rows / 2, last);
        }
    }

    void attend_head(const Group& group, size_t keys, const T* queries, T* out) {
        size_t values = keys + half(model_);
        for (int i = group.job; i < group.last_job; ++i)
            scores<GROUP>(jobs_[i], jobs_[i].row - group.row, keys, queries);
        float scale[GROUP];
        for (int r = 0; r < group.rows; ++r) scale[r] = softmax(r, last_[group.row + r]);
        std::fill_n(total_.data(), size_t(group.rows) * model_.head_pad, 0.0f);
        for (int i = group.job; i < group.last_job; ++i)
            mix<GROUP>(jobs_[i], jobs_[i].row - group.row, values);
        for (int r = 0; r < group.rows; ++r)
            for (int i = 0; i < model_.head_pad; i += LANES)
                store_as(out + size_t(r) * model_.attended + i,
                         load(&total_[r * model_.head_pad + i]) * scale[r]);
    }

    template <int ROWS>
    void scores(const Job& job, int row, size_t offset, const T* queries) {
        if constexpr (ROWS > 1)
            if (job.rows < ROWS) return scores<ROWS - 1>(job, row, offset, queries);
        // Few rows take several pages at once; otherwise each product would wait for the previous.
        constexpr int AT_ONCE = ROWS >= 6 || LANES < 16 ? 1 : ROWS >= 3 ? 2 : 4;
        int page = job.first;
        for (; page + AT_ONCE <= job.last; page += AT_ONCE)
            score_pages<ROWS, AT_ONCE>(job, row, page, offset, queries);
        for (; page < job.last; ++page) score_pages<ROWS, 1>(job, row, page, offset, queries);
    }

    template <int ROWS, int PAGES>
    void score_pages(const Job& job, int row, int page, size_t offset, const T* queries) {
        constexpr int V = PAGE / LANES;
        const unit* q = reinterpret_cast<const unit*>(queries + size_t(row) * model_.attended);
        int stride = model_.attended / STEP<T>, units = model_.head_pad / STEP<T>;
        const unit* keys[PAGES];
        for (int p = 0; p < PAGES; ++p)
            keys[p] = addresses_[job.row * pages_ + page + p] + offset;
        vf total[ROWS][PAGES * V] = {};
        for (int u = 0; u < units; ++u)
            for (int p = 0; p < PAGES; ++p)
                for (int v = 0; v < V; ++v) {
                    vf k = load(keys[p] + u * PAGE + v * LANES);
                    for (int r = 0; r < ROWS; ++r)
                        total[r][p * V + v] =
                            dot<T>(total[r][p * V + v], q[r * stride + u], k);
                }
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < PAGES * V; ++v)
                store(&scores_[(row + r) * stride_ + page * PAGE + v * LANES], total[r][v]);
    }

    // Compute the weights of the kept tokens up to `last`, not yet divided by their sum. Return the
    // inverse of that sum.
    float softmax(int row, int last) {
        float* s = &scores_[size_t(row) * stride_];
        T* w = &weights_[size_t(row) * stride_];
        int end = pages_ * PAGE;
        vf none = splat(-INFINITY), top = none;
        for (int p = last / LANES * LANES; p < end; p += LANES)
            store(s + p, choose(lane_numbers() + p <= last, load(s + p), none));
        for (int p = 0; p < end; p += LANES) top = maximum(top, load(s + p));
        top = splat(largest(top));
        vf total = {};
        for (int p = 0; p < end; p += LANES) {
            vf e = exp2<T>(load(s + p) - top);
            total += e;
            store_as(w + p, e);
        }
        return 1.0f / sum(total);
    }

    template <int ROWS>
    void mix(const Job& job, int row, size_t offset) {
        if constexpr (ROWS > 1)
            if (job.rows < ROWS) return mix<ROWS - 1>(job, row, offset);
        constexpr int V = 16 / LANES;
        for (int d = 0; d < model_.head_pad; d += 16)
            if (LANES == 16 && d + 32 <= model_.head_pad) {
                mix_columns<ROWS, 2 * V>(job, row, offset, d);
                d += 16;
            } else {
                mix_columns<ROWS, V>(job, row, offset, d);
            }
    }

    template <int ROWS, int V>
    void mix_columns(const Job& job, int row, size_t offset, int column) {
        const unit* w = reinterpret_cast<const unit*>(&weights_[size_t(row) * stride_]);
        float* out = &total_[size_t(row) * model_.head_pad + column];
        int stride = stride_ / STEP<T>, width = model_.head_pad;
        vf total[ROWS][V];
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < V; ++v) total[r][v] = load(out + r * width + v * LANES);
        for (int page = job.first; page < job.last; ++page) {
            const unit* values = addresses_[job.row * pages_ + page] + offset + column;
            int tokens = page == pages_ - 1 ? tail_ : PAGE;
            for (int u = 0; u * STEP<T> < tokens; ++u, values += width) {
                vf x[V];
                for (int v = 0; v < V; ++v) x[v] = load(values + v * LANES);
                for (int r = 0; r < ROWS; ++r)
                    for (int v = 0; v < V; ++v)
                        total[r][v] =
                            dot<T>(total[r][v], w[r * stride + page * PAGE / STEP<T> + u], x[v]);
            }
        }
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < V; ++v) store(out + r * width + v * LANES, total[r][v]);
    }

    const Model<T>& model_;
    int stride_, pages_ = 0, tail_ = 0;
    Buffer<float> scores_;
    Buffer<T> weights_;
    Buffer<float> total_;
    std::vector<Job> jobs_;
    std::vector<Group> groups_;
    std::vector<unit*> addresses_;  // (rows, pages_)
    std::vector<int> last_;         // the last kept token that each row attends to
};

}  // namespace tto
