// The native engine behind a C interface: start, select, append and draw over raw buffers.
//
// Functions return 0, or -1 where memory is short. What is passed is checked by the caller.

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
    virtual void draw(const Rule* rules, int n, const float* uniforms, int64_t* tokens,
                      float* log_probs, float* expected) = 0;
    virtual void logits(float* out) const = 0;
    virtual void counts(int64_t* out) const = 0;
};

template <class T>
class EngineOf final : public Engine {
   public:
    EngineOf(const Sizes& sizes, Arrays arrays)
        : model_(sizes, arrays),
          sequences_(sizes.block, Attention<T>::page_units(model_), sizes.bins),
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
            run(batch, together, tokens - 1);
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
        sequences_.append(tokens, batch_, copies_);
        size_t bytes = sequences_.pool.units() * sizeof(unit);
        threads_.run(int(copies_.size()), [&](int i, int) {
            memcpy(sequences_.pool.at(copies_[i].to), sequences_.pool.at(copies_[i].from), bytes);
        });
        logits_.resize(batch_.size() * model_.logits_pad);
        run(batch_, 1, sequences_.length - 1);
    }

    // Draw n tokens for each row and append all but the last. `uniforms`, `tokens`, `log_probs` and
    // `expected` are (n, rows).
    void draw(const Rule* rules, int n, const float* uniforms, int64_t* tokens, float* log_probs,
              float* expected) override {
        int rows = int(sequences_.of_row.size()), chunk = 16;
        for (int i = 0; i < n; ++i) {
            threads_.run((rows + chunk - 1) / chunk, [&](int task, int thread) {
                for (int r = task * chunk; r < std::min(rows, (task + 1) * chunk); ++r) {
                    const float* logits =
                        &logits_[size_t(sequences_.of_row[r]) * model_.logits_pad];
                    Drawn drawn = drawers_[thread].draw(logits, rules[i], uniforms[r]);
                    tokens[r] = drawn.token;
                    log_probs[r] = drawn.log_prob;
                    expected[r] = drawn.expected;
                }
            });
            if (i + 1 < n) append(tokens);
            uniforms += rows, tokens += rows, log_probs += rows, expected += rows;
        }
    }

    void logits(float* out) const override {
        int V = model_.vocabulary;
        for (int sequence : sequences_.of_row) {
            std::copy_n(&logits_[size_t(sequence) * model_.logits_pad], V, out);
            out += V;
        }
    }

    void counts(int64_t* out) const override {
        out[0] = int64_t(sequences_.pool.bytes());
        out[1] = sequences_.count();
        out[2] = forwarded_;
    }

   private:
    // Run rows of which each `together` must stay in one tile.
    void run(const std::vector<Row>& batch, int together, int last) {
        int groups = int(batch.size()) / together, room = std::max(1, TILE / together);
        int tiles = std::max((groups + room - 1) / room, std::min(threads_.count(), groups));
        tiles = (tiles + threads_.count() - 1) / threads_.count() * threads_.count();
        forwarded_ += int64_t(batch.size());
        threads_.run(tiles, [&](int i, int thread) {
            int first = int(int64_t(groups) * i / tiles) * together;
            int next = int(int64_t(groups) * (i + 1) / tiles) * together;
            if (next > first)
                forward_[thread]->run(sequences_, &batch[first], next - first, last,
                                      logits_.data());
        });
    }

    Model<T> model_;
    Sequences sequences_;
    Threads threads_;
    std::vector<std::unique_ptr<Forward<T>>> forward_;
    std::vector<Drawer> drawers_;
    std::vector<float> logits_;  // (sequences, logits_pad)
    std::vector<Row> batch_;
    std::vector<Copy> copies_;
    int64_t forwarded_ = 0;  // rows that went through the model
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
        engine = sizes->bfloat16 ? static_cast<Engine*>(new tto::EngineOf<tto::bf16>(*sizes, arrays))
                                 : new tto::EngineOf<float>(*sizes, arrays);
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

int tto_draw(void* engine, const tto::Rule* rules, int n, const float* uniforms, int64_t* tokens,
             float* log_probs, float* expected) {
    return tto::guarded([&] {
        static_cast<Engine*>(engine)->draw(rules, n, uniforms, tokens, log_probs, expected);
    });
}

void tto_logits(void* engine, float* out) { static_cast<Engine*>(engine)->logits(out); }

void tto_counts(void* engine, int64_t* out) { static_cast<Engine*>(engine)->counts(out); }
}
