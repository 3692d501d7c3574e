#pragma once

// Which lock guards what, in words that clang checks (-Wthread-safety, see
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html and scripts/support/thread-safety.mjs). For
// g++, which builds the addon, they are comments.

#if defined(__clang__)
#define ZEROSEND_ANNOTATION(x) __attribute__((x))
#else
#define ZEROSEND_ANNOTATION(x)
#endif

// On a class: it is a lock; it holds one for as long as it lives.
#define CAPABILITY(name) ZEROSEND_ANNOTATION(capability(name))
#define SCOPED_CAPABILITY ZEROSEND_ANNOTATION(scoped_lockable)

// On a member: it is read and written under the lock only.
#define GUARDED_BY(mutex) ZEROSEND_ANNOTATION(guarded_by(mutex))

// On a function: who calls it holds the lock; does not hold it; does from then on; no longer does.
#define REQUIRES(...) ZEROSEND_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) ZEROSEND_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) ZEROSEND_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) ZEROSEND_ANNOTATION(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) ZEROSEND_ANNOTATION(try_acquire_capability(__VA_ARGS__))
// It is known to hold the lock by what the analysis cannot follow: a lambda that others call.
#define ASSERT_CAPABILITY(...) ZEROSEND_ANNOTATION(assert_capability(__VA_ARGS__))
// It is right by a rule other than a lock, which a comment there states.
#define NO_THREAD_SAFETY_ANALYSIS ZEROSEND_ANNOTATION(no_thread_safety_analysis)
