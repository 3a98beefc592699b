// Pages: memory for the keys and values of PAGE tokens in all layers, with a count of references.
// Also the rule for which tokens have keys and values.
#pragma once

#include <mutex>

#include "gemm.h"

namespace tto {

constexpr int PAGE = 16;  // tokens of a page

// The tokens whose keys and values are kept: all tokens, or all but the last one of each transition
// (its reward-to-go) if no later token attends to it.
struct Kept {
    int period;  // tokens of a transition; 0: all tokens are kept

    bool holds(int position) const { return !period || (position + 1) % period; }

    // Number of kept tokens among the first `tokens` ones.
    int among(int tokens) const { return period ? tokens - tokens / period : tokens; }

    // Number of pages for the kept ones of the first `tokens` tokens.
    int pages(int tokens) const { return (among(tokens) + PAGE - 1) / PAGE; }

    // Number, among the kept tokens, of the last one that the token at `position` attends to. That
    // is the token itself if it is kept.
    int last(int position) const { return among(position + 1) - 1; }
};

// Several threads take and release pages. The numbers in a page are always finite: zeros, or those
// of its previous use.
class PagePool {
   public:
    // A page has `units` units; its count of references follows them.
    explicit PagePool(size_t units) : units_(units), stride_(padded(int(units) + 1, 16)) {}

    unit* take() {
        std::lock_guard<std::mutex> guard(mutex_);
        if (free_.empty()) {
            slabs_.emplace_back(stride_ * SLAB);
            for (int i = SLAB; i-- > 0;) free_.push_back(slabs_.back().data() + i * stride_);
        }
        unit* page = free_.back();
        free_.pop_back();
        __atomic_store_n(count(page), 1, __ATOMIC_RELAXED);
        return page;
    }

    void share(unit* page) { __atomic_add_fetch(count(page), 1, __ATOMIC_ACQ_REL); }

    void release(unit* page) {
        if (__atomic_sub_fetch(count(page), 1, __ATOMIC_ACQ_REL)) return;
        std::lock_guard<std::mutex> guard(mutex_);
        free_.push_back(page);
    }

    // The page itself if it has no other holder, else a copy in its place.
    unit* own(unit* page) {
        if (__atomic_load_n(count(page), __ATOMIC_ACQUIRE) == 1) return page;
        unit* copied = copy(page);
        release(page);
        return copied;
    }

    unit* copy(const unit* page) {
        unit* copied = take();
        memcpy(copied, page, units_ * sizeof(unit));
        return copied;
    }

    size_t bytes() const { return slabs_.size() * SLAB * stride_ * sizeof(unit); }

   private:
    static constexpr int SLAB = 64;

    unit* count(unit* page) const { return page + units_; }

    size_t units_, stride_;
    std::mutex mutex_;
    std::vector<Buffer<unit>> slabs_;
    std::vector<unit*> free_;
};

}  // namespace tto
