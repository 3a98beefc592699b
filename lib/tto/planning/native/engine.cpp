// The native engine with a C interface: start, select, append, draw and going_on over raw buffers.
//
// Functions return 0, or -1 if memory is short. The caller checks the arguments.

#include <algorithm>

#include "draw.h"
#include "forward.h"
#include "threads.h"

namespace tto {

class Engine {
   public:
    virtual ~Engine() = default;
    virtual void start(const int64_t* contexts, int rows, int tokens) = 0;
    virtual void select(const int64_t* parents, int rows) = 0;
    virtual void append(const int64_t* tokens) = 0;
    virtual void draw(const DrawRule* rules, int n, const float* uniforms, int64_t* tokens,
                      float* log_probs, float* expected) = 0;
    virtual void logits(float* out) const = 0;
    virtual void going_on(float* out) const = 0;
    virtual void counts(int64_t* out) const = 0;
};

template <class T>
class EngineOf final : public Engine {
   public:
    EngineOf(const Sizes& sizes, Arrays arrays)
        : model_(sizes, arrays),
          pool_(Attention<T>::page_units(model_)),
          sequences_(pool_, model_.kept, model_.kept.pages(sizes.block)),
          threads_(sizes.threads) {
        for (int i = 0; i < sizes.threads; ++i) {
            forward_.push_back(std::make_unique<Forward<T>>(model_));
            drawers_.emplace_back(sizes.vocabulary);
        }
    }

    void start(const int64_t* contexts, int rows, int tokens) override {
        bool ready = false;
        sequences_.start(contexts, rows, tokens, [&](int together, const std::vector<Row>& batch) {
            if (!ready) logits_.resize(size_t(sequences_.count()) * model_.logits_pad);
            ready = true;
            run_level(batch, together, tokens - 1);
        });
    }

    void select(const int64_t* parents, int rows) override {
        std::vector<int> stays = sequences_.select(parents, rows);
        size_t pad = model_.logits_pad;
        for (size_t i = 0; i < stays.size(); ++i)
            std::copy_n(&logits_[stays[i] * pad], pad, &logits_[i * pad]);
        logits_.resize(stays.size() * pad);
    }

    void append(const int64_t* tokens) override {
        in_parts([&](Part& part, int thread) { part_append(part, tokens, thread); });
    }

    // Draw n tokens for each row and append all but the last. `uniforms`, `tokens`, `log_probs` and
    // `expected` are (n, rows).
    void draw(const DrawRule* rules, int n, const float* uniforms, int64_t* tokens,
              float* log_probs, float* expected) override {
        size_t rows = sequences_.of_row.size();
        in_parts([&](Part& part, int thread) {
            for (int i = 0; i < n; ++i) {
                for (size_t k = 0; k < part.rows.size(); ++k) {
                    const float* logits =
                        &part.logits[size_t(part.sequences.of_row[k]) * model_.logits_pad];
                    size_t at = i * rows + part.rows[k];
                    Drawn drawn = drawers_[thread].draw(logits, rules[i], uniforms[at]);
                    tokens[at] = drawn.token;
                    log_probs[at] = drawn.log_prob;
                    expected[at] = drawn.expected;
                }
                if (i + 1 < n) part_append(part, tokens + i * rows, thread);
            }
        });
    }

    void logits(float* out) const override {
        int V = model_.vocabulary;
        for (int sequence : sequences_.of_row) {
            std::copy_n(&logits_[size_t(sequence) * model_.logits_pad], V, out);
            out += V;
        }
    }

    // 1 less the probability of the stop token, which follows the bins.
    void going_on(float* out) const override {
        int V = model_.vocabulary;
        for (int sequence : sequences_.of_row) {
            const float* logits = &logits_[size_t(sequence) * model_.logits_pad];
            float top = *std::max_element(logits, logits + model_.outputs), bins = 0.0f, all = 0.0f;
            for (int o = 0; o < model_.outputs; ++o) {
                float chance = std::exp(logits[o] - top);
                all += chance;
                if (o < V) bins += chance;
            }
            *out++ = bins / all;
        }
    }

    void counts(int64_t* out) const override {
        out[0] = int64_t(pool_.bytes());
        out[1] = sequences_.count();
        out[2] = forwarded_;
    }

   private:
    // Rows that one thread advances by itself: it waits for no other thread between tokens, and the
    // keys and values that it reads stay in its cache from one token to the next.
    struct Part {
        Sequences sequences;
        std::vector<int> rows;      // row numbers in the whole engine
        std::vector<float> logits;  // (sequences, logits_pad)
        std::vector<int> tokens;
        std::vector<Row> batch;

        // Sort the rows by their sequences again, after branching.
        void sort() {
            std::vector<int> order = sequences.rows_by_sequence(), numbers, of_row;
            for (int k : order) {
                numbers.push_back(rows[k]);
                of_row.push_back(sequences.of_row[k]);
            }
            rows.swap(numbers);
            sequences.of_row.swap(of_row);
        }
    };

    // Number of tasks so that each has at most `room` of the `items`, and each thread equally many.
    int tasks_for(int items, int room) const {
        int threads = threads_.count(), tasks = std::max((items + room - 1) / room, 1);
        return std::min(items, (tasks + threads - 1) / threads * threads);
    }

    template <class Task>
    void in_parts(Task task) {
        std::vector<int> order = sequences_.rows_by_sequence();
        int rows = int(order.size()), tasks = tasks_for(rows, PART);
        size_t pad = model_.logits_pad;
        std::vector<Part> parts;
        for (int i = 0; i < tasks; ++i) {
            int first = int(int64_t(rows) * i / tasks), next = int(int64_t(rows) * (i + 1) / tasks);
            std::vector<int> numbers(order.begin() + first, order.begin() + next);
            parts.push_back({sequences_.part(&order[first], next - first), numbers, {}, {}, {}});
            Part& part = parts.back();
            part.logits.resize(size_t(part.sequences.count()) * pad);
            for (size_t k = 0; k < numbers.size(); ++k)
                std::copy_n(&logits_[size_t(sequences_.of_row[numbers[k]]) * pad], pad,
                            &part.logits[size_t(part.sequences.of_row[k]) * pad]);
        }
        sequences_.clear();
        threads_.run(tasks, [&](int i, int thread) { task(parts[i], thread); });
        logits_.clear();
        for (Part& part : parts) {
            sequences_.join(part.sequences, part.rows.data());
            logits_.insert(logits_.end(), part.logits.begin(), part.logits.end());
        }
    }

    void part_append(Part& part, const int64_t* tokens, int thread) {
        part.sort();
        part.tokens.clear();
        for (int row : part.rows) part.tokens.push_back(int(tokens[row]));
        part.sequences.append(part.tokens, part.batch);
        part.logits.resize(part.batch.size() * model_.logits_pad);
        int n = int(part.batch.size());
        forwarded_ += n;
        for (int first = 0; first < n; first += TILE)
            forward_[thread]->run(part.sequences, &part.batch[first], std::min(TILE, n - first),
                                  part.sequences.length - 1, part.logits.data());
    }

    // Run the tokens of one level of pages. Each `together` of them must stay in one tile.
    void run_level(const std::vector<Row>& batch, int together, int last) {
        int groups = int(batch.size()) / together, tasks = tasks_for(groups, TILE / together);
        forwarded_ += int64_t(batch.size());
        threads_.run(tasks, [&](int i, int thread) {
            int first = int(int64_t(groups) * i / tasks) * together;
            int next = int(int64_t(groups) * (i + 1) / tasks) * together;
            forward_[thread]->run(sequences_, &batch[first], next - first, last, logits_.data());
        });
    }

    // Most rows of a part. With fewer, weights are read more often; with more, the rows evict each
    // other's pages from the L2 cache.
    static constexpr int PART = 16;

    Model<T> model_;
    PagePool pool_;
    Sequences sequences_;
    Threads threads_;
    std::vector<std::unique_ptr<Forward<T>>> forward_;
    std::vector<Drawer> drawers_;
    std::vector<float> logits_;  // (sequences, logits_pad)
    std::atomic<int64_t> forwarded_{0};  // number of rows computed so far
};

template <class Call>
int guarded(Call call) {
    try {
        call();
        return 0;
    } catch (const std::exception&) {
        return -1;
    }
}

}  // namespace tto

extern "C" {

using tto::Engine;

void* tto_create(const tto::Sizes* sizes, tto::Arrays arrays) {
    Engine* engine = nullptr;
    tto::guarded([&] {
        if (sizes->bfloat16)
            engine = new tto::EngineOf<tto::bf16>(*sizes, arrays);
        else
            engine = new tto::EngineOf<float>(*sizes, arrays);
    });
    return engine;
}

void tto_destroy(void* engine) { delete static_cast<Engine*>(engine); }

int tto_start(void* engine, const int64_t* contexts, int rows, int tokens) {
    return tto::guarded([&] { static_cast<Engine*>(engine)->start(contexts, rows, tokens); });
}

int tto_select(void* engine, const int64_t* parents, int rows) {
    return tto::guarded([&] { static_cast<Engine*>(engine)->select(parents, rows); });
}

int tto_append(void* engine, const int64_t* tokens) {
    return tto::guarded([&] { static_cast<Engine*>(engine)->append(tokens); });
}

int tto_draw(void* engine, const tto::DrawRule* rules, int n, const float* uniforms,
             int64_t* tokens, float* log_probs, float* expected) {
    return tto::guarded([&] {
        static_cast<Engine*>(engine)->draw(rules, n, uniforms, tokens, log_probs, expected);
    });
}

void tto_logits(void* engine, float* out) { static_cast<Engine*>(engine)->logits(out); }

void tto_going_on(void* engine, float* out) { static_cast<Engine*>(engine)->going_on(out); }

void tto_counts(void* engine, int64_t* out) { static_cast<Engine*>(engine)->counts(out); }
}
