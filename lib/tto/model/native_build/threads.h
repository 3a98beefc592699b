// A few threads that share numbered tasks. Between runs they spin for a moment, because the next
// run usually follows at once. Then they sleep, so that they do not slow down other programs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace tto {

class Threads {
   public:
    explicit Threads(int count) {
        for (int i = 1; i < count; ++i) workers_.emplace_back([this, i] { work(i); });
    }

    ~Threads() {
        {
            std::lock_guard<std::mutex> guard(mutex_);
            stopping_ = true;
            generation_.fetch_add(1);
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    int count() const { return int(workers_.size()) + 1; }

    // Calls task(number, thread) for number = 0..tasks-1 and returns when all have ended. Throws
    // std::bad_alloc if one of them did.
    void run(int tasks, const std::function<void(int, int)>& task) {
        if (tasks <= 1 || workers_.empty()) {
            for (int i = 0; i < tasks; ++i) task(i, 0);
            return;
        }
        task_ = &task;
        tasks_ = tasks;
        next_ = 0;
        busy_ = int(workers_.size());
        {
            std::lock_guard<std::mutex> guard(mutex_);
            generation_.fetch_add(1);
        }
        wake_.notify_all();
        take(0);
        for (int i = 0; busy_.load(); ++i)
            if (i > SPINS) std::this_thread::yield();
        if (failed_.exchange(false)) throw std::bad_alloc();
    }

   private:
    static constexpr int SPINS = 20000;  // some 10 microseconds: less than waking takes

    void take(int thread) {
        for (int i; (i = next_.fetch_add(1)) < tasks_;) try {
                (*task_)(i, thread);
            } catch (const std::bad_alloc&) {
                failed_ = true;
            }
    }

    void work(int thread) {
        unsigned seen = 0;
        while (true) {
            for (int i = 0; i < SPINS && generation_.load() == seen; ++i) {
            }
            if (generation_.load() == seen) {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return generation_.load() != seen; });
            }
            seen = generation_.load();
            if (stopping_) return;
            take(thread);
            busy_.fetch_sub(1);
        }
    }

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::atomic<unsigned> generation_{0};
    std::atomic<bool> stopping_{false}, failed_{false};
    std::atomic<int> next_{0}, busy_{0};
    const std::function<void(int, int)>* task_ = nullptr;
    int tasks_ = 0;
};

}  // namespace tto
